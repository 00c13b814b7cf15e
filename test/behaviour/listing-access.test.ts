// Who may not have a path may not have the names below it, in whatever words they are asked for.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { explainAt, stepOf } from '../support/explained.ts'
import { bucketAt } from '../support/front.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { readS3Page } from '../support/listed.ts'
import { openScriptedPolicy } from '../support/scripted-policy.ts'
import type { ScriptedPolicy } from '../support/scripted-policy.ts'
import { fieldsOf, queryOf, signed, SIGNING_SECRET } from '../support/signed.ts'
import { bearer, SECRET, token } from '../support/tokens.ts'

let policy: ScriptedPolicy
let front: CachedFront

before(async () => {
  policy = await openScriptedPolicy()
  const authorization = {
    type: 'opa',
    url: policy.url,
    policy_path: 'a/b',
    timeout_ms: 10_000,
    cache_ttl_seconds: 0,
  }
  const signed_urls = { enabled: true, keys: [{ id: 'k1', secret: SIGNING_SECRET }] }
  const tenants = {
    secret: SECRET,
    claims: [{ claim: 'tenant', operator: 'equals', value: '{tenant}' }],
  }
  front = await openCachedFront(
    { jwt: { secret: SECRET }, server: { trusted_proxies: ['127.0.0.1'] } },
    {
      buckets: (at) => [
        bucketAt(at, { name: 'token', listing: 's3', auth: { enabled: true } }),
        bucketAt(at, { name: 'page', listing: 'html', auth: { enabled: true } }),
        bucketAt(at, { name: 'policy', listing: 's3', authorization }),
        bucketAt(at, {
          name: 'told',
          listing: 's3',
          authorization: { ...authorization, input: ['listing', 'key'] },
        }),
        bucketAt(at, {
          name: 'dirs',
          listing: 'json',
          authorization: { ...authorization, input: ['listing'] },
        }),
        bucketAt(at, { name: 'signed', listing: 's3', signed_urls }),
        bucketAt(at, { name: 'ip', listing: 'html', ip_filter: { allowlist: ['10.0.0.0/8'] } }),
        bucketAt(at, {
          name: 'slow',
          listing: 'json',
          rate_limit: [{ name: 'few', key: 'bucket', requests: 2, window: '1h' }],
        }),
        bucketAt(at, {
          name: 'u',
          path_prefix: '/u/{tenant}',
          listing: 's3',
          s3: { key_prefix: '{tenant}/' },
          auth: { enabled: true, jwt: tenants },
        }),
        bucketAt(at, { name: 'cross', listing: 'json', cors: { origins: ['https://app.test'] } }),
      ],
    },
  )
  for (const key of ['a.txt', 'open/o.txt', 'open/deep/x', 'shut/s.txt', 'acme/1', 'other/2'])
    front.put(key, key)
})
after(async () => {
  await front[Symbol.asyncDispose]()
  await policy[Symbol.asyncDispose]()
})
beforeEach(() => {
  policy.asked.length = 0
})

const ask = (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
  request(`${front.url}${path}`, { headers })
const errorOf = ({ status, text }: Answer): unknown[] => [status, JSON.parse(text).error]

async function assertOriginIsNotAsked(act: () => Promise<unknown>): Promise<void> {
  const listings = (): number =>
    front.s3.requests.filter(({ rawTarget }) => rawTarget.includes('list-type')).length
  const before = listings()
  await act()
  assert.equal(listings(), before)
}

test('without a token nothing is told, and the origin not asked', async () => {
  await assertOriginIsNotAsked(async () => {
    for (const path of [
      '/token?list-type=2',
      '/token',
      '/token?location',
      '/page/',
      '/page/open/',
    ]) {
      assert.deepEqual(errorOf(await ask(path)), [401, 'token_missing'], path)
    }
    const head = await request(`${front.url}/token`, { method: 'HEAD' })
    assert.equal(head.status, 401)
  })
  const admitted = await ask('/token?list-type=2', bearer(token()))
  assert.equal(readS3Page(admitted.text).keys.length, 6)
})

test('a filtered address and a reached limit hold before a listing', async () => {
  assert.deepEqual(errorOf(await ask('/ip/')), [403, 'address_denied'])
  assert.equal((await ask('/ip/', { 'x-forwarded-for': '10.1.1.1' })).status, 200)
  assert.deepEqual(
    [(await ask('/slow/')).status, (await ask('/slow/open/')).status, (await ask('/slow/')).status],
    [200, 200, 429],
  )
})

test('a tenant lists what is its own', async () => {
  const acme = bearer(token({ claims: { tenant: 'acme' } }))
  assert.deepEqual(readS3Page((await ask('/u/acme?list-type=2', acme)).text).keys, ['1'])
  await assertOriginIsNotAsked(async () => {
    assert.deepEqual(errorOf(await ask('/u/other?list-type=2', acme)), [403, 'claims_denied'])
    assert.equal((await ask('/u/acme?list-type=2&prefix=../other/', acme)).status, 400)
  })
  assert.deepEqual(readS3Page((await ask('/u/acme?list-type=2&prefix=other/', acme)).text).keys, [])
})

describe('a policy', () => {
  const OPEN = /^\/(?:policy|told)\/open\//

  before(() => {
    policy.answer = (input, outgoing) => {
      outgoing.end(JSON.stringify({ result: OPEN.test(input.path) }))
    }
  })

  test('is asked of the directory that the query names', async () => {
    for (const [prefix, path] of [
      ['', '/policy/'],
      ['open/', '/policy/open/'],
      ['open/o', '/policy/open/'],
      ['open', '/policy/'],
      ['open/deep/x', '/policy/open/deep/'],
      ['shut/', '/policy/shut/'],
    ] as const) {
      policy.asked.length = 0
      const { status } = await ask(`/policy?list-type=2&delimiter=/&prefix=${prefix}`)
      assert.equal(status, OPEN.test(path) ? 200 : 403, prefix)
      assert.deepEqual(
        policy.asked.map((input) => input.path),
        [path],
      )
    }
    assert.deepEqual(Object.keys(policy.asked[0] ?? {}), [
      'jwt_claims',
      'bucket',
      'path',
      'method',
      'client_ip',
    ])
  })

  test('that does not know of listings is not taken to mean all below a path', async () => {
    await assertOriginIsNotAsked(async () => {
      for (const query of ['', '&delimiter=', '&delimiter=o', '&delimiter=//']) {
        const answer = await ask(`/policy?list-type=2&prefix=open/${query}`)
        assert.deepEqual(errorOf(answer), [403, 'policy_denied'], query)
      }
    })
    assert.equal(policy.asked.length, 0)
    const told = await explainAt(front, { path: '/policy?list-type=2&prefix=open/' })
    assert.match(stepOf(told, 'authorization').reason, /input: \[listing\]/)
  })

  test('that is told of listings decides on them', async () => {
    const { keys } = readS3Page((await ask('/told?list-type=2&prefix=open/d')).text)
    assert.deepEqual(keys, ['open/deep/x'])
    const [input] = policy.asked
    assert.deepEqual(
      [input?.path, input?.key, input?.listing],
      ['/told/open/', 'open/', { prefix: 'open/d', recursive: true }],
    )
    assert.equal((await ask('/told/open/o.txt')).text, 'open/o.txt')
    assert.equal(policy.asked[1]?.listing, null)
    await ask('/dirs/open/')
    assert.deepEqual(policy.asked[2]?.listing, {
      prefix: 'open/',
      recursive: false,
    })
  })
})

describe('a signature', () => {
  const list = (
    prefix: string,
    parts: Parameters<typeof fieldsOf>[0],
    more = '',
  ): Promise<Answer> =>
    ask(
      `/signed?list-type=2&prefix=${encodeURIComponent(prefix)}${more}&${queryOf(fieldsOf(parts))}`,
    )

  test('for all below a path lists below it, and nowhere else', async () => {
    const parts = { path: '/signed/open/', scope: '/signed/open/*' }
    assert.deepEqual(readS3Page((await list('open/', parts)).text).keys, [
      'open/deep/x',
      'open/o.txt',
    ])
    assert.deepEqual(readS3Page((await list('open/deep/', parts)).text).keys, ['open/deep/x'])
    await assertOriginIsNotAsked(async () => {
      for (const prefix of ['', 'shut/', 'open', 'o', 'op/../shut/']) {
        const { status } = await list(prefix, parts)
        assert.ok(status === 403 || status === 400, prefix)
      }
    })
  })

  test('for one path lists that directory, and not all below it', async () => {
    const parts = { path: '/signed/open/' }
    const { keys, groups } = readS3Page((await list('open/', parts, '&delimiter=/')).text)
    assert.deepEqual([keys, groups], [['open/o.txt'], ['open/deep/']])
    assert.deepEqual(errorOf(await list('open/', parts)), [403, 'signature_invalid'])
    assert.deepEqual(errorOf(await list('shut/', parts, '&delimiter=/')), [
      403,
      'signature_invalid',
    ])
    assert.deepEqual(errorOf(await list('', { path: '/signed/open/o.txt' })), [
      403,
      'signature_invalid',
    ])
  })

  test('for an object is no listing', async () => {
    const address = signed({ path: '/signed/open/o.txt' })
    assert.equal((await ask(address)).text, 'open/o.txt')
    const [, query] = address.split('?')
    for (const path of ['/signed', '/signed/']) {
      assert.deepEqual(errorOf(await ask(`${path}?list-type=2&${query}`)), [
        403,
        'signature_invalid',
      ])
    }
  })
})

test('pages of other origins may read a listing, and why there is none', async () => {
  const origin = { origin: 'https://app.test' }
  for (const path of ['/cross/', '/cross/none/']) {
    assert.equal(
      (await ask(path, origin)).headers['access-control-allow-origin'],
      'https://app.test',
    )
  }
})

test('nothing that lets somebody in stands on the page, or in the log', async () => {
  const query = queryOf(fieldsOf({ path: '/signed/', scope: '/signed/*' }))
  const { text } = await ask(`/signed?list-type=2&max-keys=1&${query}`)
  assert.match(text, /NextContinuationToken/)
  assert.doesNotMatch(text + front.sluice.stdout(), /sl-sig|sl-key/)
})
