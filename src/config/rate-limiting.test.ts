import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { formatProblem, loadConfig, printConfig } from './config.ts'
import type { Config } from './config.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-limits-'))
after(() => rmSync(folder, { recursive: true }))

interface Written {
  /** Of `rate_limiting`. */
  readonly all?: string
  /** Of the bucket, and of its `s3`. */
  readonly bucket?: string
  readonly s3?: string
  readonly server?: string
  readonly more?: string
}

function load({ all = '', bucket = '', s3 = '', server = '', more = '' }: Written) {
  const file = join(folder, 'config.yaml')
  const lines = [
    `rate_limiting: {${all}}`,
    `server: {${server}}`,
    `buckets: [{name: a, path_prefix: /, s3: {bucket: b, ${s3}}, ${bucket}}]`,
    more,
  ]
  writeFileSync(file, lines.join('\n'))
  const loaded = loadConfig(file, {})
  const told = loaded.kind === 'loaded' ? loaded.warnings : loaded.problems
  return { loaded, lines: told.map((problem) => formatProblem({ ...problem, file: '' })) }
}

function configOf(written: Written): Config {
  const { loaded, lines } = load(written)
  if (loaded.kind === 'refused') throw new Error(lines.join('\n'))
  return loaded.config
}

const one = (settings: string): Written => ({ all: `limits: [{name: x, key: ip, ${settings}}]` })
const at = 'rate_limiting.limits[0]'
const keys =
  'global, ip, bucket, user, claim:<name>, route, or two of them joined by "+" such as route+ip'

const problems: readonly (readonly [written: Written, line: string])[] = [
  [
    one(''),
    `${at}.requests_per_second: is missing; wanted a number, or requests and window in its place`,
  ],
  [
    one('requests_per_second: 0'),
    `${at}.requests_per_second: wanted a number from 0.00001 to 1000000, found 0`,
  ],
  [
    one('requests_per_second: -1'),
    `${at}.requests_per_second: wanted a number from 0.00001 to 1000000, found -1`,
  ],
  [
    one('requests_per_second: 1, requests: 5, window: 1m'),
    `${at}.requests: contradicts requests_per_second; give one or the other (requests: 1000, window: 1m is one way to say it)`,
  ],
  [
    one('requests_per_second: 1, window: 1m'),
    `${at}.window: contradicts requests_per_second; give one or the other (requests: 1000, window: 1m is one way to say it)`,
  ],
  [
    one('requests: 5'),
    `${at}.window: is missing; wanted the time in which there are so many requests (add window: 1m)`,
  ],
  [one('window: 5s'), `${at}.requests: is missing; wanted how many in the window`],
  [
    one('requests: 0, window: 5s'),
    `${at}.requests: wanted a whole number from 1 to 1000000000, found 0`,
  ],
  [
    one('requests: 1.5, window: 5s'),
    `${at}.requests: wanted a whole number from 1 to 1000000000, found 1.5`,
  ],
  [
    one('requests: 1, window: 0s'),
    `${at}.window: wanted a duration such as 30s or 250ms, from 1s to 31d, found "0s"`,
  ],
  [
    one('requests_per_second: 1, burst: 0'),
    `${at}.burst: wanted a whole number from 1 to 1000000000, found 0`,
  ],
  [
    one('requests: 5, window: 1m, algorithm: fixed_window, burst: 7'),
    `${at}.burst: means nothing with fixed_window: a window is its own burst (leave it out, or take algorithm: token_bucket)`,
  ],
  [
    one('requests: 5, window: 1m, algorithm: leaky_bucket'),
    `${at}.algorithm: wanted one of token_bucket, sliding_window, fixed_window, found "leaky_bucket"`,
  ],
  [one('requests_per_second: 5, bursts: 7'), `${at}.bursts: unknown setting (did you mean burst?)`],
  [
    { all: 'limits: [{name: x, key: addr, requests_per_second: 1}]' },
    `${at}.key: wanted ${keys}, found "addr"`,
  ],
  [
    { all: 'limits: [{name: x, key: claim, requests_per_second: 1}]' },
    `${at}.key: wanted ${keys}, found "claim" (write claim:<name>)`,
  ],
  [
    { all: 'limits: [{name: x, key: global+ip, requests_per_second: 1}]' },
    `${at}.key: wanted ${keys}, found "global+ip" (global stands alone: it is everybody)`,
  ],
  [
    { all: 'limits: [{name: x, key: route+bucket, requests_per_second: 1}]' },
    `${at}.key: wanted ${keys}, found "route+bucket"`,
  ],
  [
    { all: 'limits: [{name: x, key: ip+user+route, requests_per_second: 1}]' },
    `${at}.key: wanted ${keys}, found "ip+user+route"`,
  ],
  [{ all: 'limits: [{name: x, requests_per_second: 1}]' }, `${at}.key: is missing; wanted ${keys}`],
  [
    { all: 'limits: [{key: ip, requests_per_second: 1}]' },
    `${at}.name: is missing; wanted a name of letters, digits, "-", "_" and "."`,
  ],
  [
    { all: 'limits: [{name: "a b", key: ip, requests_per_second: 1}]' },
    `${at}.name: wanted a name of letters, digits, "-", "_" and ".", found "a b"`,
  ],
  [
    {
      all: 'limits: [{name: x, key: ip, requests_per_second: 1}, {name: x, key: user, requests_per_second: 1}]',
    },
    'rate_limiting.limits[1].name: is "x", the name of number 1 of this list too',
  ],
  [
    {
      all: 'limits: [{name: x, key: ip, requests_per_second: 1}]',
      bucket: 'rate_limit: [{name: x, key: ip, requests_per_second: 1}]',
    },
    'buckets[0].rate_limit[0].name: is "x", the name of rate_limiting.limits[0] too',
  ],
  [
    {
      all: 'limits: [{name: per-ip, key: ip, requests_per_second: 1}]',
      server: 'rate_limit: {per_ip: {requests_per_second: 5}}',
    },
    'server.rate_limit.per_ip: is the limit "per-ip", as is rate_limiting.limits[0] (keep rate_limiting.limits)',
  ],
  [
    {
      s3: 'rate_limit: {requests_per_second: 5}',
      bucket: 'rate_limit: [{name: bucket, key: bucket, requests_per_second: 1}]',
    },
    'buckets[0].rate_limit[0].name: is "bucket", the name of buckets[0].s3.rate_limit too',
  ],
  [
    { bucket: 'rate_limit: [{name: y, key: ip}]' },
    'buckets[0].rate_limit[0].requests_per_second: is missing; wanted a number, or requests and window in its place',
  ],
  [
    { all: 'store: memcached' },
    'rate_limiting.store: wanted one of local, redis, found "memcached"',
  ],
  [
    { all: 'store: redis' },
    'rate_limiting.store: redis is not set up: its connection is that of cache.redis (add cache: { redis: { enabled: true, redis_url: … } })',
  ],
  [
    { all: 'max_keys: 10' },
    'rate_limiting.max_keys: wanted a whole number from 1000 to 50000000, found 10',
  ],
  [
    { all: 'ipv6_prefix: 129' },
    'rate_limiting.ipv6_prefix: wanted a whole number from 16 to 128, found 129',
  ],
  [
    { all: 'fleet_size: 0' },
    'rate_limiting.fleet_size: wanted auto or a whole number from 1 to 10000, found 0',
  ],
  [{ all: 'limit: []' }, 'rate_limiting.limit: unknown setting (did you mean limits?)'],
  [
    { server: 'rate_limit: {per_ip: {}}' },
    'server.rate_limit.per_ip.requests_per_second: is missing; wanted a number from 0.00001 to 1000000',
  ],
]

for (const [written, line] of problems) {
  test(`is refused: ${line}`, () => {
    const { loaded, lines } = load(written)
    assert.equal(loaded.kind, 'refused')
    assert.deepEqual(lines, [line])
  })
}

const rates: readonly (readonly [
  settings: string,
  algorithm: string,
  quota: number,
  windowMs: number,
])[] = [
  ['requests_per_second: 100', 'token_bucket', 100, 1000],
  ['requests_per_second: 100, burst: 200', 'token_bucket', 200, 2000],
  ['requests_per_second: 0.1', 'token_bucket', 1, 10_000],
  ['requests: 90, window: 1m', 'token_bucket', 90, 60_000],
  ['requests: 90, window: 1m, burst: 3', 'token_bucket', 3, 2000],
  ['requests: 90, window: 1m, algorithm: sliding_window', 'sliding_window', 90, 60_000],
  ['requests_per_second: 5, algorithm: fixed_window', 'fixed_window', 5, 1000],
  ['requests_per_second: 0.1, algorithm: fixed_window', 'fixed_window', 1, 10_000],
  ['requests_per_second: 2.5, algorithm: sliding_window', 'sliding_window', 3, 1200],
]

for (const [settings, algorithm, quota, windowMs] of rates) {
  test(`${settings} is ${quota} in ${windowMs} ms by ${algorithm}`, () => {
    const [limit] = configOf(one(settings)).rateLimiting.limits
    assert.deepEqual(limit?.rate, { algorithm, quota, windowMs })
  })
}

test('the other spellings are limits by the names they have everywhere', () => {
  const { rateLimiting, buckets } = configOf({
    server:
      'rate_limit: {enabled: true, global: {requests_per_second: 1000}, per_ip: {requests_per_second: 0.5}}',
    s3: 'rate_limit: {requests_per_second: 100}',
  })
  const short = [...rateLimiting.limits, ...(buckets[0]?.rateLimit ?? [])].map(
    ({ name, key, rate }) => [name, key, rate.quota, rate.windowMs],
  )
  assert.deepEqual(short, [
    ['global', 'global', 1000, 1000],
    ['per-ip', 'ip', 1, 2000],
    ['bucket', 'bucket', 100, 1000],
  ])
  const off = configOf({ server: 'rate_limit: {enabled: false, global: {requests_per_second: 1}}' })
  assert.deepEqual(off.rateLimiting.limits, [])
})

test('what is printed loads again, and means the same', () => {
  const config = configOf({
    all: 'headers: true, max_keys: 5000, ipv6_prefix: 56, fleet_size: 3, limits: [{name: x, key: "claim:https://x/tenant", requests_per_second: 0.3, burst: 5}]',
    bucket:
      'rate_limit: [{name: y, key: route+ip, requests: 10, window: 90s, algorithm: fixed_window}]',
    s3: 'rate_limit: {requests_per_second: 7}',
  })
  const file = join(folder, 'printed.yaml')
  writeFileSync(file, JSON.stringify(printConfig(config)))
  const again = loadConfig(file, {})
  assert.ok(again.kind === 'loaded', JSON.stringify(again))
  assert.deepEqual(again.config.rateLimiting, config.rateLimiting)
  assert.deepEqual(again.config.buckets[0]?.rateLimit, config.buckets[0]?.rateLimit)
})

test('limits that are switched off are told', () => {
  const { loaded, lines } = load({
    all: 'enabled: false, limits: [{name: x, key: ip, requests_per_second: 1}]',
    bucket: 'rate_limit: [{name: y, key: ip, requests_per_second: 1}]',
  })
  assert.equal(loaded.kind, 'loaded')
  assert.deepEqual(lines, [
    'rate_limiting.limits: limits nothing: rate_limiting.enabled is false',
    'buckets[0].rate_limit: limits nothing: rate_limiting.enabled is false',
  ])
})

test('a key that names somebody where nobody is asked for a token is told', () => {
  const { loaded, lines } = load({
    all: 'limits: [{name: x, key: user, requests_per_second: 1}]',
    bucket: 'rate_limit: [{name: y, key: ip+claim:t, requests_per_second: 1}]',
  })
  assert.equal(loaded.kind, 'loaded')
  const hint = '(add auth: { enabled: true })'
  assert.deepEqual(lines, [
    `rate_limiting.limits[0].key: user tells nobody apart by name: no token is asked for ${hint}`,
    `buckets[0].rate_limit[0].key: ip+claim:t tells nobody apart by name: no token is asked for ${hint}`,
  ])
})
