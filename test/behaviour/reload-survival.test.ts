// What a reload leaves alone: answers that have begun, what is cached, what is known of replicas, what
// callers have spent, and how many requests there are.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { generateBytes, openS3Server } from '../../dev/s3-server.ts'
import { ORIGIN_BUCKET } from '../support/front.ts'
import { download, request, sha256 } from '../support/http.ts'
import type { Download } from '../support/http.ts'
import { INSPECTED, inspect } from '../support/inspector.ts'
import { openIssuer } from '../support/issuer.ts'
import { partMissing } from '../support/parts.ts'
import { openRedis } from '../support/redis.ts'
import { openReloadable } from '../support/reloadable.ts'
import type { Reloadable } from '../support/reloadable.ts'
import type { ConfigObject } from '../support/sluice.ts'
import { bearer, keyPair, signer, token } from '../support/tokens.ts'
import { until } from '../support/until.ts'

const MIB = 2 ** 20
const MEMORY = { cache_layers: ['memory'] }

/** Downloads that hold still after their first bytes until they are let go. */
interface Held {
  readonly begun: () => number
  readonly release: () => void
  readonly ended: Promise<readonly Download[]>
}

function hold(url: string, count: number): Held {
  const gate = Promise.withResolvers<void>()
  let begun = 0
  const downloads = Array.from({ length: count }, () =>
    download(url, {
      onChunk: (_chunk, before) => {
        if (before === 0) begun += 1
        return before > MIB / 4 ? gate.promise : undefined
      },
    }),
  )
  return { begun: () => begun, release: gate.resolve, ended: Promise.all(downloads) }
}

function bytesOf(seed: string, size: number): Buffer {
  return generateBytes(seed, 0, size)
}

const begunAre = (held: Held, count: number): Promise<unknown> =>
  until(
    `${count} have begun`,
    async () => held.begun(),
    (begun) => begun === count,
  )

async function xCache(front: Reloadable, path: string): Promise<unknown> {
  return (await request(front.url + path)).headers['x-cache']
}

/** Until it is held, whichever of two threads is asked. */
async function warm(front: Reloadable, path: string): Promise<void> {
  await until(
    `${path} is held by all`,
    () => Promise.all(Array.from({ length: 12 }, () => xCache(front, path))),
    (all) => all.every((one) => one === 'HIT'),
  )
}

for (const threads of [1, 2]) {
  for (const cache of [{ enabled: false }, MEMORY]) {
    const how = `threads ${threads}, ${'enabled' in cache ? 'not cached' : 'cached'}`
    test(`a download survives the removal of its bucket (${how})`, async () => {
      await using front = await openReloadable({ server: { threads }, cache })
      const size = 32 * MIB
      front.put('large', { size, seed: 'large' })
      front.put('a', 'hello')
      const held = hold(`${front.url}/files/large`, 4)
      await begunAre(held, 4)
      await front.change({ buckets: [front.bucket({ name: 'more' })] })
      assert.equal((await request(`${front.url}/files/a`)).status, 404)
      assert.deepEqual(Object.keys(await backends(front)), ['more'])
      assert.equal((await request(`${front.url}/more/a`)).text, 'hello')
      held.release()
      const wanted = sha256(bytesOf('large', size))
      for (const { sha256: found, aborted } of await held.ended) {
        assert.deepEqual([found, aborted], [wanted, false])
      }
      // Of those of the bucket that is gone none is kept: one for each thread's other bucket is left.
      await until(
        'connections to the origin are closed',
        async () => front.s3.openConnections,
        (open) => open <= 2 * threads,
      )
      assert.equal(front.sluice.stderr(), '')
    })
  }
}

test('what is fetched for nobody who waits goes on under another configuration', async () => {
  await using front = await openReloadable({ server: { threads: 2 }, cache: MEMORY })
  front.put('slow', { size: 2 * MIB, seed: 'slow' })
  const fault = front.s3.fault({ kind: 'slow', bytesPerSecond: MIB, match: { key: 'slow' } })
  const asked = (): number => front.s3.requests.filter(({ key }) => key === 'slow').length
  const body = JSON.stringify({ bucket: 'files', keys: ['slow'] })
  const { json } = await front.call('POST', '/admin/cache/prewarm', { body })
  await until(
    'S3 is asked',
    async () => asked(),
    (count) => count > 0,
  )
  // Its way to S3 is given up for another.
  const s3 = { connection_pool_size: 7 }
  await front.change({ buckets: [front.bucket({ name: 'files', s3 })] })
  const before = asked()
  const task = await until(
    'the task has ended',
    async () => (await front.call('GET', `/admin/cache/prewarm/${String(json['task_id'])}`)).json,
    ({ status }) => status !== 'running',
  )
  assert.equal(task['status'], 'completed', JSON.stringify(task))
  assert.ok(asked() - before <= 1, 'what was on its way was not asked for again')
  fault.remove()
  await until(
    'its connections are closed',
    async () => front.s3.openConnections,
    (open) => open <= 4,
  )
  assert.equal(await xCache(front, '/files/slow'), 'HIT')
  assert.equal(front.sluice.stderr(), '')
})

async function backends(front: Reloadable): Promise<object> {
  return JSON.parse((await request(`${front.opsUrl}/ready`)).text).backends
}

test('what is cached is a hit after all kinds of changes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-reload-'))
  const disk = { cache_dir: folder, max_disk_cache_size_mb: 100 }
  const layers = { cache_layers: ['memory', 'disk'], disk }
  try {
    await using front = await openReloadable({ server: { threads: 2 }, cache: layers })
    front.put('a', 'hello')
    await warm(front, '/files/a')
    const changes = [
      { buckets: [front.bucket({ name: 'files', cache: { ttl: 60 } })] },
      { buckets: [front.bucket({ name: 'files', cors: { origins: ['*'] } })] },
      { buckets: [front.bucket({ name: 'files', s3: { timeout: 7, balance: 'random' } })] },
      {
        buckets: [
          front.bucket({
            name: 'files',
            s3: { credentials: 'anonymous', access_key: undefined, secret_key: undefined },
          }),
        ],
      },
      { cache: { ...layers, memory: { max_cache_size_mb: 64 } } },
      { cache: { ...layers, memory: { max_cache_size_mb: 300 } } },
      { cache: { ...layers, memory: { max_cache_size_mb: 8 }, fill_memory: '16MiB' } },
      { cache: { ...layers, disk: { ...disk, max_disk_cache_size_mb: 50 } } },
      { cache: { ...layers, cache_layers: ['disk'] } },
      { cache: layers },
      { server: { threads: 2, address: '127.0.0.1:0', security_headers: false } },
    ]
    const askedForIt = (): number =>
      front.s3.requests.filter(({ method, key }) => method === 'GET' && key === 'a').length
    const asked = askedForIt()
    for (const change of changes) {
      await front.change(change)
      const all = await Promise.all(Array.from({ length: 10 }, () => xCache(front, '/files/a')))
      assert.deepEqual([...new Set(all)], ['HIT'], JSON.stringify(change))
    }
    // Off and on again: the disk has it still.
    await front.change({ cache: { enabled: false } })
    assert.equal(await xCache(front, '/files/a'), 'BYPASS')
    await front.change({ cache: layers })
    assert.equal(await xCache(front, '/files/a'), 'HIT')
    assert.equal(
      askedForIt(),
      asked + 1,
      'the origin is asked where nothing is cached, and else not once',
    )
    assert.equal(front.sluice.stderr(), '')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

async function memoryOf(front: Reloadable): Promise<{ bytes: number; entries: number }> {
  const { json } = await front.call('GET', '/admin/cache/stats')
  const { tiers } = json
  const memory =
    typeof tiers === 'object' && tiers !== null && 'memory' in tiers ? tiers.memory : json['memory']
  return { bytes: 0, entries: 0, ...(typeof memory === 'object' ? memory : {}) }
}

test('memory is taken down and up again while it is in use, and what is left of it is right', async () => {
  await using front = await openReloadable({
    cache: { ...MEMORY, memory: { max_cache_size_mb: 64 } },
  })
  const bodies = Array.from({ length: 40 }, (_, n) => ({ size: MIB, seed: `seed ${n}` }))
  for (const [n, body] of bodies.entries()) front.put(`k${n}`, body)
  const askAll = async (): Promise<string[]> => {
    const found: string[] = []
    for (const [n, { seed, size }] of bodies.entries()) {
      const answer = await request(`${front.url}/files/k${n}`)
      assert.equal(sha256(answer.body), sha256(bytesOf(seed, size)))
      found.push(String(answer.headers['x-cache']))
    }
    return found
  }
  await askAll()
  assert.ok((await memoryOf(front)).bytes > 40 * MIB)
  const held = hold(`${front.url}/files/k39`, 4)
  await begunAre(held, 4)
  await front.change({ cache: { ...MEMORY, memory: { max_cache_size_mb: 16 } } })
  assert.ok((await memoryOf(front)).bytes <= 16 * MIB)
  const few = (await askAll()).filter((one) => one === 'HIT').length
  assert.ok(few > 0 && few < 40, `${few} hits`)
  await front.change({ cache: { ...MEMORY, memory: { max_cache_size_mb: 128 } } })
  await askAll()
  assert.ok((await askAll()).every((one) => one === 'HIT'))
  held.release()
  for (const { sha256: found } of await held.ended) {
    assert.equal(found, sha256(bytesOf('seed 39', MIB)))
  }
  // The bound of one bucket takes effect, too.
  await front.change({
    buckets: [front.bucket({ name: 'files', cache: { max_size: '8MiB' } })],
  })
  await request(`${front.url}/files/k0`)
  front.put('new', { size: MIB, seed: 'new' })
  await request(`${front.url}/files/new`)
  assert.equal(front.sluice.stderr(), '')
})

test(
  'a Redis is taken up, changed for another and left, and objects are found in it',
  { skip: partMissing('redis-server') },
  async () => {
    await using one = await openRedis()
    await using other = await openRedis()
    await using front = await openReloadable({ cache: MEMORY })
    front.put('a', 'hello')
    const at = (url: string): object => ({
      cache_layers: ['redis'],
      redis: { enabled: true, redis_url: url, timeout: '2s' },
    })
    const held = (redis: typeof one): Promise<number> =>
      redis.command('DBSIZE').then((said) => Number(/:(\d+)/.exec(said)?.[1] ?? 0))
    for (const redis of [one, other]) {
      await front.change({ cache: at(redis.url) })
      assert.equal(await xCache(front, '/files/a'), 'MISS')
      await until(
        'it is a hit',
        () => xCache(front, '/files/a'),
        (found) => found === 'HIT',
      )
      assert.ok((await held(redis)) > 2)
    }
    const clients = async (): Promise<number> =>
      (await one.command('CLIENT', 'LIST')).split('name=sluice').length - 1
    await until('the first is left', clients, (count) => count === 0)
    // With other settings of the same server, the same objects.
    await front.change({
      cache: { ...at(other.url), redis: { enabled: true, redis_url: other.url, timeout: '3s' } },
    })
    assert.equal(await xCache(front, '/files/a'), 'HIT')
    await front.change({ cache: MEMORY })
    assert.equal(await xCache(front, '/files/a'), 'MISS')
    assert.equal(front.sluice.stderr(), '')
  },
)

test('what is known of a replica survives changes that are not its own, and not those that are', async () => {
  const breaker = { failure_threshold: 2, timeout_seconds: 600 }
  await using front = await openReloadable({ server: { threads: 1 } })
  front.put('a', 'hello')
  const s3 = { circuit_breaker: breaker, retry: { max_attempts: 1 } }
  const bucket = (settings: object, own: object = {}): ConfigObject => ({
    buckets: [front.bucket({ name: 'files', ...own, s3: { ...s3, ...settings } })],
  })
  await front.change(bucket({}))
  const fault = front.s3.fault({ kind: 'status', status: 503, match: { key: 'a' } })
  for (let n = 0; n < 3; n += 1) await request(`${front.url}/files/a`)
  fault.remove()
  const state = async (): Promise<string> => {
    const { answer } = await front.call('GET', '/admin/replicas')
    return JSON.parse(answer.text).buckets[0].replicas[0].breaker
  }
  assert.equal(await state(), 'open')
  for (const change of [
    bucket({ timeout: 9 }),
    bucket({ balance: 'random', retry: { max_attempts: 2 } }),
    bucket({}, { response_headers: { set: { a: 'b' } } }),
    bucket({ circuit_breaker: { failure_threshold: 9, timeout_seconds: 500 } }),
    bucket({ connection_pool_size: 7 }),
    { logging: { level: 'info' } },
  ]) {
    await front.change(change)
    assert.equal(await state(), 'open', JSON.stringify(change))
    assert.equal((await request(`${front.url}/files/a`)).status, 503)
  }
  // Whoever corrects where or how it is asked wants it asked.
  await front.change(bucket({ key_prefix: 'x/' }))
  assert.equal(await state(), 'closed')
})

test('connections to a replica are used on by the next configuration', async () => {
  await using front = await openReloadable()
  front.put('a', 'hello')
  await request(`${front.url}/files/a`)
  const connections = (): number =>
    new Set(front.s3.requests.map(({ connection }) => connection)).size
  const before = connections()
  for (let n = 1; n <= 5; n += 1) {
    const s3 = { timeout: 10 + n, retry: { max_attempts: n } }
    await front.change({ buckets: [front.bucket({ name: 'files', s3, cache: { ttl: n } })] })
    await request(`${front.url}/files/a`)
  }
  assert.equal(connections(), before)
})

test('what was spent of a limit stays spent under another rate, and with room for other numbers of callers', async () => {
  const limit = (requests: number, more: object = {}): ConfigObject => ({
    rate_limiting: {
      limits: [{ name: 'few', key: 'ip', algorithm: 'fixed_window', requests, window: '31d' }],
      ...more,
    },
  })
  await using front = await openReloadable({ server: { threads: 2 }, ...limit(10) })
  front.put('a', 'hello')
  const statuses = async (count: number): Promise<number[]> => {
    const found: number[] = []
    for (let n = 0; n < count; n += 1) found.push((await request(`${front.url}/files/a`)).status)
    return found
  }
  assert.deepEqual(await statuses(6), Array(6).fill(200))
  await front.change(limit(8))
  assert.deepEqual(await statuses(3), [200, 200, 429])
  await front.change(limit(9, { max_keys: 5000 }))
  assert.deepEqual(await statuses(2), [200, 429])
  await front.change({ rate_limiting: { limits: [] } })
  assert.deepEqual(await statuses(3), [200, 200, 200])
  await front.change(limit(10, { max_keys: 5000 }))
  assert.deepEqual(await statuses(2), [200, 429])
})

test('requests at one time are counted right, whatever the limits become meanwhile', async () => {
  await using front = await openReloadable({ server: { threads: 2 } })
  front.put('large', { size: 64 * MIB, seed: 'large' })
  front.put('a', 'hello')
  const limited = (most: number, own: object = {}): ConfigObject => ({
    buckets: [
      front.bucket({
        name: 'files',
        max_concurrent_requests: most,
        s3: { max_concurrent_requests: 50 },
        ...own,
      }),
      front.bucket({ name: 'more' }),
    ],
  })
  await front.change(limited(3))
  const first = hold(`${front.url}/files/large`, 3)
  await begunAre(first, 3)
  const status = async (): Promise<number> => (await request(`${front.url}/files/a`)).status
  assert.equal(await status(), 503)
  await front.change(limited(5))
  assert.equal(await status(), 200)
  const second = hold(`${front.url}/files/large`, 2)
  await begunAre(second, 2)
  assert.equal(await status(), 503)
  await front.change(limited(2))
  assert.equal(await status(), 503)
  // Away, and back again while its requests run.
  await front.change({ buckets: [front.bucket({ name: 'more' })] })
  await front.change(limited(5))
  assert.equal(await status(), 503)
  await front.change(limited(6))
  assert.equal(await status(), 200)
  first.release()
  second.release()
  for (const { aborted } of [...(await first.ended), ...(await second.ended)]) {
    assert.equal(aborted, false)
  }
  await front.change(limited(1))
  await until('all places are free', status, (found) => found === 200)
  const { answer } = await front.call('GET', '/admin/explain?path=/files/a')
  assert.match(answer.text, /"in_use":0|no request|0 of/i)
})

test('keys of an issuer that is away, and what was verified by them, outlive a reload', async () => {
  await using issuer = await openIssuer()
  const pair = keyPair('P-256')
  const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig' }
  issuer.answers.set('/jwks', { keys: [jwk] })
  const jwt = { jwks_url: `${issuer.url}/jwks`, algorithm: 'ES256' }
  await using front = await openReloadable({ server: { threads: 2 }, jwt })
  front.put('a', 'hello')
  const claims = { sub: 'ann', role: 'reader' }
  const head = { alg: 'ES256', kid: 'k1' }
  const bearing = bearer(token({ head, claims, sign: signer('ES256', pair) }))
  await front.change({
    buckets: [front.bucket({ name: 'files', auth: { enabled: true } })],
  })
  const statuses = async (): Promise<number[]> => {
    const all = await Promise.all(
      Array.from({ length: 8 }, () => request(`${front.url}/files/a`, { headers: bearing })),
    )
    return [...new Set(all.map(({ status }) => status))]
  }
  assert.deepEqual(await statuses(), [200])
  issuer.answers.set('/jwks', 500)
  await front.change({ logging: { level: 'info' } })
  assert.deepEqual(await statuses(), [200])
  const rule = { claim: 'role', operator: 'equals', value: 'reader' }
  await front.change({ jwt: { ...jwt, claims: [rule] } })
  assert.deepEqual(await statuses(), [200])
  await front.change({ jwt: { ...jwt, claims: [{ ...rule, value: 'writer' }] } })
  assert.deepEqual(await statuses(), [403])
})

test('a thread that dies after a reload comes back with what is in force', async () => {
  await using front = await openReloadable(
    { server: { threads: 2 }, cache: MEMORY },
    { env: INSPECTED },
  )
  using inspector = await inspect(front.sluice)
  front.put('a', 'hello')
  assert.equal(await front.change({ buckets: [front.bucket({ name: 'more' })] }), 2)
  await until(
    'two workers',
    async () => inspector.workers().length,
    (count) => count === 2,
  )
  for (const deaths of [1, 2]) {
    const [victim = ''] = inspector.workers()
    const dying = `setTimeout(() => { throw new Error('died in a test') }); 1`
    await inspector.evaluate(victim, dying)
    await front.sluice.logLine(
      (line) => line['event'] === 'worker-died' && line['deaths'] === deaths,
    )
    await until(
      'two workers',
      async () => inspector.workers().length,
      (count) => count === 2,
    )
  }
  const refused = (): undefined => undefined
  await until(
    'somebody listens',
    () => request(`${front.url}/health`).catch(refused),
    (answer) => answer !== undefined,
  )
  const statuses = async (path: string): Promise<number[]> => {
    const asked = Array.from({ length: 20 }, () => request(front.url + path))
    return [...new Set((await Promise.all(asked)).map(({ status }) => status))]
  }
  assert.deepEqual([await statuses('/more/a'), await statuses('/files/a')], [[200], [404]])
  // And goes on changing with the others.
  assert.equal(await front.change({ buckets: [front.bucket({ name: 'files' })] }), 3)
  assert.deepEqual([await statuses('/more/a'), await statuses('/files/a')], [[404], [200]])
})

test('a bucket that comes is ready when the reload is answered, and a replica that is down says so', async () => {
  const down = await openS3Server({ credentials: [] })
  await down.close()
  await using front = await openReloadable({ server: { threads: 2 } })
  front.put('a', 'hello')
  await front.change({ buckets: [front.bucket({ name: 'files' }), front.bucket({ name: 'more' })] })
  const ready = await request(`${front.opsUrl}/ready`)
  assert.equal(ready.status, 200, ready.text)
  await front.change({
    buckets: [
      front.bucket({ name: 'files' }),
      front.bucket({ name: 'down', s3: { endpoint: down.endpoint, bucket: ORIGIN_BUCKET } }),
    ],
  })
  const { status, text } = await request(`${front.opsUrl}/ready`)
  assert.equal(status, 503)
  assert.deepEqual(JSON.parse(text).backends, {
    files: { status: 'ready', replicas: { primary: 'healthy' } },
    down: { status: 'unavailable', replicas: { primary: 'unhealthy' } },
  })
})
