// Nothing secret stands in what Sluice writes about whom it lets in: signatures, what a policy is asked,
// limits counted in Redis, a load balancer's header, redirects, commands, a thread that dies. What is
// secret is brought to each, and then looked for in all that was written, sent or kept.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { openS3Server } from '../../dev/s3-server.ts'
import type { S3Server } from '../../dev/s3-server.ts'
import { rawExchange, request } from '../support/http.ts'
import { leaksIn } from '../support/leaks.ts'
import type { Text } from '../support/leaks.ts'
import { openRedis } from '../support/redis.ts'
import type { RedisServer } from '../support/redis.ts'
import { openScriptedPolicy, saying } from '../support/scripted-policy.ts'
import type { ScriptedPolicy } from '../support/scripted-policy.ts'
import { fieldsOf, queryOf } from '../support/signed.ts'
import type { SignedParts } from '../support/signed.ts'
import { openSluice, runSluice } from '../support/sluice.ts'
import type { Sluice } from '../support/sluice.ts'
import { bearer, hmac, inSeconds, token } from '../support/tokens.ts'
import { until } from '../support/until.ts'

/** What the configuration, the command line or the environment holds. */
const OWN = {
  jwt: 'jD8n3Qw7Lr2Zt8Yp5Nc1Hb6Mf4Gd0Js7',
  signing: 'sG4m7Xw9eR4tY1uB8oP3aS6dF5gH0jKc2N',
  signingBefore: 'sB1t5Ls0XzQmTn5Vc9Rf2Yg6HpJu1EaK8d',
  commandJwt: 'cJ6k2Qw7Lr2Zt8Yp5Nc1Hb6Mf4Gd0Js7x',
  commandSigning: 'cS9f4Qw7Lr2Zt8Yp5Nc1Hb6Mf4Gd0Js7y',
  accessKey: 'AKIDSECRETS8R3N',
  secretKey: 'sK/2gHr+4nXa7sUz2vJp5qBtE6iK8mM',
  redisPassword: 'rP-8uZv6jPq3bTe0gHi7',
  adminToken: 'aT-3yYd2wCo7nRx2fSu9z',
} as const

/** Neither is a secret from an operator; but others look into a Redis that is shared. */
const CALLERS = { user: 'ann.b.callaghan', address: '198.51.100.77' } as const
const SESSION = { sessionCookie: 'cK-9qPj7vZu6sFx3rBt8e', referrer: 'rF-5hLm8nBv2cXz4kJw' } as const

function signedToken(claims: object, secret: string = OWN.jwt): string {
  return token({ claims: { sub: CALLERS.user, role: 'reader', ...claims }, sign: hmac(secret) })
}

const TOKENS = {
  good: signedToken({}),
  expired: signedToken({ exp: inSeconds(-3600) }),
  denied: signedToken({ role: 'nobody' }),
  forged: signedToken({}, OWN.commandJwt),
} as const

/** Every signature that was made, to be looked for. */
const signatures: Record<string, string> = {}

/** As parameters; good for all below the bucket unless `parts` say otherwise. */
function signature(name: string, parts: Partial<SignedParts> = {}): string {
  const fields = fieldsOf({ path: '/signed/a', secret: OWN.signing, ...parts })
  signatures[`signature, ${name}`] = fields.at(-1)?.[1] ?? ''
  return queryOf(fields)
}

const SIGNED: Readonly<Record<string, readonly [query: string, status: number]>> = {
  good: [signature('good'), 200],
  before: [signature('before', { key: 'k0', secret: OWN.signingBefore }), 200],
  wide: [signature('wide', { scope: '/signed/*' }), 200],
  expired: [signature('expired', { expires: inSeconds(-60) }), 403],
  forged: [signature('forged', { secret: OWN.commandSigning }), 403],
  elsewhere: [signature('elsewhere', { path: '/signed/b' }), 403],
  revoked: [signature('revoked', { id: 'gone' }), 403],
  torn: [signature('torn').replace('sl-expires', 'sl-expirse'), 403],
}

const folder = mkdtempSync(join(tmpdir(), 'sluice-secrets-access-'))
const answers: Text[] = []
let s3: S3Server
let redis: RedisServer
let policy: ScriptedPolicy
let sluice: Sluice
let balanced: Sluice

before(async () => {
  const { accessKey: accessKeyId, secretKey: secretAccessKey } = OWN
  s3 = await openS3Server({ credentials: [{ accessKeyId, secretAccessKey }] })
  s3.createBucket('objects')
  for (const key of ['a', 'b', 'dir/index.html']) s3.putObject('objects', key, `the body of ${key}`)
  s3.putObject('objects', 'moved', '', {
    websiteRedirectLocation: 'https://elsewhere.test/b',
  })
  // What is asked of it is then kept as it was sent.
  redis = await openRedis({ password: OWN.redisPassword, settings: [['rdbcompression', 'no']] })
  policy = await openScriptedPolicy((input, outgoing) => {
    saying({ result: { allow: !input.path.endsWith('/b'), reason: 'as asked' } })(input, outgoing)
  })
  const env = { NODE_OPTIONS: `--import=${crasher()}` }
  sluice = await openSluice(configOf({ threads: 2 }), { env })
  balanced = await openSluice(configOf({ threads: 1, proxy_protocol: true }))
})

after(async () => {
  await Promise.all([sluice?.close(), balanced?.close()])
  await Promise.all([s3?.close(), redis?.close(), policy?.[Symbol.asyncDispose]()])
  rmSync(folder, { recursive: true, force: true })
})

/** A bug in a worker thread that nobody catches, while it has a request in its hands. */
function crasher(): string {
  const file = join(folder, 'crash.mjs')
  writeFileSync(
    file,
    `import { subscribe } from 'node:diagnostics_channel'
    import { isMainThread } from 'node:worker_threads'
    const crash = (headers) => { throw Object.assign(new Error('a bug in a thread'), { headers }) }
    if (!isMainThread) subscribe('http.server.request.start', ({ request }) => {
      if ('x-crash' in request.headers) setImmediate(crash, request.rawHeaders)
    })`,
  )
  return file
}

function configOf(server: object): Readonly<Record<string, unknown>> {
  const s3Section = {
    bucket: 'objects',
    endpoint: s3.endpoint,
    access_key: OWN.accessKey,
    secret_key: OWN.secretKey,
  }
  const keys = [
    { id: 'k1', secret: OWN.signing },
    { id: 'k0', secret: OWN.signingBefore },
  ]
  const signed_urls = { enabled: true, keys, revoked: ['gone'] }
  const auth = { enabled: true }
  const authorization = {
    type: 'opa',
    url: policy.url,
    policy_path: 'sluice/authz/decision',
    input: ['key', 'time', 'header:accept-language'],
    timeout_ms: 5000,
  }
  const bucket = (name: string, settings: object): object => {
    return { name, path_prefix: `/${name}`, s3: s3Section, ...settings }
  }
  return {
    server: { trusted_proxies: ['127.0.0.0/8'], ...server },
    logging: { level: 'debug' },
    jwt: {
      secret: OWN.jwt,
      claims: [{ claim: 'role', operator: 'equals', value: 'reader' }],
      token_sources: [
        { type: 'bearer' },
        { type: 'header', name: 'X-Auth-Token', prefix: 'Token ' },
        { type: 'query', name: 'token' },
        { type: 'cookie', name: 'session' },
      ],
    },
    buckets: [
      bucket('signed', { signed_urls, index_document: 'index.html' }),
      bucket('either', { signed_urls, auth }),
      bucket('policed', { auth, authorization, index_document: 'index.html' }),
      bucket('limited', {
        auth,
        rate_limit: [{ name: 'few', key: 'user', requests: 2, window: '24h' }],
      }),
    ],
    rate_limiting: {
      store: 'redis',
      headers: true,
      limits: [
        { name: 'by-address', key: 'ip', requests: 100_000, window: '1h' },
        { name: 'slow', key: 'user+ip', algorithm: 'sliding_window', requests: 9999, window: '1h' },
        {
          name: 'fixed',
          key: 'claim:sub',
          algorithm: 'fixed_window',
          requests: 9999,
          window: '1h',
        },
      ],
    },
    cache: {
      cache_layers: ['memory'],
      redis: {
        enabled: true,
        redis_url: `redis://127.0.0.1:${redis.port}`,
        redis_password: OWN.redisPassword,
        timeout: '2s',
      },
    },
    admin: { token: OWN.adminToken },
  }
}

type Headers = Readonly<Record<string, string>>

async function ask(path: string, headers: Headers = {}, method = 'GET'): Promise<number> {
  const all = { 'x-forwarded-for': CALLERS.address, ...headers }
  const answer = await request(sluice.url + path, { method, headers: all })
  const { status, rawHeaders, text } = answer
  answers.push({ name: `the answer to ${path}`, text: `${rawHeaders.join('\n')}\n${text}` })
  return status
}

/** As the client itself gets it, to whom its own query is no secret. */
async function locationOf(path: string, headers: Headers = {}): Promise<string | undefined> {
  const answer = await request(sluice.url + path, { headers })
  assert.ok(answer.status === 301 || answer.status === 302, `${path}: ${answer.status}`)
  const rest = answer.rawHeaders.filter((field) => field !== answer.headers.location)
  answers.push({ name: `the redirect of ${path}`, text: `${rest.join('\n')}\n${answer.text}` })
  return answer.headers.location
}

test('signatures come in the query and in the cookie, good ones and bad ones', async () => {
  const cookie = (query: string): string => `sluice-signature=${query}; x=${SESSION.sessionCookie}`
  for (const [name, [query, status]] of Object.entries(SIGNED)) {
    for (const accept of ['text/html', 'application/json']) {
      assert.equal(await ask(`/signed/a?${query}`, { accept }), status, name)
      assert.equal(await ask('/signed/a', { accept, cookie: cookie(query) }), status, name)
    }
    assert.equal(await ask(`/either/a?${query}`, bearer(TOKENS.good)), 403, name)
    await ask(`/signed/nothing?${query}`, { 'x-amz-date': '20260101T000000Z' })
    await ask(`/signed/a?${query}`, {}, 'HEAD')
    await ask(`/signed/a?${query}`, {}, 'POST')
    await ask(`/nowhere?${query}`, { referer: `https://app.test/?${query}`, origin: query })
  }
})

test('a policy decides for tokens from every place', async () => {
  const cookie = `session=${TOKENS.good}; other=${SESSION.sessionCookie}`
  const referer = `https://app.test/?token=${TOKENS.good}&${SESSION.referrer}`
  const places: readonly (readonly [query: string, headers: Headers])[] = [
    ['', bearer(TOKENS.good)],
    ['', { 'x-auth-token': `Token ${TOKENS.good}` }],
    [`?token=${TOKENS.good}`, {}],
    ['', { cookie }],
  ]
  for (const [query, headers] of places) {
    const all = { ...headers, referer, 'accept-language': `en-${places.length}` }
    assert.equal(await ask(`/policed/a${query}`, all), 200)
    assert.equal(await ask(`/policed/b${query}`, all), 403)
  }
  for (const given of [TOKENS.expired, TOKENS.denied, TOKENS.forged]) {
    assert.notEqual(await ask('/policed/a', { ...bearer(given), referer }), 200)
  }
  assert.ok(policy.asked.length >= 2)
  assert.deepEqual(policy.faults, [])
})

test('a policy is told no token, no cookie and no signature', () => {
  const told = policy.asked.map((input) => ({ name: 'OPA', text: JSON.stringify(input) }))
  assert.deepEqual(leaksIn(told, { ...OWN, ...TOKENS, ...SESSION, ...signatures }), [])
})

test('a redirect repeats what the client asked with, and nothing else', async () => {
  const wide = SIGNED['wide']?.[0] ?? ''
  const narrow = signature('directory', { path: '/signed/dir' })
  const cookie = `sluice-signature=${wide}; session=${TOKENS.good}`
  const referer = `https://app.test/?token=${TOKENS.good}`
  assert.equal(await locationOf(`/signed/dir?a=b&${narrow}`, { referer }), '/signed/dir/?a=b')
  assert.equal(await locationOf(`/signed/dir?${wide}`), `/signed/dir/?${wide}`)
  assert.equal(await locationOf('/signed/dir', { cookie, referer }), '/signed/dir/')
  const headers = { ...bearer(TOKENS.good), referer }
  assert.equal(await locationOf('/policed/dir', headers), '/policed/dir/')
  const moved = await locationOf(`/policed/moved?token=${TOKENS.good}`, { referer })
  assert.equal(moved, 'https://elsewhere.test/b')
})

test('in Redis stand neither callers nor what they showed', async () => {
  const count = await until(
    'the limits to be counted in Redis',
    async () => {
      for (const headers of [bearer(TOKENS.good), { cookie: `session=${TOKENS.good}` }]) {
        await ask('/limited/a', headers)
      }
      return (await keysInRedis()).filter((key) => key.includes('/')).length
    },
    (keys) => keys >= 4,
  )
  assert.ok(count >= 4)
  assert.equal(await ask('/limited/a', bearer(TOKENS.good)), 429)
  const kept: Text[] = []
  for (const key of await keysInRedis()) {
    kept.push({ name: `${key} in Redis`, text: key + (await redis.command('DUMP', key)) })
  }
  const callers = { ...CALLERS, sub: `"${CALLERS.user}"` }
  assert.deepEqual(leaksIn(kept, { ...OWN, ...TOKENS, ...SESSION, ...signatures, ...callers }), [])
})

async function keysInRedis(): Promise<string[]> {
  const reply = await redis.command('KEYS', '*')
  return reply.split('\r\n').filter((line) => line.startsWith('sluice:'))
}

test('a load balancer’s header is refused without what stands in it', async () => {
  const { good } = TOKENS
  const port = Number(new URL(balanced.url).port)
  const lines = `Host: x\r\nAuthorization: Bearer ${good}\r\nConnection: close\r\n\r\n`
  const first = `GET /policed/a?token=${good} HTTP/1.1\r\n`
  const magic = '\r\n\r\n\0\r\nQUIT\n'
  const spoken = `PROXY TCP4 ${CALLERS.address} 127.0.0.1 54321 80\r\n`
  for (const bytes of [
    `${spoken}${first}${lines}`,
    `${spoken}GET /signed/a?${SIGNED['expired']?.[0]} HTTP/1.1\r\n${lines}`,
    `${spoken}GET /a b?token=${good} HTTP/1.1\r\n${lines}`,
    `${first}${lines}`,
    `PROXY TCP4 ${good.slice(0, 60)} 127.0.0.1 1 2\r\n${first}${lines}`,
    `PROXY ${SESSION.sessionCookie}\r\n${first}${lines}`,
    `${magic}\x21\x11\x00\x28\xc0\x00\x02\x08\x7f\x00\x00\x01\xd4\x31\x00\x50\x02\x00\x19${SESSION.sessionCookie}    ${first}${lines}`,
    `${magic}\x29\x11\x00\x15${SESSION.sessionCookie}${first}${lines}`,
  ]) {
    const { text } = await rawExchange(port, bytes, { timeoutMs: 3000 })
    answers.push({ name: `the answer to ${JSON.stringify(bytes.slice(0, 30))}`, text })
  }
  assert.match(answers.at(-8)?.text ?? '', /^HTTP\/1.1 200 /)
  await balanced.logLine(({ event }) => event === 'proxy-protocol')
})

test('an operator’s calls about all that tell nothing of it', async () => {
  const asked = { headers: bearer(OWN.adminToken) }
  const expired = SIGNED['expired']?.[0] ?? ''
  const paths = [`/signed/a?${expired}`, `/signed/dir?${SIGNED['wide']?.[0]}`, '/policed/a']
  const header = encodeURIComponent(`Cookie: session=${TOKENS.good}; sluice-signature=${expired}`)
  for (const call of [
    '/admin/auth',
    '/admin/limits',
    '/admin/routes',
    ...paths.map((path) => `/admin/explain?path=${encodeURIComponent(path)}`),
    ...paths.map((path) => `/admin/explain?path=${encodeURIComponent(path)}&header=${header}`),
    `/admin/explain?path=${encodeURIComponent(`/policed/a?token=${TOKENS.good}`)}`,
    `/admin/explain?path=/policed/b&header=${encodeURIComponent(`Authorization: Bearer ${TOKENS.good}`)}`,
  ]) {
    const { status, text } = await request(`${sluice.opsUrl}${call}`, asked)
    assert.equal(status, 200, call)
    answers.push({ name: call, text })
  }
  const { text } = await request(`${sluice.opsUrl}/admin/config`, asked)
  assert.match(text, /k0/)
  // The name of a key is no secret to whoever may see the configuration.
  answers.push({ name: '/admin/config', text: text.replaceAll(OWN.accessKey, '') })
})

test('the commands say what was asked for, and not what it was made with', async () => {
  const file = ['--config', sluice.configFile]
  const admin = ['--admin', sluice.opsUrl]
  const key = ['--key', 'k9', '--secret', OWN.commandSigning]
  const jwt = ['--secret', OWN.commandJwt]
  const wide = SIGNED['wide']?.[0] ?? ''
  const runs: readonly (readonly [args: readonly string[], code: number])[] = [
    [['sign', '/signed/a', ...file], 0],
    [['sign', '/signed/a', '--prefix', '/signed/*', '--cookie', ...file], 0],
    [['sign', '/signed/a', ...key], 0],
    [['sign', '/signed/a', '--key', 'k9'], 0],
    [['sign', '/signed/a', '--expires', 'never', ...key], 1],
    [['sign', `/signed/a?${wide}`, ...file], 1],
    [['sign', '/signed/a', '--secret', OWN.commandSigning], 1],
    [['sign', '/signed/a', `--secrt=${OWN.commandSigning}`], 1],
    [['sign', '/signed/a', '--key', 'k9', '--secret', OWN.commandSigning.slice(0, 20)], 1],
    [['token', ...jwt, '--claim', 'role=reader'], 0],
    [['token'], 0],
    [['token', ...jwt, '--claim', 'role'], 1],
    [['token', '--secret', OWN.commandJwt.slice(0, 20)], 1],
    [['explain', `/signed/a?${wide}`, ...admin], 0],
    [['explain', '/signed/a', '--header', `Cookie: sluice-signature=${wide}`, ...admin], 0],
    [['explain', `/policed/a?token=${TOKENS.good}`, '--json', ...admin], 0],
    [['explain', '/policed/b', '--header', `Authorization: Bearer ${TOKENS.expired}`, ...admin], 1],
    [['explain', '/policed/b', '--header', TOKENS.good, ...admin], 1],
    [['stats', ...admin], 0],
    [['purge', '--bucket', 'signed', '--key', 'a', ...admin], 0],
    [['purge', '--bucket', 'none', '--key', 'a', ...admin], 1],
    [['prewarm', '--bucket', 'signed', '--key', 'b', '--wait', ...admin], 0],
    [['prewarm', '--bucket', 'none', ...admin], 1],
    [['stats', '--admin', 'http://127.0.0.1:1'], 1],
    [['check', ...file], 0],
  ]
  const env = { SLUICE_ADMIN_TOKEN: OWN.adminToken, SLUICE_JWT_SECRET: OWN.commandJwt }
  const signing = { ...env, SLUICE_SIGNING_SECRET: OWN.commandSigning }
  for (const [args, code] of runs) {
    // The secret of the environment goes before the keys of a configuration.
    const ran = await runSluice(args, { env: args.includes('--config') ? env : signing })
    assert.equal(ran.code, code, `${args.join(' ')}\n${ran.stdout}${ran.stderr}`)
    const name = `what sluice ${args.slice(0, 2).join(' ')} says`
    answers.push({ name, text: ran.stdout + ran.stderr })
  }
  const cut = { signing: OWN.commandSigning.slice(0, 20), jwt: OWN.commandJwt.slice(0, 20) }
  assert.deepEqual(leaksIn(answers.slice(-runs.length), cut), [])
})

test('no answer holds a secret of Sluice, or of anybody else', () => {
  assert.ok(answers.length > 110, String(answers.length))
  const secrets = { ...OWN, ...TOKENS, ...SESSION, ...signatures }
  assert.deepEqual(leaksIn(answers, secrets), [])
})

test('what is asked of S3 holds nothing that a client showed', () => {
  const asked = s3.requests.map(({ rawTarget, rawHeaders }) => ({
    name: `the request to S3 for ${rawTarget}`,
    text: `${rawTarget}\n${rawHeaders.join('\n')}`,
  }))
  assert.ok(asked.length > 0)
  assert.deepEqual(leaksIn(asked, { ...TOKENS, ...SESSION, ...signatures, ...CALLERS }), [])
})

test('a thread that dies with a request in its hands tells nothing of the request', async () => {
  const headers = {
    ...bearer(TOKENS.good),
    cookie: `sluice-signature=${SIGNED['good']?.[0]}; session=${SESSION.sessionCookie}`,
    'x-crash': 'now',
    // Node tells of the requests that it parses itself, and this is not a plain one.
    'content-length': '0',
  }
  await request(`${sluice.url}/policed/a?token=${TOKENS.good}`, { headers }).catch(() => undefined)
  const line = await sluice.logLine(({ event }) => event === 'worker-died')
  assert.match(JSON.stringify(line), /a bug in a thread/)
  await until(
    'a thread to answer',
    () => ask('/signed/nothing'),
    (status) => status === 403,
  )
  const written = [sluice, balanced].flatMap(({ stdout, stderr }) => [
    { name: 'stdout', text: stdout() },
    { name: 'stderr', text: stderr() },
  ])
  assert.ok(sluice.logLines().length > 100)
  assert.deepEqual(leaksIn(written, { ...OWN, ...TOKENS, ...SESSION, ...signatures }), [])
})
