// Thousands of requests, most of which go wrong in one way or another, leave nothing behind: no
// connection, no place at a breaker, no listener, no file descriptor.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import http from 'node:http'
import { test } from 'node:test'

import type { FaultRule } from '../../dev/s3-server.ts'
import { BUCKET, openFleet, until } from '../support/fleet.ts'
import { download, request } from '../support/http.ts'
import { openSluice } from '../support/sluice.ts'
import type { Sluice } from '../support/sluice.ts'

const REQUESTS = 10_000
const AT_ONCE = 50
const POOL = 20

/** The same course each time: a linear congruential generator. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** By key, what happens to each request for it. */
const FAULTS: Readonly<Record<string, FaultRule>> = {
  fine: { kind: 'delay', delayMs: 0 },
  cut: { kind: 'cut', afterBytes: 20_000 },
  reset: { kind: 'reset', afterBytes: 20_000 },
  short: { kind: 'short', afterBytes: 20_000 },
  failing: { kind: 'status', status: 503 },
  refusing: { kind: 'refuse' },
  garbled: { kind: 'garbage' },
  slow: { kind: 'slow', bytesPerSecond: 1_000_000 },
  late: { kind: 'delay', delayMs: 30 },
  hanging: { kind: 'hang' },
  otherwise: { kind: 'etag' },
}

/** Larger than what is read ahead, where something is to happen in the body. */
function sizeOf(key: string): number {
  return key === 'fine' ? 2000 : 100_000
}

interface Errand {
  readonly path: string
  readonly method: string
  readonly range: string | undefined
  /** When the client leaves, in ms, or not at all. */
  readonly leavesAfterMs: number | undefined
}

function errandFor(random: () => number): Errand {
  const keys = Object.keys(FAULTS)
  const isTroubled = random() < 0.3
  const key = isTroubled ? (keys[Math.floor(random() * keys.length)] ?? 'fine') : 'fine'
  const range = random() < 0.2 ? 'bytes=100-60000' : random() < 0.1 ? 'bytes=0-9,50-99' : undefined
  return {
    path: `/${BUCKET}/${key}`,
    method: random() < 0.1 ? 'HEAD' : 'GET',
    range,
    leavesAfterMs: key === 'hanging' || random() < 0.3 ? random() * 25 : undefined,
  }
}

/** Resolves when it is over, however it ended. */
function run(errand: Errand, base: URL, agent: http.Agent): Promise<void> {
  return new Promise((resolve) => {
    const outgoing = http.request({
      host: base.hostname,
      port: base.port,
      path: errand.path,
      method: errand.method,
      agent,
      headers: errand.range === undefined ? {} : { Range: errand.range },
    })
    outgoing.on('error', () => undefined)
    outgoing.on('close', resolve)
    outgoing.on('response', (response) => {
      response.on('error', () => undefined)
      response.resume()
    })
    outgoing.end()
    if (errand.leavesAfterMs !== undefined) {
      const timer = setTimeout(() => outgoing.destroy(), errand.leavesAfterMs)
      outgoing.on('close', () => clearTimeout(timer))
    }
  })
}

async function runMany(count: number, base: URL, random: () => number): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE })
  let left = count
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await run(errandFor(random), base, agent)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  agent.destroy()
}

function descriptors({ pid }: Sluice): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

function residentMiB({ pid }: Sluice): number {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) / 1024
}

test(`${REQUESTS} requests with faults and clients that leave leave nothing behind`, async (t) => {
  await using fleet = await openFleet(2)
  for (const [key, fault] of Object.entries(FAULTS)) {
    fleet.put(key, { size: sizeOf(key), seed: key })
    fleet.fault({ ...fault, match: { key } })
  }
  await using sluice = await openSluice({
    buckets: [
      fleet.bucket({
        connection_pool_size: POOL,
        timeout: '5s',
        retry: { max_attempts: 2, initial_backoff_ms: 1, max_backoff_ms: 5 },
        circuit_breaker: {
          failure_threshold: 20,
          success_threshold: 2,
          timeout: '50ms',
          half_open_max_requests: 1,
        },
      }),
    ],
    logging: { access_log: false },
  })
  const base = new URL(sluice.url)
  const random = createRandom(2026)
  await runMany(1000, base, random)
  const settled = (): boolean => {
    const open = fleet.servers.flatMap(({ requests }) => requests.filter((r) => r.state === 'open'))
    const connections = Math.max(...fleet.servers.map(({ openConnections }) => openConnections))
    return open.length === 0 && connections <= POOL
  }
  await until(settled, 'the origin at rest after the first requests')
  const before = { fds: descriptors(sluice), mib: residentMiB(sluice) }

  await runMany(REQUESTS - 1000, base, random)
  await until(settled, 'the origin at rest')
  // Kept connections to two replicas may come and go; clients' have all been closed.
  await until(() => descriptors(sluice) <= before.fds + 5, 'file descriptors as before')
  const grownMiB = residentMiB(sluice) - before.mib
  t.diagnostic(`memory grew by ${Math.round(grownMiB)} MiB`)
  assert.ok(grownMiB < 150, `memory grew by ${grownMiB} MiB`)

  // Each breaker has one place for a probe: one that leaked would be missed for ever.
  const ready = (): Promise<string> => request(`${sluice.opsUrl}/ready`).then(({ text }) => text)
  await until(async () => {
    await request(`${sluice.url}/${BUCKET}/fine`)
    return (await ready()).includes('"r0":"healthy","r1":"healthy"')
  }, 'both replicas healthy')
  const all = await Promise.all(
    Array.from({ length: 100 }, () => request(`${sluice.url}/${BUCKET}/fine`)),
  )
  assert.ok(all.every(({ status, body }) => status === 200 && body.length === sizeOf('fine')))
  assert.equal(sluice.stderr(), '')
})

test('a body whose length is told by nobody is served, and let go, when the question for it fails', async () => {
  await using fleet = await openFleet(1)
  fleet.put('k', { size: 10_000_000, seed: 'k' })
  fleet.fault({
    kind: 'headers',
    headers: { 'Content-Length': undefined },
    match: { method: 'GET' },
  })
  fleet.fault({ kind: 'status', status: 500, match: { method: 'HEAD' } })
  await using sluice = await openSluice({
    buckets: [fleet.bucket({ retry: { max_attempts: 1 } })],
  })
  const answer = await request(`${sluice.url}/${BUCKET}/k`)
  assert.deepEqual([answer.status, answer.body.length, answer.aborted], [200, 10_000_000, false])
  await request(`${sluice.url}/${BUCKET}/k`, { headers: { 'If-Match': '"another"' } })
  const { requests } = fleet.server(0)
  await until(() => requests.every(({ state }) => state !== 'open'), 'the body let go')
})

test('a client that leaves in the middle of a body stops it at its source', async () => {
  await using fleet = await openFleet(1)
  const size = 1024 ** 3
  fleet.put('huge', { size, seed: 'huge' })
  await using sluice = await openSluice({ buckets: [fleet.bucket()] })
  await download(`${sluice.url}/${BUCKET}/huge`, { abortAfter: 1_000_000 })
  const { requests } = fleet.server(0)
  await until(() => requests[0]?.state === 'aborted', 'the body stopped')
  assert.ok((requests[0]?.bytesSent ?? size) < size / 4)
})
