// Under load, changed again and again: no request fails, each change takes effect, and nothing grows.
// RELOAD_SECONDS=60 RELOAD_RATE=2000 RELOAD_EVERY_MS=1000 is the long run.

import assert from 'node:assert/strict'
import http from 'node:http'
import { setTimeout as after } from 'node:timers/promises'
import { test } from 'node:test'

import { request } from '../support/http.ts'
import { INSPECTED, inspect } from '../support/inspector.ts'
import type { Inspector } from '../support/inspector.ts'
import { openReloadable } from '../support/reloadable.ts'
import type { Reloadable } from '../support/reloadable.ts'
import type { ConfigObject } from '../support/sluice.ts'
import { until } from '../support/until.ts'

const { RELOAD_SECONDS = '6', RELOAD_RATE = '600', RELOAD_EVERY_MS = '400' } = process.env
const SECONDS = Number(RELOAD_SECONDS)
const PER_SECOND = Number(RELOAD_RATE)
const EVERY_MS = Number(RELOAD_EVERY_MS)
const TICK_MS = 10
const MOST_AT_ONCE = 200
/** Most are hits in memory, and some go all the way to S3. */
const PATHS = ['/files/a', '/files/a', '/files/b', '/files/a', '/plain/a', '/files/b', '/files/c']
const MIB = 2 ** 20

/** Ends with its scope, whatever was found in between. */
interface Load extends Disposable {
  sent: number
  answered: number
  readonly failures: string[]
  readonly latencies: number[]
  stop(): Promise<void>
}

/** As many requests a second as wished, over connections that are kept. */
function load(front: Reloadable): Load {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 })
  const state = { sent: 0, answered: 0, failures: [] as string[], latencies: [] as number[] }
  const bodies: Readonly<Record<string, number>> = { a: 5, b: 3000, c: 90_000 }
  const startedAt = performance.now()
  const ask = (): void => {
    const path = PATHS[state.sent % PATHS.length] ?? ''
    state.sent += 1
    const at = performance.now()
    const fail = (why: string): void => {
      state.answered += 1
      state.failures.push(`${path}: ${why}`)
    }
    http
      .get(front.url + path, { agent }, (response) => {
        let bytes = 0
        response.on('data', (chunk: Buffer) => (bytes += chunk.byteLength))
        response.on('error', (error) => fail(error.message))
        response.on('end', () => {
          const isRight = bytes === bodies[path.at(-1) ?? '']
          if (response.statusCode !== 200 || !isRight) {
            fail(`${response.statusCode} with ${bytes} bytes`)
            return
          }
          state.answered += 1
          state.latencies.push(performance.now() - at)
        })
      })
      .on('error', (error) => fail(error.message))
  }
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1000) * PER_SECOND
    while (state.sent < due && state.sent - state.answered < MOST_AT_ONCE) ask()
  }, TICK_MS)
  const leave = (): void => {
    clearInterval(timer)
    agent.destroy()
  }
  return Object.assign(state, {
    [Symbol.dispose]: leave,
    stop: async () => {
      clearInterval(timer)
      await until(
        'all are answered',
        async () => state.sent - state.answered,
        (left) => left === 0,
      )
      leave()
    },
  })
}

/** What is different at the turn `n`, and the same again some turns later. */
function configAt(front: Reloadable, n: number): ConfigObject {
  const own = (name: string, settings: object = {}): object =>
    front.bucket({
      name,
      response_headers: { set: { 'X-Turn': String(n) } },
      rate_limit: [{ name: 'plenty', key: 'ip', requests_per_second: 100_000 + (n % 2) }],
      max_concurrent_requests: 5000 + n,
      ...settings,
    })
  return {
    buckets: [
      own('files', { cache: { ttl: 3600 + (n % 3) } }),
      // Now and then its pool is another, and the requests that use the last one go on.
      own('plain', {
        cache: { enabled: false },
        s3: { connection_pool_size: 40 + (n % 2), timeout: 10 + (n % 4) },
      }),
      own(`extra${n % 3}`),
    ],
    cache: { cache_layers: ['memory'], memory: { max_cache_size_mb: n % 4 === 3 ? 24 : 48 } },
    logging: { level: 'info', access_log: false, sample: n % 2 },
    jwt: { secret: `kX3v9Qw7Lr2Zt8Yp5Nc1Hb6Mf4Gd0J${10 + (n % 5)}` },
    server: { threads: 2, address: '127.0.0.1:0', max_concurrent_requests: 9000 + n },
  }
}

async function assertEffective(front: Reloadable, n: number): Promise<void> {
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => request(`${front.url}/files/a`)),
  )
  for (const { headers } of answers) assert.equal(headers['x-turn'], String(n))
  const extras = await Promise.all(
    [0, 1, 2].map((one) => request(`${front.url}/extra${one}/a`).then(({ status }) => status)),
  )
  assert.deepEqual(
    extras,
    [0, 1, 2].map((one) => (one === n % 3 ? 200 : 404)),
  )
}

interface Sizes {
  readonly heap: number
  readonly timers: number
  readonly sockets: number
}

/** After a collection, in one of the workers. Counting objects of a kind is a collection itself. */
const MEASURE = `(() => {
  const v8 = process.getBuiltinModule('node:v8')
  const net = process.getBuiltinModule('node:net')
  const timer = setTimeout(() => {}, 1)
  clearTimeout(timer)
  const timers = v8.queryObjects(timer.constructor, { format: 'count' })
  const sockets = v8.queryObjects(net.Socket, { format: 'count' })
  return JSON.stringify({ timers, sockets, heap: process.memoryUsage().heapUsed })
})()`

async function measure(inspector: Inspector): Promise<Sizes[]> {
  return Promise.all(
    inspector.workers().map(async (worker) => {
      await inspector.evaluate(worker, MEASURE)
      return JSON.parse(String(await inspector.evaluate(worker, MEASURE))) as Sizes
    }),
  )
}

test(
  'under load each change takes effect, no request fails, and nothing grows',
  { timeout: SECONDS * 1000 * 3 + 60_000 },
  async (t) => {
    await using front = await openReloadable(
      {
        server: { threads: 2 },
        cache: { cache_layers: ['memory'], memory: { max_cache_size_mb: 48 } },
        logging: { level: 'info', access_log: false },
      },
      { env: INSPECTED },
    )
    front.put('a', 'hello')
    front.put('b', 'b'.repeat(3000))
    front.put('c', { size: 90_000, seed: 'c' })
    using inspector = await inspect(front.sluice)
    await until(
      'two workers',
      async () => inspector.workers().length,
      (count) => count === 2,
    )
    // As warm as it gets: every kind of change has been there.
    let n = 0
    for (; n < 12; n += 1) await front.change(configAt(front, n))
    // Nobody is served while it is looked what there is: that takes as long as a slow request may.
    using early = load(front)
    await after(1000)
    await early.stop()
    const atStart = await measure(inspector)
    using running = load(front)
    const startedAt = performance.now()
    let changes = 0
    while (performance.now() - startedAt < SECONDS * 1000) {
      const next = performance.now() + EVERY_MS
      await front.change(configAt(front, n))
      await assertEffective(front, n)
      n += 1
      changes += 1
      await after(Math.max(0, next - performance.now()))
    }
    const seconds = (performance.now() - startedAt) / 1000
    await running.stop()
    const atEnd = await measure(inspector)

    const sorted = running.latencies.toSorted((a, b) => a - b)
    const quantile = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0
    t.diagnostic(
      `${running.answered} requests, ${Math.round(running.sent / seconds)} a second, ` +
        `${changes} changes in ${Math.round(seconds)} s; latency p50 ${quantile(0.5).toFixed(1)} ms, ` +
        `p99 ${quantile(0.99).toFixed(1)} ms, most ${quantile(0.99999).toFixed(1)} ms`,
    )
    t.diagnostic(`at the start ${JSON.stringify(atStart)}; at the end ${JSON.stringify(atEnd)}`)
    assert.deepEqual(running.failures.slice(0, 5), [], `${running.failures.length} failures`)
    assert.ok(changes >= Math.min(5, SECONDS / 2), `${changes} changes`)
    for (const [worker, end] of atEnd.entries()) {
      const start = atStart[worker] ?? end
      assert.ok(end.heap - start.heap < 6 * MIB, `heap: ${JSON.stringify([start, end])}`)
      assert.ok(end.timers - start.timers < 40, `timers: ${JSON.stringify([start, end])}`)
      assert.ok(end.sockets - start.sockets < 40, `sockets: ${JSON.stringify([start, end])}`)
    }
  },
)
