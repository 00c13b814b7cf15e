// What is in force, as operators look at it: who is let in where, which keys are held and how fresh they
// are, the routes, the replicas and how they fare, and the configuration.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import { openIssuer } from '../support/issuer.ts'
import type { Issuer } from '../support/issuer.ts'
import { bearer, keyPair, SECRET, signer, token } from '../support/tokens.ts'
import { until } from '../support/until.ts'

const SIGNING = ['k1', 'k2'].map((id) => ({ id, secret: `${id} signs: Hq7Zt2Lr9Yp4Nc6Wb1Mf8Gd3` }))
/** Nobody is asked. */
const OPA = 'http://127.0.0.1:8181'
const TOKEN = 'v7Kq-2mZx9Rt4Lw8Yb1Nc'
const key = keyPair('P-256')
const THREADS = 2

let issuer: Issuer
let front: Front

before(async () => {
  issuer = await openIssuer()
  const keys = [{ ...key.publicKey.export({ format: 'jwk' }), kid: 'one' }]
  issuer.answers.set('/jwks', { keys })
  const claims = [{ claim: 'role', operator: 'exists' }]
  const own = {
    secret: SECRET,
    claims,
    audience: 'files',
    token_sources: [{ type: 'query', name: 't' }],
  }
  const remote = { jwks_url: `${issuer.url}/jwks`, issuer: issuer.url, algorithms: ['ES256'] }
  const gone = { jwks_url: `${issuer.url}/gone` }
  front = await openFront(
    { server: { threads: THREADS }, admin: { roles: { viewer: { token: TOKEN } } } },
    {
      buckets: (at) => [
        bucketAt(at, {
          name: 'own',
          hosts: ['a.test'],
          auth: { enabled: true, jwt: own },
          signed_urls: { enabled: true, keys: SIGNING, revoked: ['lost'] },
          authorization: { type: 'opa', url: OPA, policy_path: 'sluice/authz/allow' },
          ip_filter: { allowlist: ['127.0.0.0/8', '::1'], blocklist: ['10.0.0.1'] },
          cors: { origins: ['https://app.test'], max_age: 60 },
        }),
        bucketAt(at, { name: 'remote', auth: { enabled: true, jwt: remote } }),
        bucketAt(at, { name: 'gone', auth: { enabled: true, jwt: gone } }),
        bucketAt(at, {
          name: 'two',
          s3: {
            replicas: [
              { name: 'here', endpoint: at, priority: 1 },
              { name: 'away', endpoint: 'http://127.0.0.1:1', priority: 2, weight: 3 },
            ],
            circuit_breaker: { failure_threshold: 1, timeout_seconds: 60 },
            health_check: { interval: '100ms', unhealthy_threshold: 1, healthy_threshold: 1 },
          },
        }),
      ],
    },
  )
  front.put('a', 'body')
})
after(async () => {
  await front?.[Symbol.asyncDispose]()
  await issuer?.close()
})

/** What the tests below look at closer. */
interface BucketTold {
  readonly bucket: string
  readonly tokens: {
    readonly remembered: number
    readonly key_set: {
      readonly keys: unknown
      readonly last_refresh: { outcome: string; at: string; reason: string | null } | null
      readonly next_refresh_at: string
      readonly unknown_kid_refresh_at: string
    }
  }
  readonly cors: unknown
  readonly balance: string
  readonly replicas: readonly Readonly<Record<string, unknown>>[]
}

async function look(path: string): Promise<string> {
  const url = `${front.opsUrl}/admin/${path}`
  const { status, text } = await request(url, { headers: bearer(TOKEN) })
  assert.equal(status, 200, text)
  return text
}

async function bucketIn(path: string, name: string): Promise<BucketTold> {
  const told: { threads: number; buckets: BucketTold[] } = JSON.parse(await look(path))
  assert.equal(told.threads, THREADS)
  const found = told.buckets.find(({ bucket }) => bucket === name)
  assert.ok(found)
  return found
}

test('/admin/auth tells of an open bucket that it is open', async () => {
  assert.deepEqual(await bucketIn('auth', 'files'), {
    bucket: 'files',
    path_prefix: '/files',
    guarded: false,
    tokens: null,
    signed_urls: null,
    authorization: null,
    ip_filter: { allowlist: 0, blocklist: 0 },
    cors: null,
  })
})

test('/admin/auth tells by what a bucket is guarded, and no secret', async () => {
  const { cors, ...told } = await bucketIn('auth', 'own')
  assert.deepEqual(told, {
    bucket: 'own',
    path_prefix: '/own',
    guarded: true,
    tokens: {
      algorithms: ['HS256'],
      issuers: [],
      audiences: ['files'],
      sources: ['query t'],
      claim_rules: 1,
      keys: [{ kid: null, algorithms: ['HS256'] }],
      key_set: null,
      remembered: 0,
    },
    signed_urls: { keys: ['k1', 'k2'], revoked: 1 },
    authorization: {
      url: OPA,
      policy_path: 'sluice/authz/allow',
      fail_mode: 'closed',
      remembered: 0,
    },
    ip_filter: { allowlist: 2, blocklist: 1 },
  })
  const { origins, max_age }: { origins?: unknown; max_age?: unknown } = { ...Object(cors) }
  assert.deepEqual([origins, max_age], [['https://app.test'], '1m'])
})

test('/admin/auth tells which keys of an issuer are held, since when, and until when', async () => {
  const { tokens } = await until(
    'the keys to be there in every thread',
    () => bucketIn('auth', 'remote'),
    (found) => found.tokens.key_set.keys !== null,
  )
  const { last_refresh, next_refresh_at, unknown_kid_refresh_at, ...rest } = tokens.key_set
  assert.deepEqual(rest, {
    url: `${issuer.url}/jwks`,
    keys: [{ kid: 'one', algorithms: ['ES256'] }],
  })
  assert.deepEqual([last_refresh?.outcome, last_refresh?.reason], ['changed', null])
  const hour = Date.parse(next_refresh_at) - Date.parse(last_refresh?.at ?? '')
  assert.ok(Math.abs(hour - 3_600_000) < 5000, String(hour))
  assert.ok(Date.parse(unknown_kid_refresh_at) <= Date.now())

  const sign = signer('ES256', key)
  const ask = (kid: string, sub: string): Promise<unknown> => {
    const head = { alg: 'ES256', kid }
    const given = token({ head, claims: { iss: issuer.url, sub }, sign })
    return request(`${front.url}/remote/a`, { headers: bearer(given) })
  }
  // Remembered by whichever threads were asked.
  for (const sub of ['ann', 'bob', 'eve']) await ask('one', sub)
  assert.equal((await bucketIn('auth', 'remote')).tokens.remembered, 3)
  // Until each thread has looked for a key that nobody has, one of them may.
  await until(
    'no thread to ask for an unknown key again before its time',
    async () => {
      await ask('unknown', 'ann')
      return bucketIn('auth', 'remote')
    },
    (found) => Date.parse(found.tokens.key_set.unknown_kid_refresh_at) > Date.now() + 10_000,
  )
})

test('/admin/auth tells why keys could not be had, and when they are asked for again', async () => {
  const { tokens } = await until(
    'the keys to have been refused',
    () => bucketIn('auth', 'gone'),
    (found) => found.tokens.key_set.last_refresh !== null,
  )
  const { keys, last_refresh, next_refresh_at } = tokens.key_set
  assert.equal(keys, null)
  assert.deepEqual(
    [last_refresh?.outcome, last_refresh?.reason],
    ['failed', 'the issuer answered 404'],
  )
  assert.ok(Date.parse(next_refresh_at) <= Date.now() + 1500)
})

test('/admin/routes tells what leads where', async () => {
  assert.deepEqual(await bucketIn('routes', 'own'), {
    bucket: 'own',
    path_prefix: '/own',
    hosts: ['a.test'],
    cached: false,
    guarded: true,
    replicas: ['primary'],
  })
  assert.deepEqual((await bucketIn('routes', 'two')).replicas, ['here', 'away'])
})

test('/admin/replicas tells how each fares, as the thread sees it that sees it worst', async () => {
  const { replicas, balance } = await until(
    'the probes to have told the two apart',
    () => bucketIn('replicas', 'two'),
    (found) =>
      found.replicas[0]?.['health'] === 'healthy' && found.replicas[1]?.['health'] === 'unhealthy',
  )
  assert.equal(balance, 'priority')
  const [here, away] = replicas
  assert.deepEqual(
    ['name', 'priority', 'breaker', 'in_flight', 'last_failure'].map((fact) => here?.[fact]),
    ['here', 1, 'closed', 0, null],
  )
  assert.deepEqual(
    ['name', 'priority', 'weight'].map((fact) => away?.[fact]),
    ['away', 2, 3],
  )
  front.s3.fault({ kind: 'hang', match: { key: 'a', method: 'GET' } })
  const leave = new AbortController()
  const waiting = request(`${front.url}/two/a`, { signal: leave.signal }).catch(() => undefined)
  await until(
    'the request to be counted while it runs',
    () => bucketIn('replicas', 'two'),
    (found) => found.replicas[0]?.['in_flight'] === 1,
  )
  leave.abort()
  await waiting
  front.s3.clearFaults()
})

test('/admin/config tells the configuration with its defaults, and masks its secrets', async () => {
  const text = await look('config')
  const { buckets, admin, server } = JSON.parse(text)
  assert.equal(buckets[1].auth.jwt.secret, '***')
  assert.equal(buckets[1].s3.replicas[0].secret_key, '***')
  assert.deepEqual(admin.roles, { viewer: { token: '***' } })
  assert.equal(server.http2, true)
  for (const secret of [SECRET, TOKEN, 'a secret of the tests']) assert.ok(!text.includes(secret))
})

test('what is in force has no query, and is only looked at', async () => {
  for (const path of ['auth', 'routes', 'replicas', 'config']) {
    const url = `${front.opsUrl}/admin/${path}`
    const asked = await request(`${url}?bucket=own`, { headers: bearer(TOKEN) })
    assert.equal(asked.status, 400)
    const posted = await request(url, { method: 'POST', headers: bearer(TOKEN) })
    assert.deepEqual([posted.status, posted.headers['allow']], [405, 'GET, HEAD'])
    const head = await request(url, { method: 'HEAD', headers: bearer(TOKEN) })
    assert.deepEqual([head.status, head.text], [200, ''])
  }
})
