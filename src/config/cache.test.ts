// The cache's sections: what they come to, and the exact words about what is wrong with them.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { formatProblem, loadConfig } from './config.ts'
import type { Config } from './config.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-cache-config-'))
after(() => rmSync(folder, { recursive: true }))

function load(yaml: string) {
  const file = join(folder, 'config.yaml')
  writeFileSync(file, yaml)
  const loaded = loadConfig(file, {})
  const told = loaded.kind === 'loaded' ? loaded.warnings : loaded.problems
  return { loaded, lines: told.map((one) => formatProblem(one).replace(`${file}: `, '')) }
}

function configOf(yaml: string): Config {
  const { loaded, lines } = load(yaml)
  if (loaded.kind === 'refused') throw new Error(lines.join('\n'))
  return loaded.config
}

const minimal = 'buckets: [{name: a, path_prefix: /a, s3: {bucket: b}}]'
const withCache = (settings: string) => `cache: {${settings}}\n${minimal}`
const inCache = (settings: string) =>
  `buckets: [{name: a, path_prefix: /a, s3: {bucket: b}, cache: {${settings}}}]`

test('a memory size and a lifetime in older spellings mean what they say', () => {
  const config = configOf(`cache: {memory: {max_capacity: 1073741824, ttl_seconds: 60}}
buckets:
  - {name: a, path_prefix: /a, s3: {bucket: b}}
  - {name: b, path_prefix: /b, s3: {bucket: b}, cache: {ttl_seconds: 7, max_item_size_mb: 3}}
  - {name: c, path_prefix: /c, s3: {bucket: b}, cache: {ttl: 8}}`)
  assert.equal(config.cache.memory.maxBytes, 1024 ** 3)
  assert.deepEqual(
    config.buckets.map(({ cache }) => cache.ttlMs),
    [60_000, 7000, 8000],
  )
  assert.equal(config.buckets[1]?.cache.maxItemBytes, 3 * 1024 ** 2)
})

test('a cache layer is one that is named and enabled', () => {
  const layers = (settings: string) => configOf(`cache: {${settings}}\n${minimal}`).cache.layers
  assert.deepEqual(layers('redis: {enabled: true}'), ['memory', 'disk', 'redis'])
  assert.deepEqual(layers('cache_layers: [disk, memory]'), ['disk', 'memory'])
  assert.deepEqual(layers('memory: {enabled: false}'), ['disk'])
  assert.deepEqual(layers('enabled: false, cache_layers: []'), [])
})

test('names of headers and of metadata lose their capitals', () => {
  const found = configOf(`buckets: [{name: a, path_prefix: /a, s3: {bucket: b},
    cache: {vary: [Accept, accept], tags: {metadata: [Cache-Tag], pattern: "^([^/]+)/"}}}]`)
    .buckets[0]?.cache
  assert.deepEqual(found?.vary, ['accept'])
  assert.deepEqual(found?.tags, { metadata: ['cache-tag'], pattern: '^([^/]+)/' })
})

const places: readonly [redis: string, tls: boolean, url: string, rest?: object][] = [
  ['tls: true', true, 'rediss://localhost:6379'],
  ['redis_url: rediss://cache.example:6380', true, 'rediss://cache.example:6380'],
  [
    'redis_url: "redis://me:p%40ss@cache/3"',
    false,
    'redis://cache:6379',
    { username: 'me', password: 'p@ss', db: 3 },
  ],
  ['redis_url: "redis://:p@[::1]:1/"', false, 'redis://[::1]:1', { password: 'p' }],
  [
    'redis_username: u, redis_password: p, redis_db: 4',
    false,
    'redis://localhost:6379',
    { username: 'u', password: 'p', db: 4 },
  ],
]

for (const [settings, tls, url, rest] of places) {
  test(`Redis at {${settings}} is ${url}`, () => {
    const { redis } = configOf(`cache: {redis: {enabled: true, ${settings}}}\n${minimal}`).cache
    const { username, password, db } = redis ?? {}
    assert.deepEqual([redis?.tls, redis?.url.reveal()], [tls, url])
    assert.deepEqual(
      { username: username?.reveal(), password: password?.reveal(), db },
      { username: undefined, password: undefined, db: 0, ...rest },
    )
  })
}

test('Redis may be a set that Sentinels watch, or a cluster', () => {
  const redis = (settings: string) =>
    configOf(`cache: {redis: {enabled: true, ${settings}}}\n${minimal}`).cache.redis
  assert.deepEqual(redis('sentinel: {name: m, hosts: [s1, "s2:7"]}')?.sentinel, {
    name: 'm',
    hosts: [
      { host: 's1', port: 26_379 },
      { host: 's2', port: 7 },
    ],
  })
  assert.deepEqual(redis('cluster: ["n1:7000", n2]')?.cluster, [
    { host: 'n1', port: 7000 },
    { host: 'n2', port: 6379 },
  ])
})

test('a Redis that keeps nothing and a memory for hardly a slice are warnings', () => {
  const yaml = `cache: {cache_layers: [memory], redis: {enabled: true}, memory: {max_cache_size_mb: 3}}
${minimal}`
  assert.deepEqual(load(yaml).lines, [
    'cache.redis.enabled: keeps no objects there: cache_layers does not name redis',
    'cache.memory: holds hardly a slice; wanted room for four of slice_size',
  ])
})

test('a bucket that is left hardly a slice is a warning', () => {
  const yaml = `buckets: [{name: b, path_prefix: /b, s3: {bucket: b}, cache: {max_size: 3MiB}}]`
  assert.deepEqual(load(yaml).lines, [
    'buckets[0].cache.max_size: holds hardly a slice; wanted room for four of cache.slice_size',
  ])
})

const broken: readonly [yaml: string, ...problems: string[]][] = [
  [
    withCache('cache_layers: [memory, flash, memory]'),
    'cache.cache_layers[1]: wanted one of memory, disk, redis, found "flash"',
    'cache.cache_layers[2]: is "memory", as cache_layers[0] is',
  ],
  [
    withCache('cache_layers: []'),
    'cache.cache_layers: is an empty list (enable a layer it names, or say cache.enabled: false)',
  ],
  [
    withCache('cache_layers: [redis]'),
    'cache.cache_layers: names no layer that is enabled (enable a layer it names, or say cache.enabled: false)',
  ],
  [
    withCache('slice_size: 65537'),
    'cache.slice_size: wanted a size from 64KiB to 64MiB, a multiple of 4KiB, found 65537',
  ],
  [
    withCache('slice_size: 2MiB, fetch_span: 1MiB, fill_memory: 3MiB'),
    'cache.fetch_span: is below slice_size: it holds no slice',
    'cache.fill_memory: is below twice slice_size: nothing could be stored',
  ],
  [
    withCache(
      'memory: {max_capacity: 1GB, max_cache_size_mb: 1024, ttl_seconds: 1, default_ttl_seconds: 1}',
    ),
    'cache.memory.default_ttl_seconds: is given twice: ttl_seconds is the same setting',
    'cache.memory.max_capacity: is given twice: max_cache_size_mb is the same setting',
  ],
  [
    withCache('redis: {redis_url: "redis://me:hunter2@a,b"}'),
    'cache.redis.redis_url: wanted a URL such as redis://host:6379, rediss://host:6380 or redis://user:password@host:6379/0, found a text (several hosts go into sentinel or cluster)',
  ],
  ...['http://a', 'redis://', 'redis://:1', 'redis://a:b', 'redis://%zz@a', 'redis://a/0?x=1'].map(
    (url): [string, string] => [
      withCache(`redis: {redis_url: "${url}"}`),
      'cache.redis.redis_url: wanted a URL such as redis://host:6379, rediss://host:6380 or redis://user:password@host:6379/0, found a text',
    ],
  ),
  [
    withCache(
      'redis: {redis_url: "rediss://u:hunter2@a/0", redis_username: u, redis_password: hunter2, redis_db: 0, tls: false}',
    ),
    'cache.redis.redis_db: is given twice: redis_url holds one',
    'cache.redis.redis_password: is given twice: redis_url holds one',
    'cache.redis.redis_username: is given twice: redis_url holds one',
    'cache.redis.tls: contradicts redis_url, which begins with rediss://',
  ],
  [
    withCache(
      'redis: {redis_url: "redis://a", sentinel: {name: m, hosts: [a]}, cluster: [":1"], redis_db: 1}',
    ),
    'cache.redis.cluster: contradicts sentinel; give one or the other',
    'cache.redis.cluster[0]: wanted an address such as redis-1:6379, found ":1"',
    'cache.redis.redis_db: means nothing with cluster: a cluster has only database 0',
    'cache.redis.redis_url: contradicts sentinel; give one or the other',
  ],
  [
    withCache('redis: {sentinel: {hosts: []}}'),
    'cache.redis.sentinel.hosts: is an empty list; wanted at least one',
    'cache.redis.sentinel.name: is missing; wanted the name the Sentinels know the master by',
  ],
  [withCache('disk: {sendfile: {enabled: true}}'), 'cache.disk.sendfile: unknown setting'],
  [inCache('min_ttl: 2h, max_ttl: 1h'), 'buckets[0].cache.min_ttl: is above max_ttl (2h > 1h)'],
  [
    inCache('ttl: 1, ttl_seconds: 1, max_item_size: 1MiB, max_item_size_mb: 1'),
    'buckets[0].cache.max_item_size_mb: is given twice: max_item_size is the same setting',
    'buckets[0].cache.ttl_seconds: is given twice: ttl is the same setting',
  ],
  [
    inCache('vary: ["*", "a b"]'),
    'buckets[0].cache.vary[0]: wanted the name of a request header, found "*"',
    'buckets[0].cache.vary[1]: wanted the name of a request header, found "a b"',
  ],
  [
    inCache('tags: {metadata: [x-amz-meta-tag], pattern: "(a+)+"}'),
    'buckets[0].cache.tags.metadata[0]: wanted the name of an x-amz-meta- header, without that prefix, found "x-amz-meta-tag" (write tag)',
    'buckets[0].cache.tags.pattern: wanted a regular expression whose first group is the tag, such as ^([^/]+)/, found "(a+)+" (it repeats a group that holds a repetition or alternatives, which could take for ever)',
  ],
]

for (const [yaml, ...problems] of broken) {
  test(`${JSON.stringify(yaml).slice(0, 150)} is refused in plain words`, () => {
    const { loaded, lines } = load(yaml)
    assert.equal(loaded.kind, 'refused')
    assert.deepEqual(lines.toSorted(), problems)
  })
}
