// Who was let in and who was not, and how an issuer's keys are had, in numbers over all threads.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import { openIssuer } from '../support/issuer.ts'
import type { Issuer } from '../support/issuer.ts'
import { assertMoves, scrape, untilMetrics } from '../support/metrics.ts'
import { bearer, inSeconds, keyPair, SECRET, signer, token } from '../support/tokens.ts'
import { until } from '../support/until.ts'

const AUTH = 'sluice_auth_total'
const REFRESHES = 'sluice_jwks_refreshes_total'
const key = keyPair('P-256')
const THREADS = 2

let issuer: Issuer
let front: Front

before(async () => {
  issuer = await openIssuer()
  issuer.answers.set('/silent', 503)
  const claims = [{ claim: 'role', operator: 'equals', value: 'reader' }]
  const guarded = { auth: { enabled: true, jwt: { secret: SECRET, claims } } }
  const remote = { auth: { enabled: true, jwt: { jwks_url: `${issuer.url}/silent` } } }
  front = await openFront(
    { server: { threads: THREADS } },
    {
      buckets: (at) => [
        bucketAt(at, { name: 'private', ...guarded }),
        bucketAt(at, { name: 'blocked', ip_filter: { blocklist: ['127.0.0.1'] } }),
        bucketAt(at, { name: 'listed', ip_filter: { allowlist: ['127.0.0.1'] } }),
        bucketAt(at, { name: 'keyless', ...remote }),
      ],
    },
  )
  front.put('a', 'body')
})
after(async () => {
  await front?.[Symbol.asyncDispose]()
  await issuer?.close()
})

/** Each on a connection of its own, so that the threads take turns. */
async function ask(bucket: string, given?: string, key = 'a'): Promise<void> {
  for (let time = 0; time < 4; time += 1) {
    await request(
      `${front.url}/${bucket}/${key}`,
      given === undefined ? {} : { headers: bearer(given) },
    )
  }
}

const reader = { sub: 'ann', role: 'reader' }
const CASES: readonly (readonly [bucket: string, outcome: string, token?: string, key?: string])[] =
  [
    ['private', 'admitted', token({ claims: reader })],
    ['private', 'admitted', token({ claims: reader }), 'not-there'],
    ['private', 'missing'],
    ['private', 'invalid', 'no token at all'],
    ['private', 'expired', token({ claims: { ...reader, exp: inSeconds(-600) } })],
    ['private', 'denied', token({ claims: { role: 'writer' } })],
    ['blocked', 'address_denied'],
    ['listed', 'admitted'],
    ['keyless', 'unavailable', token({ head: { alg: 'ES256' }, sign: signer('ES256', key) })],
  ]

for (const [bucket, outcome, given, path] of CASES) {
  test(`${outcome} at ${bucket}${path === undefined ? '' : ', though nothing is there,'} counts once a request`, async () => {
    await assertMoves(front.opsUrl, () => ask(bucket, given, path), [
      [AUTH, { bucket, outcome }, 4],
      [AUTH, {}, 4],
    ])
  })
}

test('where nobody has to be let in, nobody is counted', async () => {
  await assertMoves(front.opsUrl, () => ask('files'), [
    [AUTH, {}, 0],
    ['sluice_http_requests_total', { bucket: 'files' }, 4],
  ])
  assert.ok((await scrape(front.opsUrl)).labels(AUTH).every(({ bucket }) => bucket !== 'files'))
})

test('each time an issuer is asked for its keys counts, by what came of it', async () => {
  await using other = await openIssuer()
  const jwk = { ...key.publicKey.export({ format: 'jwk' }), kid: 'one' }
  other.answers.set('/jwks', { keys: [jwk] })
  const jwt = { jwks_url: `${other.url}/jwks`, jwks_refresh_interval_secs: 1 }
  await using world = await openFront(
    { server: { threads: THREADS } },
    { buckets: (at) => [bucketAt(at, { name: 'private', auth: { enabled: true, jwt } })] },
  )
  const count = (outcome: string, from: number): Promise<unknown> =>
    untilMetrics(world.opsUrl, outcome, (now) => now.sum(REFRESHES, { outcome }) >= from)
  // Each thread has keys of its own.
  await count('changed', THREADS)
  await count('unchanged', THREADS)
  other.answers.set('/jwks', { keys: [{ ...jwk, kid: 'two' }] })
  await count('changed', 2 * THREADS)
  other.answers.set('/jwks', 500)
  await count('failed', THREADS)
  const { text } = await request(`${world.opsUrl}/metrics`)
  const asked = [...text.matchAll(/^sluice_jwks_refreshes_total\{.*\} (\d+)$/gm)]
  await until(
    'the issuer to have been asked as often',
    async () => other.asked.length,
    (times) => {
      return times >= asked.reduce((sum, [, value]) => sum + Number(value), 0)
    },
  )
})
