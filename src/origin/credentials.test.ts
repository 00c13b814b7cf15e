import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { registerHooks } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'

import { Secret } from '../primitives/secret.ts'
import { createCredentialSource } from './credentials.ts'

const start = Date.UTC(2040, 0, 1)
const minute = 60_000

const packagesLoaded: string[] = []
registerHooks({
  resolve: (specifier, context, next) => {
    if (/^@(?:aws-sdk|smithy)\//.test(specifier)) packagesLoaded.push(specifier)
    return next(specifier, context)
  },
})

test('written credentials and none at all are at hand without loading the SDK', async (t) => {
  const secretKey = new Secret('secret')
  const written = { kind: 'static', accessKey: 'AKIA', secretKey } as const

  const plain = createCredentialSource({ ...written, sessionToken: undefined }, 'us-east-1')
  plain.invalidate()
  assert.deepEqual(plain.get(start), keys('AKIA', 'secret'))

  const sessionToken = new Secret('token')
  const session = createCredentialSource({ ...written, sessionToken }, 'us-east-1')
  assert.deepEqual(session.get(start), keys('AKIA', 'secret', 'token'))

  assert.equal(createCredentialSource({ kind: 'anonymous' }, 'us-east-1').get(start), undefined)
  assert.equal(packagesLoaded.length, 0, packagesLoaded.join())

  setEnvironment(t, { AWS_ACCESS_KEY_ID: 'ENV', AWS_SECRET_ACCESS_KEY: 'env-secret' })
  await createCredentialSource({ kind: 'environment' }, 'us-east-1').get(start)
  assert.ok(packagesLoaded.includes('@aws-sdk/credential-providers'))
})

test('the environment gives credentials', async (t) => {
  setEnvironment(t, {
    AWS_ACCESS_KEY_ID: 'ENV',
    AWS_SECRET_ACCESS_KEY: 'env-secret',
    AWS_SESSION_TOKEN: 'env-token',
  })
  const source = createCredentialSource({ kind: 'environment' }, 'us-east-1')
  assert.deepEqual(await source.get(start), keys('ENV', 'env-secret', 'env-token'))
})

test('a failure says what was tried and tells no secret', async (t) => {
  setEnvironment(t, { AWS_SECRET_ACCESS_KEY: 'env-secret' })
  const source = createCredentialSource({ kind: 'environment' }, 'us-east-1')
  const error = await failureOf(source.get(start))
  assert.match(error.message, /^no credentials from the environment \(AWS_ACCESS_KEY_ID and /)
  assert.match(error.message, /Unable to find environment variable credentials/)
  assertTellsNo('env-secret', error)
})

test('a profile of the shared files is read, and read again once it was turned down', async (t) => {
  const file = join(temporaryFolder(t), 'credentials')
  const write = (name: string) =>
    writeFileSync(file, `[cdn]\naws_access_key_id = ${name}\naws_secret_access_key = secret\n`)
  setEnvironment(t, { AWS_SHARED_CREDENTIALS_FILE: file })

  write('FIRST')
  const source = createCredentialSource({ kind: 'profile', profile: 'cdn' }, 'us-east-1')
  assert.deepEqual(await source.get(start), keys('FIRST', 'secret'))

  write('SECOND')
  assert.deepEqual(source.get(start + minute), keys('FIRST', 'secret'))
  source.invalidate()
  assert.deepEqual(await source.get(start + minute), keys('SECOND', 'secret'))

  const other = createCredentialSource({ kind: 'profile', profile: 'other' }, 'us-east-1')
  assert.match(
    (await failureOf(other.get(start))).message,
    /^no credentials from the profile other/,
  )
})

test('a profile without a name is the one of AWS_PROFILE', async (t) => {
  const file = join(temporaryFolder(t), 'credentials')
  writeFileSync(file, '[cdn]\naws_access_key_id = CDN\naws_secret_access_key = secret\n')
  setEnvironment(t, { AWS_SHARED_CREDENTIALS_FILE: file, AWS_PROFILE: 'cdn' })
  const source = createCredentialSource({ kind: 'profile', profile: undefined }, 'us-east-1')
  assert.deepEqual(await source.get(start), keys('CDN', 'secret'))
})

test('the container endpoint is asked with its token, renewed, and survived', async (t) => {
  let name: string | undefined = 'FIRST'
  const url = await serve(t, (request) => {
    if (request.headers.authorization !== 'let-me-in') return { status: 401 }
    if (name === undefined) return { status: 500 }
    const hours = name === 'FIRST' ? 1 : 2
    return { body: JSON.stringify({ ...awsKeys(name), Expiration: isoAfter(hours * 60) }) }
  })
  setEnvironment(t, {
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/credentials`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: 'let-me-in',
  })
  const source = createCredentialSource({ kind: 'container' }, 'us-east-1')
  assert.deepEqual(await source.get(start), keys('FIRST', 'secret', 'token'))

  name = 'SECOND'
  assert.deepEqual(source.get(start + 56 * minute), keys('FIRST', 'secret', 'token'))
  assert.deepEqual(await source.get(start + 61 * minute), keys('SECOND', 'secret', 'token'))

  name = undefined
  assert.deepEqual(source.get(start + 116 * minute), keys('SECOND', 'secret', 'token'))
  const error = await failureOf(source.get(start + 121 * minute))
  assert.match(error.message, /^no credentials from the container endpoint .*status: 500/)
})

test('an answer that cannot be read is not quoted in the error', async (t) => {
  const url = await serve(t, () => ({ body: '{"SecretAccessKey":hunter2' }))
  setEnvironment(t, { AWS_CONTAINER_CREDENTIALS_FULL_URI: url })
  const source = createCredentialSource({ kind: 'container' }, 'us-east-1')
  const error = await failureOf(source.get(start))
  assert.match(error.message, /: SyntaxError$/)
  assertTellsNo('hunter2', error)
})

test('a failing credential_process is not quoted in the error', async (t) => {
  const file = join(temporaryFolder(t), 'config')
  writeFileSync(file, '[profile cdn]\ncredential_process = false hunter2\n')
  setEnvironment(t, { AWS_CONFIG_FILE: file })
  const source = createCredentialSource({ kind: 'profile', profile: 'cdn' }, 'us-east-1')
  const error = await failureOf(source.get(start))
  assert.match(error.message, /^no credentials from the profile cdn: /)
  assertTellsNo('hunter2', error)
})

test('the instance metadata service is asked in its second version', async (t) => {
  const asked: string[] = []
  const folder = '/latest/meta-data/iam/security-credentials/'
  const url = await serve(t, (request) => {
    asked.push(`${request.method} ${request.url}`)
    if (request.method === 'PUT') return { body: 'session-1' }
    if (request.headers['x-aws-ec2-metadata-token'] !== 'session-1') return { status: 401 }
    if (request.url === folder) return { body: 'cdn-role' }
    return { body: JSON.stringify({ ...awsKeys('EC2'), Expiration: isoAfter(60) }) }
  })
  setEnvironment(t, { AWS_EC2_METADATA_SERVICE_ENDPOINT: url })
  const source = createCredentialSource({ kind: 'instance' }, 'us-east-1')
  assert.deepEqual(await source.get(start), keys('EC2', 'secret', 'token'))
  assert.deepEqual(asked, ['PUT /latest/api/token', `GET ${folder}`, `GET ${folder}cdn-role`])
})

test('an instance metadata service that is away is named in the error', async (t) => {
  setEnvironment(t, { AWS_EC2_METADATA_SERVICE_ENDPOINT: await closedPort() })
  const source = createCredentialSource({ kind: 'instance' }, 'us-east-1')
  const error = await failureOf(source.get(start))
  assert.match(error.message, /^no credentials from the instance metadata service: .*ECONNREFUSED/)
})

test('a web identity token is read anew at each load and given to STS', async (t) => {
  const tokens: (string | null)[] = []
  const url = await serve(t, async (request) => {
    const form = new URLSearchParams(await text(request))
    assert.equal(form.get('Action'), 'AssumeRoleWithWebIdentity')
    assert.equal(form.get('RoleArn'), 'arn:aws:iam::1:role/cdn')
    tokens.push(form.get('WebIdentityToken'))
    return { body: stsAnswer('AssumeRoleWithWebIdentity', `WEB${tokens.length}`) }
  })
  const tokenFile = join(temporaryFolder(t), 'token')
  setEnvironment(t, { AWS_ENDPOINT_URL_STS: url })
  const roleArn = 'arn:aws:iam::1:role/cdn'
  const source = createCredentialSource({ kind: 'web_identity', roleArn, tokenFile }, 'eu-west-1')

  writeFileSync(tokenFile, 'jwt-1')
  assert.deepEqual(await source.get(start), keys('WEB1', 'secret', 'token'))
  writeFileSync(tokenFile, 'jwt-2')
  source.invalidate()
  assert.deepEqual(await source.get(start + minute), keys('WEB2', 'secret', 'token'))
  assert.deepEqual(tokens, ['jwt-1', 'jwt-2'])
})

test('a web identity without a file says so', async (t) => {
  setEnvironment(t, {})
  const config = { kind: 'web_identity', roleArn: undefined, tokenFile: '/nowhere/token' } as const
  const error = await failureOf(createCredentialSource(config, 'eu-west-1').get(start))
  assert.match(error.message, /^no credentials from the web identity token in \/nowhere\/token: /)
})

test('a role is assumed through STS, signed for the region, with its external id', async (t) => {
  const asked: { authorization: string | undefined; form: URLSearchParams }[] = []
  const url = await serve(t, async (request) => {
    const { authorization } = request.headers
    asked.push({ authorization, form: new URLSearchParams(await text(request)) })
    return { body: stsAnswer('AssumeRole', 'ROLE') }
  })
  setEnvironment(t, {
    AWS_ENDPOINT_URL_STS: url,
    AWS_ACCESS_KEY_ID: 'BASE',
    AWS_SECRET_ACCESS_KEY: 'base-secret',
  })
  const roleArn = 'arn:aws:iam::1:role/cdn'
  const config = { kind: 'assume_role', roleArn, externalId: 'ext-1' } as const
  const source = createCredentialSource(config, 'eu-west-1')
  assert.deepEqual(await source.get(start), keys('ROLE', 'secret', 'token'))

  assert.equal(asked.length, 1)
  assert.match(asked[0]?.authorization ?? '', /Credential=BASE\/\d{8}\/eu-west-1\/sts\//)
  assert.equal(asked[0]?.form.get('Action'), 'AssumeRole')
  assert.equal(asked[0]?.form.get('RoleArn'), roleArn)
  assert.equal(asked[0]?.form.get('ExternalId'), 'ext-1')
  assert.equal(asked[0]?.form.get('RoleSessionName'), 'sluice')
})

test('a role that may not be assumed is told with the reason STS gives', async (t) => {
  const denied =
    '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>' +
    '<Code>AccessDenied</Code><Message>not authorized to perform sts:AssumeRole</Message></Error>' +
    '<RequestId>1</RequestId></ErrorResponse>'
  setEnvironment(t, {
    AWS_ENDPOINT_URL_STS: await serve(t, () => ({ status: 403, body: denied })),
    AWS_ACCESS_KEY_ID: 'BASE',
    AWS_SECRET_ACCESS_KEY: 'base-secret',
  })
  const roleArn = 'arn:aws:iam::1:role/cdn'
  const config = { kind: 'assume_role', roleArn, externalId: undefined } as const
  const error = await failureOf(createCredentialSource(config, 'eu-west-1').get(start))
  assert.equal(
    error.message,
    'no credentials from assuming the role arn:aws:iam::1:role/cdn: ' +
      'AccessDenied: not authorized to perform sts:AssumeRole',
  )
  assertTellsNo('base-secret', error)
})

test('the default chain takes the first that has credentials', async (t) => {
  const body = JSON.stringify({ ...awsKeys('ECS'), Expiration: isoAfter(60) })
  const url = await serve(t, () => ({ body }))
  setEnvironment(t, { AWS_CONTAINER_CREDENTIALS_FULL_URI: url })
  const container = createCredentialSource({ kind: 'default' }, 'us-east-1')
  assert.deepEqual(await container.get(start), keys('ECS', 'secret', 'token'))

  process.env['AWS_ACCESS_KEY_ID'] = 'ENV'
  process.env['AWS_SECRET_ACCESS_KEY'] = 'env-secret'
  const environment = createCredentialSource({ kind: 'default' }, 'us-east-1')
  assert.deepEqual(await environment.get(start), keys('ENV', 'env-secret'))
})

test('a default chain that ends without credentials says what it looked at', async (t) => {
  setEnvironment(t, { AWS_EC2_METADATA_DISABLED: 'true' })
  const source = createCredentialSource({ kind: 'default' }, 'us-east-1')
  const error = await failureOf(source.get(start))
  assert.match(error.message, /^no credentials from the default chain \(environment, profile, /)
})

function keys(accessKeyId: string, secretAccessKey: string, sessionToken?: string) {
  return { accessKeyId, secretAccessKey, sessionToken }
}

function awsKeys(name: string) {
  return { Code: 'Success', AccessKeyId: name, SecretAccessKey: 'secret', Token: 'token' }
}

function isoAfter(minutes: number): string {
  return new Date(start + minutes * minute).toISOString()
}

function stsAnswer(action: string, name: string): string {
  return (
    `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>` +
    `<Credentials><AccessKeyId>${name}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>` +
    `<SessionToken>token</SessionToken><Expiration>${isoAfter(60)}</Expiration></Credentials>` +
    `</${action}Result></${action}Response>`
  )
}

async function failureOf(got: unknown): Promise<Error> {
  try {
    await got
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new assert.AssertionError({ message: 'there were credentials' })
}

function assertTellsNo(secret: string, error: Error): void {
  assert.equal(error.cause, undefined)
  assert.ok(!`${error.message}${error.stack ?? ''}${JSON.stringify(error)}`.includes(secret))
}

/** Nothing of the machine's own AWS settings is left, and all of it comes back. */
function setEnvironment(t: TestContext, wanted: Record<string, string>): void {
  const before = { ...process.env }
  t.after(() => {
    process.env = before
  })
  const nowhere = join(temporaryFolder(t), 'none')
  const others = Object.entries(before).filter(([name]) => !name.startsWith('AWS_'))
  process.env = {
    ...Object.fromEntries(others),
    HOME: nowhere,
    AWS_CONFIG_FILE: nowhere,
    AWS_SHARED_CREDENTIALS_FILE: nowhere,
    ...wanted,
  }
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-credentials-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

interface Answer {
  readonly status?: number
  readonly body?: string
}

async function serve(
  t: TestContext,
  answer: (request: IncomingMessage) => Answer | Promise<Answer>,
): Promise<string> {
  const server = createServer((request, response) => {
    void Promise.resolve(answer(request)).then(({ status = 200, body = '' }) =>
      response.writeHead(status).end(body),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return urlOf(server)
}

/** Where nobody listens any more. */
async function closedPort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = urlOf(server)
  server.close()
  await once(server, 'close')
  return url
}

function urlOf(server: Server): string {
  // A server that listens on TCP has an address of this kind.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
