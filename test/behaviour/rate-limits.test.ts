// How often requests may come, and to whom they are counted. The test stands where a trusted proxy
// would, and is any client.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'

import { openCachedFront, TOKEN } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { explainAt, stepOf } from '../support/explained.ts'
import { bucketAt } from '../support/front.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { assertMoves } from '../support/metrics.ts'
import { until } from '../support/until.ts'
import { bearer, inSeconds, SECRET, token } from '../support/tokens.ts'

/** So few that none comes back while a test runs. */
const few = (requests: number) => ({ requests, window: '24h' })
const limit = (key: string, requests: number, more: object = {}) => ({
  name: 'own',
  key,
  ...few(requests),
  ...more,
})
const auth = { enabled: true }

const BUCKETS: Readonly<Record<string, object>> = {
  ip: { rate_limit: [limit('ip', 3)] },
  everyone: { rate_limit: [limit('global', 3)] },
  bucket: { rate_limit: [limit('bucket', 2)] },
  sliding: { rate_limit: [limit('ip', 2, { algorithm: 'sliding_window' })] },
  fixed: { rate_limit: [limit('ip', 2, { algorithm: 'fixed_window' })] },
  burst: { rate_limit: [limit('ip', 1000, { burst: 2 })] },
  soon: { rate_limit: [{ name: 'own', key: 'ip', requests_per_second: 0.7 }] },
  user: { auth, rate_limit: [limit('user', 2)] },
  tenant: { auth, rate_limit: [limit('claim:org.tenant', 2)] },
  pair: { auth, rate_limit: [limit('user+ip', 1)] },
  guarded: { auth, rate_limit: [limit('ip', 2)] },
  open: { rate_limit: [limit('user', 2)] },
  both: { rate_limit: [limit('ip', 2), { ...limit('bucket', 3), name: 'all' }] },
  told: { rate_limit: [limit('ip', 1)] },
  explained: { rate_limit: [limit('ip', 2)] },
  /** Past the cache a conditional question begins with the head. */
  moving: { rate_limit: [limit('ip', 1)], cache: { enabled: false } },
  shared: { cors: { origins: ['https://app.example.com'] }, rate_limit: [limit('ip', 1)] },
  filtered: { ip_filter: { blocklist: ['192.0.2.66'] }, rate_limit: [limit('bucket', 1)] },
  reference: { s3: { rate_limit: { requests_per_second: 0.0001 } } },
}

/** Of all buckets, in a Sluice of their own. */
const ALL = [
  { name: 'each-ip', key: 'ip', ...few(8) },
  { name: 'each-route', key: 'route+ip', ...few(4) },
]

let front: CachedFront
let whole: CachedFront

before(async () => {
  front = await openCachedFront(
    {
      server: { trusted_proxies: ['127.0.0.1'] },
      jwt: { secret: SECRET },
      rate_limiting: { limits: [{ name: 'each-ip', key: 'ip', ...few(10_000) }] },
    },
    {
      buckets: (endpoint) =>
        Object.entries(BUCKETS).map(([name, settings]) =>
          bucketAt(endpoint, { name, ...settings }),
        ),
    },
  )
  front.put('a', 'body')
  whole = await openCachedFront(
    { server: { trusted_proxies: ['127.0.0.1'] }, rate_limiting: { limits: ALL } },
    { buckets: (endpoint) => [bucketAt(endpoint, { name: 'other' })] },
  )
  whole.put('a', 'body')
})
after(async () => {
  await front[Symbol.asyncDispose]()
  await whole[Symbol.asyncDispose]()
})

type Headers = Readonly<Record<string, string>>

function from(
  address: string,
  path: string,
  headers: Headers = {},
  { method = 'GET', at = front }: { method?: string; at?: CachedFront } = {},
): Promise<Answer> {
  return request(at.url + path, { method, headers: { 'X-Forwarded-For': address, ...headers } })
}

/** Where limits hold for all buckets. */
function toAll(count: number, address: string, path: string): Promise<string> {
  return inTurn(
    ...Array.from({ length: count }, () => () => from(address, path, {}, { at: whole })),
  )
}

async function statuses(...asked: readonly Promise<Answer>[]): Promise<string> {
  return (await Promise.all(asked)).map(({ status }) => status).join(' ')
}

/** One after the other, which their order depends on. */
async function inTurn(...asked: readonly (() => Promise<Answer>)[]): Promise<string> {
  const found: number[] = []
  for (const ask of asked) found.push((await ask()).status)
  return found.join(' ')
}

function times(count: number, address: string, path: string, headers?: Headers): Promise<string> {
  return inTurn(...Array.from({ length: count }, () => () => from(address, path, headers)))
}

function tokenOf(claims: object): Headers {
  return bearer(token({ claims: { exp: inSeconds(600), ...claims } }))
}

describe('a limit', () => {
  test('admits so many of an address, and no more; others are not concerned', async () => {
    assert.equal(await times(5, '192.0.2.1', '/ip/a'), '200 200 200 429 429')
    assert.equal(await times(1, '192.0.2.2', '/ip/a'), '200')
  })

  test('is exact for requests that come at once', async () => {
    const all = Array.from({ length: 12 }, () => from('192.0.2.3', '/ip/a'))
    const found = (await statuses(...all)).split(' ').filter((status) => status === '200')
    assert.equal(found.length, 3)
  })

  test('takes an IPv6 network of 64 bits for one client', async () => {
    assert.equal(await times(3, '2001:db8:0:1::1', '/ip/a'), '200 200 200')
    assert.equal(await times(1, '2001:db8:0:1:ffff::9', '/ip/a'), '429')
    assert.equal(await times(1, '2001:db8:0:2::1', '/ip/a'), '200')
  })

  test('of everybody, or of the bucket, counts all addresses together', async () => {
    const asked = [1, 2, 3, 4].map((host) => () => from(`192.0.2.${host}`, '/everyone/a'))
    assert.equal(await inTurn(...asked), '200 200 200 429')
    const other = [1, 2, 3].map((host) => () => from(`192.0.2.${host}`, '/bucket/a'))
    assert.equal(await inTurn(...other), '200 200 429')
  })

  test('may be a window, sliding or fixed', async () => {
    assert.equal(await times(3, '192.0.2.1', '/sliding/a'), '200 200 429')
    assert.equal(await times(3, '192.0.2.1', '/fixed/a'), '200 200 429')
  })

  test('gives no more at once than its burst, whatever it gives in a day', async () => {
    assert.equal(await times(3, '192.0.2.1', '/burst/a'), '200 200 429')
  })

  test('of users counts each by the subject of the token', async () => {
    assert.equal(await times(3, '192.0.2.1', '/user/a', tokenOf({ sub: 'ann' })), '200 200 429')
    assert.equal(await times(1, '192.0.2.1', '/user/a', tokenOf({ sub: 'bob' })), '200')
  })

  test('of a claim counts all who have the same; those without it share one place', async () => {
    const tenant = (sub: string, org?: object): Headers =>
      tokenOf({ sub, ...(org === undefined ? {} : { org }) })
    const ask = (headers: Headers) => () => from('192.0.2.1', '/tenant/a', headers)
    const red = { tenant: 'red' }
    assert.equal(
      await inTurn(ask(tenant('ann', red)), ask(tenant('bob', red)), ask(tenant('cid', red))),
      '200 200 429',
    )
    assert.equal(await inTurn(ask(tenant('ann', { tenant: 'blue' }))), '200')
    assert.equal(
      await inTurn(ask(tenant('ann')), ask(tenant('bob', {})), ask(tenant('cid'))),
      '200 200 429',
    )
  })

  test('of users, where nobody has to say who they are, is one for all', async () => {
    const asked = [1, 2, 3].map((host) => () => from(`192.0.2.${host}`, '/open/a'))
    assert.equal(await inTurn(...asked), '200 200 429')
  })

  test('of a pair counts both together', async () => {
    const ann = tokenOf({ sub: 'ann' })
    const ask = (address: string, headers: Headers) => () => from(address, '/pair/a', headers)
    assert.equal(
      await inTurn(
        ask('192.0.2.1', ann),
        ask('192.0.2.1', ann),
        ask('192.0.2.2', ann),
        ask('192.0.2.1', tokenOf({ sub: 'bob' })),
      ),
      '200 429 200 200',
    )
  })

  test('that says no costs nothing of the others', async () => {
    assert.equal(await times(4, '192.0.2.1', '/both/a'), '200 200 429 429')
    assert.equal(await times(2, '192.0.2.2', '/both/a'), '200 429')
  })

  test('of all buckets counts routes apart where its key says so', async () => {
    assert.equal(await toAll(5, '192.0.2.9', '/files/a'), '200 200 200 200 429')
    assert.equal(await toAll(5, '192.0.2.9', '/other/a'), '200 200 200 200 429')
  })

  test('that the reference spells otherwise is one of the bucket', async () => {
    assert.equal(await times(2, '192.0.2.1', '/reference/a'), '200 429')
  })
})

describe('where it stands', () => {
  test('what leads to no bucket is counted too', async () => {
    const strays = await toAll(9, '192.0.2.40', '/nowhere')
    assert.equal(strays, '404 404 404 404 404 404 404 404 429')
    assert.equal(await toAll(1, '192.0.2.40', '/files/a'), '429')
  })

  test('probes, preflights and purges are not counted', async () => {
    const address = '192.0.2.41'
    assert.match(await toAll(9, address, '/nowhere'), /429$/)
    assert.equal(await toAll(1, address, '/health'), '200')
    assert.equal(await toAll(1, address, '/ready'), '200')
    const ask = (method: string, headers: Headers) => () =>
      from(address, '/files/a', headers, { method, at: whole })
    assert.equal(await inTurn(ask('OPTIONS', {}), ask('PURGE', bearer(TOKEN))), '204 200')
  })

  test('an address is limited before its token is looked at', async () => {
    assert.equal(await times(3, '192.0.2.1', '/guarded/a', bearer('nonsense')), '401 401 429')
  })

  test('whoever has no token spends nothing of those who have', async () => {
    const nobody = await times(3, '192.0.2.50', '/user/a')
    assert.equal(nobody, '401 401 401')
    assert.equal(await times(2, '192.0.2.50', '/user/a', tokenOf({ sub: 'cid' })), '200 200')
  })

  test('a request is counted once, even when its object changes under it', async () => {
    const { s3 } = front
    front.put('moving', 'old')
    s3.clearRequests()
    s3.fault({ kind: 'delay', delayMs: 300, match: { method: 'GET' }, times: 1 })
    const answer = from('192.0.2.1', '/moving/moving', { 'If-None-Match': '"another"' })
    await until(
      'the first question',
      async () => s3.requests.find(({ method, key }) => method === 'HEAD' && key === 'moving'),
      (asked) => asked !== undefined && asked.state !== 'open',
    )
    front.put('moving', 'young')
    const { status, text } = await answer
    s3.clearFaults()
    assert.equal(`${status} ${text}`, '200 young')
    assert.equal(await times(1, '192.0.2.1', '/moving/moving'), '429')
  })

  test('an address that is filtered spends nothing', async () => {
    assert.equal(await times(2, '192.0.2.66', '/filtered/a'), '403 403')
    assert.equal(await times(2, '192.0.2.1', '/filtered/a'), '200 429')
  })
})

describe('the refusal', () => {
  test('says how long to wait, and by which limits', async () => {
    assert.equal(await times(1, '192.0.2.1', '/told/a'), '200')
    const { status, headers, text } = await from('192.0.2.1', '/told/a')
    assert.equal(status, 429)
    assert.equal(JSON.parse(text).error, 'rate_limited')
    const wait = Number(headers['retry-after'])
    assert.ok(wait > 86_000 && wait <= 86_400, String(wait))
    assert.match(
      String(headers['ratelimit']),
      new RegExp(`^"each-ip";r=\\d+;t=\\d+, "own";r=0;t=${wait}$`),
    )
    assert.equal(headers['ratelimit-policy'], '"each-ip";q=10000;w=86400, "own";q=1;w=86400')
    assert.equal(headers['cache-control'], 'no-store')
    const line = await front.sluice.logLine(({ error }) => error === 'rate_limited')
    assert.equal(line['status'], 429)
    assert.match(String(line['cause']), /^by /)
  })

  test('is true: whoever waits as long as it says is admitted', async () => {
    assert.equal(await times(1, '192.0.2.1', '/soon/a'), '200')
    const refused = await from('192.0.2.1', '/soon/a')
    assert.equal(refused.status, 429)
    assert.equal(refused.headers['retry-after'], '2')
    await delay(Number(refused.headers['retry-after']) * 1000)
    assert.equal(await times(1, '192.0.2.1', '/soon/a'), '200')
  })

  test('speaks to S3 clients, to HEAD and to pages of other origins as others do', async () => {
    const ask = (headers: Headers, method = 'GET') =>
      from('192.0.2.1', '/shared/a', { origin: 'https://app.example.com', ...headers }, { method })
    assert.equal((await ask({})).status, 200)
    const shared = await ask({})
    assert.equal(shared.status, 429)
    assert.equal(shared.headers['access-control-allow-origin'], 'https://app.example.com')
    const xml = await ask({ 'x-amz-date': '20260101T000000Z' })
    assert.match(xml.text, /<Code>SlowDown<\/Code>/)
    const head = await ask({}, 'HEAD')
    assert.equal(`${head.status} ${head.text}`, '429 ')
  })

  test('an admitted answer says nothing of limits', async () => {
    const { status, headers } = await from('192.0.2.60', '/files/a')
    assert.equal(status, 200)
    assert.equal(headers['ratelimit'] ?? headers['ratelimit-policy'], undefined)
  })
})

describe('an operator', () => {
  test('sees refusals counted by bucket and limit', async () => {
    await assertMoves(
      whole.opsUrl,
      async () => {
        await toAll(6, '192.0.2.70', '/files/a')
        await toAll(9, '192.0.2.71', '/nowhere')
      },
      [
        ['sluice_rate_limited_total', { bucket: 'files', limit: 'each-route' }, 2],
        ['sluice_rate_limited_total', { bucket: 'files', limit: 'each-ip' }, 0],
        ['sluice_rate_limited_total', { bucket: '', limit: 'each-ip' }, 1],
        ['sluice_refusals_total', { code: 'rate_limited' }, 3],
      ],
    )
  })

  test('is told by explain what each limit would say, and nothing is spent', async () => {
    const asked = { path: '/explained/a', headers: { 'x-forwarded-for': '192.0.2.80' } }
    for (let count = 0; count < 4; count += 1) await explainAt(front, asked)
    const { limits } = stepOf(await explainAt(front, asked), 'limits') as unknown as {
      limits: readonly { name: string; remaining: number }[]
    }
    assert.deepEqual(
      limits.map(({ name, remaining }) => `${name} ${remaining}`),
      ['each-ip 10000', 'own 2'],
    )
    assert.equal(await times(2, '192.0.2.80', '/explained/a'), '200 200')
    const { summary, steps } = await explainAt(front, asked)
    assert.equal(`${summary.status} ${summary.code}`, '429 rate_limited')
    assert.equal(steps.at(-1)?.step, 'limits')
    const lines = steps.at(-1)?.['headers'] as readonly string[]
    assert.match(lines.join('\n'), /^RateLimit: .*"own";r=0/m)
  })

  test('is told by explain of what leads nowhere, and of the limits of users', async () => {
    const stray = await explainAt(front, {
      path: '/nowhere',
      headers: { 'x-forwarded-for': '192.0.2.81' },
    })
    assert.equal(stepOf(stray, 'limits').outcome, 'admitted')
    assert.equal(stray.summary.code, 'no_route')
    const user = { 'x-forwarded-for': '192.0.2.82', ...tokenOf({ sub: 'explained' }) }
    const asked = { path: '/user/a', headers: user }
    assert.equal((await explainAt(front, asked)).summary.code, undefined)
    await times(2, '192.0.2.82', '/user/a', tokenOf({ sub: 'explained' }))
    assert.equal((await explainAt(front, asked)).summary.code, 'rate_limited')
  })

  test('sees all limits, what they have refused and how many callers they know', async () => {
    await times(4, '192.0.2.90', '/ip/a')
    const { status, json } = await front.call('GET', '/admin/limits')
    assert.equal(status, 200)
    assert.deepEqual([json['store'], json['degraded'], json['nodes']], ['local', false, 1])
    const limits = json['limits'] as readonly Record<string, unknown>[]
    const own = limits.find(({ bucket }) => bucket === 'ip')
    const { refused, refused_by_bucket: at, keys, ...settings } = own ?? {}
    assert.deepEqual(settings, {
      bucket: 'ip',
      name: 'own',
      key: 'ip',
      algorithm: 'token_bucket',
      requests: 3,
      window: '1d',
      burst: 3,
    })
    assert.ok(Number(refused) >= 1 && Number(keys) >= 1)
    assert.deepEqual(at, { ip: refused })
    assert.equal(limits[0]?.['bucket'], null)
    assert.ok(Number(limits[0]?.['keys']) > 10)
    assert.equal((await front.call('GET', '/admin/limits', { token: '' })).status, 401)
    assert.equal((await front.call('GET', '/admin/limits?x=1')).status, 400)
  })
})
