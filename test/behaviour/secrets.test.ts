// Nothing secret stands in anything that Sluice writes: not in its log, its answers, the errors of its
// commands, the files of its cache, or what it asks of S3. Every secret of the configuration and of the
// clients is brought to every place that could let it out, and then looked for everywhere.

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { openS3Server } from '../../dev/s3-server.ts'
import type { S3Server } from '../../dev/s3-server.ts'
import { rawExchange, request } from '../support/http.ts'
import type { RequestOptions } from '../support/http.ts'
import { openIssuer } from '../support/issuer.ts'
import type { Issuer } from '../support/issuer.ts'
import { leaksIn } from '../support/leaks.ts'
import type { Text } from '../support/leaks.ts'
import { openRedis } from '../support/redis.ts'
import type { RedisServer } from '../support/redis.ts'
import { openSluice, runSluice } from '../support/sluice.ts'
import type { Sluice } from '../support/sluice.ts'
import { bearer, hmac, inSeconds, token } from '../support/tokens.ts'
import { until } from '../support/until.ts'

/** What the configuration holds. A new secret setting is added here, and to `configOf`. */
const OWN = {
  jwt: 'jX3v9Qw7Lr2Zt8Yp5Nc1Hb6Mf4Gd0Js7',
  bucketJwt: 'bQ7Lr2Zt8Yp5Nc1Hb6Mf4Gd0Js7kX3v9',
  accessKey: 'AKIDSECRETS7Q2M',
  secretKey: 'sK/8fGq+3mWz6rTy1uIo4pAsD5hJ7kL',
  sessionToken: 'sT/IQoJb3JpZ2luX2VjEHgaCXVzLWVhc3Qt+1=',
  wrongSecretKey: 'wK/2xCv+9bNm5aSd8fGh3jKl1qWe6rT',
  redisPassword: 'rP-4tYu7iOp2aSd9fGh5',
  adminToken: 'aT-9zXc3vBn6mQw1eRt8y',
  viewerToken: 'vT-5kJh2gFd8sAq4wEr7t',
  purgerToken: 'pT-1oIu6yTr9eWq3aSd5f',
  keySetKey: 'qK-6zAs3dFg9hJk2lQw5e',
} as const

/** What strangers and clients show, beside tokens. */
const SHOWN = {
  wrongAdmin: 'xT-7bVc2nMx4zLk9jHg6f',
  sessionCookie: 'cK-3pOi8uYt5rEw2qAs7d',
  basicPassword: 'uP-6mNb1vCx9zLk4jHg8f',
  apiKey: 'kY-2wEr5tYu8iOp3aSd6f',
  amzSignature: 'f0e1d2c3b4a5968778695a4b3c2d1e0f',
} as const

function signed(claims: object, secret: string): string {
  return token({ claims: { sub: 'ann', role: 'reader', ...claims }, sign: hmac(secret) })
}

const TOKENS = {
  good: signed({}, OWN.jwt),
  expired: signed({ exp: inSeconds(-3600) }, OWN.jwt),
  early: signed({ nbf: inSeconds(3600) }, OWN.jwt),
  denied: signed({ role: 'nobody' }, OWN.jwt),
  forged: signed({}, SHOWN.apiKey.padEnd(32, 'x')),
  operator: signed({ role: 'admin' }, OWN.jwt),
  ofBucket: signed({}, OWN.bucketJwt),
  unknownKid: token({ head: { alg: 'RS256', kid: 'nobody' }, sign: hmac(OWN.jwt) }),
} as const

const folder = mkdtempSync(join(tmpdir(), 'sluice-secrets-'))
const cacheFolder = join(folder, 'cache')
const answers: Text[] = []
let s3: S3Server
let redis: RedisServer
let issuer: Issuer
let sluice: Sluice

before(async () => {
  const { accessKey: accessKeyId, secretKey: secretAccessKey, sessionToken } = OWN
  s3 = await openS3Server({ credentials: [{ accessKeyId, secretAccessKey, sessionToken }] })
  s3.createBucket('objects')
  for (const key of ['a', 'b', 'c']) s3.putObject('objects', key, `the body of ${key}`)
  const password = OWN.redisPassword
  redis = await openRedis({ password, settings: [['requirepass', password]] })
  issuer = await openIssuer()
  issuer.answers.set('/jwks', { keys: [] })
  sluice = await openSluice(configOf(), { env: { CRASH_ON: 'SIGUSR2', NODE_OPTIONS: crasher() } })
})

after(async () => {
  await sluice?.close()
  await Promise.all([s3?.close(), redis?.close(), issuer?.close()])
  rmSync(folder, { recursive: true, force: true })
})

/** An error nobody catches, as a bug would throw it. */
function crasher(): string {
  const file = join(folder, 'crash.mjs')
  const crash = `process.on('SIGUSR2', () => { throw new Error('a bug') })`
  writeFileSync(file, `if (process.env.CRASH_ON) ${crash}\n`)
  return `--import=${file}`
}

function configOf(): Readonly<Record<string, unknown>> {
  const { endpoint } = s3
  const keys = {
    access_key: OWN.accessKey,
    secret_key: OWN.secretKey,
    session_token: OWN.sessionToken,
  }
  const origin = { bucket: 'objects', endpoint, ...keys, retry: { max_attempts: 1 } }
  const reader = [{ claim: 'role', operator: 'in', value: ['reader', 'admin'] }]
  const own = { secret: OWN.bucketJwt, token_sources: [{ type: 'query', name: 't' }] }
  return {
    server: { threads: 2, limits: { max_uri_length: 2048 } },
    logging: { level: 'debug' },
    jwt: {
      secret: OWN.jwt,
      claims: reader,
      admin_claims: [{ claim: 'role', operator: 'equals', value: 'admin' }],
      token_sources: [
        { type: 'bearer' },
        { type: 'header', name: 'X-Auth-Token', prefix: 'Token ' },
        { type: 'query', name: 'token' },
        { type: 'cookie', name: 'session' },
      ],
    },
    buckets: [
      { name: 'open', path_prefix: '/open', s3: origin, cors: { origins: ['https://app.test'] } },
      { name: 'private', path_prefix: '/private', s3: origin, auth: { enabled: true } },
      { name: 'own', path_prefix: '/own', s3: origin, auth: { enabled: true, jwt: own } },
      {
        name: 'remote',
        path_prefix: '/remote',
        s3: origin,
        auth: { enabled: true, jwt: { jwks_url: `${issuer.url}/jwks` } },
      },
      {
        name: 'keyless',
        path_prefix: '/keyless',
        s3: origin,
        auth: {
          enabled: true,
          jwt: { jwks_url: `${issuer.url}/gone?api-key=${OWN.keySetKey}&v=1` },
        },
      },
      {
        name: 'misconfigured',
        path_prefix: '/misconfigured',
        s3: { ...origin, secret_key: OWN.wrongSecretKey },
      },
      {
        name: 'away',
        path_prefix: '/away',
        s3: { ...origin, endpoint: 'http://127.0.0.1:1', health_check: { interval: '100ms' } },
      },
    ],
    cache: {
      cache_layers: ['memory', 'disk', 'redis'],
      disk: { cache_dir: cacheFolder },
      redis: {
        enabled: true,
        redis_url: `redis://default:${OWN.redisPassword}@127.0.0.1:${redis.port}`,
      },
    },
    admin: {
      token: OWN.adminToken,
      roles: { viewer: { token: OWN.viewerToken }, purger: { token: OWN.purgerToken } },
    },
  }
}

async function ask(url: string, options: RequestOptions = {}): Promise<number> {
  const { status, rawHeaders, text } = await request(url, options)
  answers.push({ name: `the answer to ${url}`, text: `${rawHeaders.join('\n')}\n${text}` })
  return status
}

async function say(port: number, bytes: string): Promise<void> {
  const { text } = await rawExchange(port, bytes, { timeoutMs: 2000 })
  answers.push({ name: `the answer to ${JSON.stringify(bytes.slice(0, 40))}`, text })
}

function portOf(url: string): number {
  return Number(new URL(url).port)
}

/** In each place in which a token may stand, and then as what it is not. */
function carriersOf(given: string): readonly (readonly [query: string, headers: object])[] {
  const query = encodeURIComponent(given)
  return [
    ['', { authorization: `Bearer ${given}` }],
    ['', { authorization: `Basic ${Buffer.from(`ann:${given}`).toString('base64')}` }],
    ['', { authorization: given }],
    ['', { 'x-auth-token': `Token ${given}` }],
    [`?token=${query}`, {}],
    [`?t=${query}&X-Amz-Security-Token=${query}`, {}],
    ['', { cookie: `a=b; session=${given}` }],
    ['', { referer: `https://app.test/?token=${query}`, 'user-agent': `agent ${given}` }],
    ['', { 'x-amz-security-token': given, range: `bytes=${given}` }],
    ['', { 'x-request-id': `${given}/`, traceparent: given }],
    ['', { 'x-forwarded-for': given, forwarded: `for=${given}` }],
    ['', { origin: `https://${given}.test`, 'access-control-request-method': 'GET' }],
    ['', { 'if-none-match': `"${given}"`, 'if-modified-since': given, accept: given }],
  ]
}

test('every way in is tried with every token', async () => {
  const buckets = ['open', 'private', 'own', 'remote', 'keyless']
  for (const given of [...Object.values(TOKENS), ...Object.values(SHOWN)]) {
    for (const [query, headers] of carriersOf(given)) {
      const all = buckets.map((bucket) =>
        ask(`${sluice.url}/${bucket}/a${query}`, { headers: { ...headers } }),
      )
      await Promise.all(all)
    }
  }
  const carried = carriersOf(TOKENS.good).filter(([, headers]) => 'cookie' in headers)
  assert.equal(carried.length, 1)
  assert.equal(await ask(`${sluice.url}/private/a`, { headers: bearer(TOKENS.good) }), 200)
  assert.equal(await ask(`${sluice.url}/private/a?token=${TOKENS.good}`), 200)
  const cookie = `session=${TOKENS.good}; other=${SHOWN.sessionCookie}`
  assert.equal(await ask(`${sluice.url}/private/b`, { headers: { cookie } }), 200)
  const header = { 'x-auth-token': `Token ${TOKENS.good}` }
  assert.equal(await ask(`${sluice.url}/private/c`, { headers: header }), 200)
  assert.equal(await ask(`${sluice.url}/own/a?t=${TOKENS.ofBucket}`), 200)
  assert.equal(await ask(`${sluice.url}/keyless/a`, { headers: bearer(TOKENS.unknownKid) }), 503)
  assert.equal(await ask(`${sluice.url}/remote/a`, { headers: bearer(TOKENS.unknownKid) }), 401)
})

test('every refusal is brought about with a token in the request', async () => {
  const { good } = TOKENS
  const headers = { ...bearer(good), cookie: `session=${SHOWN.sessionCookie}` }
  const query = `?token=${good}&api_key=${SHOWN.apiKey}`
  for (const [path, status] of [
    ['/private/not-there', 404],
    ['/private/%zz', 400],
    ['/private/../a', 400],
    ['/nowhere', 404],
    ['/misconfigured/a', 502],
    ['/away/a', 503],
    [`/private/${'x'.repeat(3000)}`, 414],
  ] as const) {
    const got = await ask(`${sluice.url}${path}${query}`, { headers })
    assert.ok(got === status || (status === 503 && got === 502), `${path}: ${got}`)
  }
  for (const accept of ['text/html', 'application/json', 'application/xml']) {
    for (const more of [{}, { 'x-amz-date': '20260101T000000Z' }]) {
      const all = { ...headers, accept, ...more }
      await ask(`${sluice.url}/private/nothing${query}`, { headers: all })
      await ask(`${sluice.url}/own/a${query}`, { headers: all })
    }
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'TRACE', 'PROPFIND']) {
    await ask(`${sluice.url}/private/a${query}`, { method, headers })
  }
  const authorization = `AWS4-HMAC-SHA256 Credential=${OWN.accessKey}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=${SHOWN.amzSignature}`
  await ask(`${sluice.url}/private/a`, { headers: { authorization } })
  await ask(`${sluice.url}/open/nothing?X-Amz-Signature=${SHOWN.amzSignature}`)
})

test('what the parser refuses is told without what it holds', async () => {
  const { good } = TOKENS
  const lines = `Host: x\r\nAuthorization: Bearer ${good}\r\nCookie: session=${SHOWN.sessionCookie}\r\n`
  for (const port of [portOf(sluice.url), portOf(sluice.opsUrl)]) {
    for (const head of [
      `GET /private/a?token=${good} HTTP/9.9\r\n${lines}`,
      `GET /private/a b?token=${good} HTTP/1.1\r\n${lines}`,
      `GET http://ann:${SHOWN.basicPassword}@host/private/a HTTP/1.1\r\n${lines}`,
      `GET /private/a#token=${good} HTTP/1.1\r\n${lines}`,
      `GET /private/a?token=${good} HTTP/1.1\r\n${lines}Bad Header ${good}: x\r\n`,
      `GET /private/a HTTP/1.1\r\n${lines}Content-Length: ${good}\r\n`,
      `GET /private/a HTTP/1.1\r\n${lines}Host: ${SHOWN.apiKey}.test\r\n`,
      `GET /private/a HTTP/1.1\r\n${lines}X-Large: ${good.repeat(200)}\r\n`,
      `${good} /private/a HTTP/1.1\r\n${lines}`,
    ]) {
      await say(port, `${head}Connection: close\r\n\r\n`)
    }
  }
})

test('every call of an operator is made with every token', async () => {
  const key = 'Bearer '
  const given = [...Object.values(TOKENS), SHOWN.wrongAdmin, OWN.adminToken, OWN.viewerToken]
  const path = encodeURIComponent(`/private/a?token=${TOKENS.good}&t=${TOKENS.expired}`)
  const header = encodeURIComponent(`Authorization: ${key}${TOKENS.denied}`)
  const calls: readonly (readonly [method: string, path: string, body?: object])[] = [
    ['GET', '/admin/cache/stats'],
    ['GET', '/admin/cache/stats/private'],
    ['GET', '/admin/cache/info?bucket=private&key=a'],
    ['GET', `/admin/explain?path=${path}`],
    ['GET', `/admin/explain?path=${path}&header=${header}`],
    ['GET', `/admin/explain?path=/private/a&header=${TOKENS.forged}`],
    ['GET', `/admin/explain?path=/away/a&${TOKENS.forged}=1`],
    ['GET', '/admin/auth'],
    ['GET', '/admin/routes'],
    ['GET', '/admin/replicas'],
    ['GET', `/admin/nothing?token=${OWN.adminToken}`],
    ['POST', '/admin/cache/purge', { bucket: 'private', key: 'b', [TOKENS.good]: true }],
    ['POST', '/admin/cache/purge', { bucket: TOKENS.good, key: 'b' }],
    ['POST', '/admin/cache/purge', { bucket: 'private', key: 'b' }],
    ['POST', '/admin/cache/prewarm', { bucket: 'private', keys: ['b'] }],
    ['POST', '/admin/cache/prewarm', { bucket: 'misconfigured', keys: ['b'] }],
    ['DELETE', '/admin/cache/prewarm/none'],
  ]
  for (const one of given) {
    for (const [method, path_, body] of calls) {
      const more = body === undefined ? {} : { body: JSON.stringify(body) }
      await ask(`${sluice.opsUrl}${path_}`, { method, headers: bearer(one), ...more })
    }
    const query = `?token=${one}`
    await ask(`${sluice.url}/private/b${query}`, { method: 'PURGE', headers: bearer(one) })
    await ask(`${sluice.opsUrl}/admin/auth${query}`)
  }
  const broken = { headers: bearer(OWN.adminToken), method: 'POST', body: `{"${TOKENS.good}` }
  assert.equal(await ask(`${sluice.opsUrl}/admin/cache/purge`, broken), 400)
  assert.equal(await ask(`${sluice.opsUrl}/metrics`), 200)
  assert.equal(await ask(`${sluice.url}/ready`), 503)
  const config = await request(`${sluice.opsUrl}/admin/config`, { headers: bearer(OWN.adminToken) })
  assert.equal(config.status, 200)
  // The name of a key is no secret to whoever may see the configuration.
  answers.push({ name: '/admin/config', text: withoutKeyNames(config.text) })
})

function withoutKeyNames(text: string): string {
  return text.replaceAll(OWN.accessKey, '')
}

test('the commands tell nothing of what they are given, or ask with', async () => {
  const place = ['--admin', sluice.opsUrl, '--token']
  const away = `http://ann:${SHOWN.basicPassword}@127.0.0.1:1`
  const runs: readonly (readonly string[])[] = [
    ['check', '--config', sluice.configFile],
    ['config', '--config', sluice.configFile],
    ['stats', ...place, OWN.viewerToken],
    ['stats', ...place, SHOWN.wrongAdmin],
    ['purge', '--bucket', 'private', '--key', 'a', ...place, OWN.viewerToken],
    ['explain', `/private/a?token=${TOKENS.good}`, ...place, OWN.adminToken],
    [
      'explain',
      '/private/a',
      '--header',
      `Cookie: session=${TOKENS.good}`,
      ...place,
      OWN.adminToken,
    ],
    ['stats', '--admin', away, '--token', OWN.adminToken],
    ['stats', '--admin', `ann:${SHOWN.basicPassword}@127.0.0.1`, '--token', OWN.adminToken],
    ['stats', '--admin', `ftp://ann:${SHOWN.basicPassword}@127.0.0.1`, '--token', OWN.adminToken],
    ['stats', `--tokn=${OWN.adminToken}`],
    ['token', '--secret', OWN.jwt, '--algorithm', 'RS256'],
    ['token', '--secret', OWN.jwt, '--expires', 'never'],
    ['token', '--secret', OWN.jwt, '--algorithm', 'HS512'],
    ['serve', '--config', sluice.configFile, '--token', OWN.adminToken],
  ]
  for (const args of runs) {
    const { stdout, stderr } = await runSluice(args)
    const text = args[0] === 'config' ? withoutKeyNames(stdout) : stdout
    answers.push({ name: `what sluice ${args[0]} says`, text: text + stderr })
  }
})

/** Each with a secret in a place where it makes no sense, or nearly does. */
const BROKEN: readonly string[] = [
  `{ admin: ${OWN.adminToken} }`,
  `{ admin: { token: [${OWN.adminToken}] } }`,
  `{ admin: { roles: ${OWN.adminToken} } }`,
  `{ admin: { roles: { viewer: ${OWN.viewerToken} } } }`,
  `{ admin: { roles: { viewer: { token: { is: ${OWN.viewerToken} } } } } }`,
  `{ admin: { token: ${OWN.adminToken}, roles: { viewer: { token: ${OWN.adminToken} } } } }`,
  `{ admin: { tokens: ${OWN.adminToken} } }`,
  `{ jwt: ${OWN.jwt} }`,
  `{ jwt: { secret: [${OWN.jwt}] } }`,
  `{ jwt: { secret: ${OWN.jwt}, algorithm: RS256 } }`,
  `{ jwt: { secret: ${OWN.jwt}, algorithm: HS512 } }`,
  `{ jwt: { secert: ${OWN.jwt} } }`,
  `{ jwt: { keys: ${OWN.jwt} } }`,
  `{ jwt: { keys: [${OWN.jwt}] } }`,
  `{ jwt: { token_sources: ${OWN.jwt} } }`,
  `{ jwt: { jwks_url: "https://ann:${SHOWN.basicPassword}@issuer.test/jwks" } }`,
  `{ jwt: { jwks_url: "ftp://ann:${SHOWN.basicPassword}@issuer.test/jwks" } }`,
  `{ jwt: { jwks_url: "ftp://issuer.test/jwks?key=${OWN.keySetKey}" } }`,
  `{ jwt: { jwks_url: "https://issuer.test/jwks?${OWN.keySetKey}#x" } }`,
  `{ cache: { redis: { enabled: true, redis_url: "redis://:${OWN.redisPassword}@host:port:1" } } }`,
  `{ cache: { redis: { enabled: true, redis_url: "http://:${OWN.redisPassword}@host" } } }`,
  `{ cache: { redis: { redis_url: "redis://:${OWN.redisPassword}@h", redis_password: ${OWN.redisPassword} } } }`,
  `{ cache: { redis: ${OWN.redisPassword} } }`,
  `{ cache: { redis: { redis_password: [${OWN.redisPassword}] } } }`,
  `{ buckets: ${OWN.secretKey} }`,
  `{ buckets: [${OWN.secretKey}] }`,
  `{ buckets: [{ name: a, path_prefix: /, s3: ${OWN.secretKey} }] }`,
  `{ buckets: [{ name: a, path_prefix: /, s3: { bucket: b, secret_key: ${OWN.secretKey} } }] }`,
  `{ buckets: [{ name: a, path_prefix: /, s3: { bucket: b, secret: ${OWN.secretKey} } }] }`,
  `{ buckets: [{ name: a, path_prefix: /, s3: { bucket: b, session_token: "${OWN.sessionToken}" } }] }`,
  `{ buckets: [{ name: a, path_prefix: /, s3: { bucket: b, replicas: [${OWN.secretKey}] } }] }`,
  `{ buckets: [{ name: a, path_prefix: /, s3: { bucket: b, replicas: [{ name: r, secret_key: ${OWN.secretKey} }] } }] }`,
  `{ buckets: [{ name: a, path_prefix: /, s3: { bucket: b, endpoint: "http://ann:${SHOWN.basicPassword}@minio" } }] }`,
  `{ buckets: [{ name: a, path_prefix: /, s3: { bucket: b }, auth: ${OWN.jwt} }] }`,
  `{ server: { address: "ann:${SHOWN.basicPassword}@127.0.0.1:80" } }`,
  `jwt:\n  secret: *${OWN.jwt}\n`,
  `jwt:\n  secret: !${OWN.jwt}\n`,
  `jwt:\n  secret: !${OWN.jwt} x\n`,
  `jwt:\n  secret: &${OWN.jwt}\n  secret: x\n`,
  `jwt:\n  secret ${OWN.jwt}\n  issuer: x\n`,
  `jwt:\n  secret: "${OWN.jwt}\n  issuer: x\n`,
  `jwt:\n  secret: \`${OWN.jwt}\n`,
  `jwt:\n  secret: {${OWN.jwt}\n`,
  `jwt: { secret: ${OWN.jwt} } }\n`,
  `include: ${OWN.jwt}/*.yaml`,
  `{ admin: { address: "\${ADMIN_TOKEN}" }, server: "\${ADMIN_TOKEN}", buckets: "\${ADMIN_TOKEN}" }`,
  `{ server: { threads: "\${ADMIN_TOKEN}" }, jwt: { algorithm: "\${ADMIN_TOKEN}" } }`,
]

for (const text of BROKEN) {
  const name = leaksIn([{ name: '', text }], { ...OWN, ...SHOWN }).length
  test(`a broken configuration is told of without its secrets (${BROKEN.indexOf(text)}, ${name})`, async () => {
    const file = join(folder, 'broken.yaml')
    writeFileSync(file, text)
    const env = { ADMIN_TOKEN: OWN.adminToken }
    const { code, stdout, stderr } = await runSluice(['check', '--config', file], { env })
    assert.equal(code, 1)
    const said = [{ name: 'sluice check', text: stdout + stderr }]
    assert.deepEqual(leaksIn(said, { ...OWN, ...SHOWN }), [])
  })
}

test('what is asked of S3 holds nothing that a client showed', () => {
  assert.ok(s3.requests.length > 0)
  const asked = s3.requests.map(({ rawTarget, rawHeaders }) => ({
    name: `the request to S3 for ${rawTarget}`,
    text: `${rawTarget}\n${rawHeaders.join('\n')}`,
  }))
  assert.deepEqual(leaksIn(asked, { ...TOKENS, ...SHOWN }), [])
})

test('what is kept on disk and in Redis holds no secret', async () => {
  const kept = await until(
    'the cache to be on disk',
    async () => filesIn(cacheFolder),
    (files) => files.some(({ text }) => text.includes('the body of a')),
  )
  const keys = await redis.command('KEYS', '*')
  assert.match(keys, /sluice:/)
  assert.deepEqual(
    leaksIn([...kept, { name: 'the keys in Redis', text: keys }], { ...OWN, ...SHOWN, ...TOKENS }),
    [],
  )
})

function filesIn(place: string): Text[] {
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ name: file, text: `${file}\n${readFileSync(file, 'latin1')}` }))
}

test('no answer holds a secret of Sluice, or of anybody else', () => {
  assert.ok(answers.length > 500, String(answers.length))
  assert.deepEqual(leaksIn(answers, { ...OWN, ...SHOWN, ...TOKENS }), [])
})

test('the log holds no secret, to its end in a crash', async () => {
  await sluice.logLine(({ event }) => event === 'admin')
  sluice.kill('SIGUSR2')
  const { code } = await sluice.exited
  assert.notEqual(code, 0)
  assert.match(sluice.stderr(), /a bug/)
  const written = [
    { name: 'stdout', text: sluice.stdout() },
    { name: 'stderr', text: sluice.stderr() },
  ]
  assert.ok(sluice.logLines().length > 500)
  assert.deepEqual(leaksIn(written, { ...OWN, ...SHOWN, ...TOKENS }), [])
})

test('a secret would be found, in whichever spelling', () => {
  const secrets = { key: OWN.secretKey, token: TOKENS.good }
  const [, , signature = ''] = TOKENS.good.split('.')
  for (const text of [
    `x${OWN.secretKey}y`,
    encodeURIComponent(OWN.secretKey),
    Buffer.from(OWN.secretKey).toString('base64'),
    TOKENS.good,
    `sig=${signature}`,
  ]) {
    assert.notDeepEqual(leaksIn([{ name: 'planted', text }], secrets), [])
  }
})
