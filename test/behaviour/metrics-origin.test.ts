// What the metrics tell of the origin: requests, failovers, retries, hedges, and the state of the
// replicas.

import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'

import { BUCKET, openFleet } from '../support/fleet.ts'
import type { Fleet, Settings } from '../support/fleet.ts'
import { request } from '../support/http.ts'
import { assertMoves, scrape, untilMetrics } from '../support/metrics.ts'
import { openSluice } from '../support/sluice.ts'

const REQUESTS = 'sluice_origin_requests_total'
const DURATION = 'sluice_origin_request_duration_seconds_count'
const BYTES = 'sluice_origin_response_bytes_total'
const FAILOVERS = 'sluice_origin_failovers_total'
const RETRIES = 'sluice_origin_retries_total'
const HEDGES = 'sluice_origin_hedges_total'
const SIZE = 300_000

interface World {
  readonly fleet: Fleet
  readonly opsUrl: string
  ask(key?: string): Promise<unknown>
}

async function open(t: TestContext, count: number, s3: Settings = {}): Promise<World> {
  const fleet = await openFleet(count)
  fleet.put('k', { seed: 'k', size: SIZE })
  const sluice = await openSluice({ buckets: [fleet.bucket(s3)] })
  t.after(async () => {
    await sluice.close()
    await fleet[Symbol.asyncDispose]()
  })
  const ask = (key = 'k'): Promise<unknown> => request(`${sluice.url}/${BUCKET}/${key}`)
  return { fleet, opsUrl: sluice.opsUrl, ask }
}

const r0 = { bucket: BUCKET, replica: 'r0' }
const r1 = { bucket: BUCKET, replica: 'r1' }

test('requests to S3 count by what came of them', async (t) => {
  const { fleet, opsUrl, ask } = await open(t, 1, { retry: { max_attempts: 1 } })
  await assertMoves(opsUrl, () => ask(), [
    [REQUESTS, { ...r0, outcome: 'object' }, 1],
    [REQUESTS, {}, 1],
    [DURATION, r0, 1],
    [BYTES, r0, SIZE],
  ])
  await assertMoves(opsUrl, () => ask('missing'), [
    [REQUESTS, { ...r0, outcome: 'not-found' }, 1],
    [REQUESTS, {}, 1],
    [BYTES, r0, 0],
  ])
  fleet.fault({ kind: 'status', status: 500, times: 1 })
  await assertMoves(opsUrl, () => ask(), [
    [REQUESTS, { ...r0, outcome: 'server-error' }, 1],
    [REQUESTS, {}, 1],
    [DURATION, r0, 1],
  ])
  await fleet.server(0).kill()
  // A connection that was kept may break in use; the next one is not made at all.
  await ask()
  await assertMoves(opsUrl, () => ask(), [
    [REQUESTS, { ...r0, outcome: 'connect' }, 1],
    [FAILOVERS, {}, 0],
    [RETRIES, {}, 0],
  ])
})

test('health checks are no requests', async (t) => {
  const health_check = { enabled: true, interval: '20ms' }
  const { fleet, opsUrl } = await open(t, 1, { health_check })
  const before = await scrape(opsUrl)
  await untilMetrics(opsUrl, 'probes', () => fleet.server(0).requests.length > 5)
  await assertMoves(opsUrl, async () => before, [[REQUESTS, {}, 0]])
})

describe('a failover', () => {
  test('before the body counts from whom to whom', async (t) => {
    const { fleet, opsUrl, ask } = await open(t, 3)
    fleet.fault({ kind: 'status', status: 503 }, [0])
    await assertMoves(opsUrl, () => ask(), [
      [FAILOVERS, { bucket: BUCKET, from: 'r0', to: 'r1', phase: 'head' }, 1],
      [FAILOVERS, {}, 1],
      [RETRIES, {}, 0],
      [REQUESTS, { ...r1, outcome: 'object' }, 1],
    ])
    fleet.fault({ kind: 'reset' }, [1])
    await assertMoves(opsUrl, () => ask(), [
      [FAILOVERS, { from: 'r0', to: 'r1', phase: 'head' }, 1],
      [FAILOVERS, { from: 'r1', to: 'r2', phase: 'head' }, 1],
      [FAILOVERS, {}, 2],
      [REQUESTS, { ...r1, outcome: 'reset' }, 1],
    ])
  })

  test('in the middle of a body counts as such, and its bytes by who sent them', async (t) => {
    const { fleet, opsUrl, ask } = await open(t, 2)
    fleet.fault({ kind: 'cut', afterBytes: 100_000 }, [0])
    await assertMoves(opsUrl, () => ask(), [
      [FAILOVERS, { bucket: BUCKET, from: 'r0', to: 'r1', phase: 'body' }, 1],
      [FAILOVERS, {}, 1],
      [RETRIES, {}, 0],
      [BYTES, r0, 100_000],
      [BYTES, r1, SIZE - 100_000],
    ])
  })

  test('is also to ask another because one says that the object is missing', async (t) => {
    const { fleet, opsUrl, ask } = await open(t, 2, { failover_on_not_found: true })
    fleet.server(1).putObject(BUCKET, 'late', 'hello')
    await assertMoves(opsUrl, () => ask('late'), [
      [FAILOVERS, { from: 'r0', to: 'r1', phase: 'head' }, 1],
      [REQUESTS, { ...r0, outcome: 'not-found' }, 1],
    ])
  })
})

test('a retry counts by its reason, and is no failover', async (t) => {
  const retry = { max_attempts: 2, budget_percent: 100 }
  const { fleet, opsUrl, ask } = await open(t, 1, { retry })
  fleet.fault({ kind: 'status', status: 500, times: 1 })
  await assertMoves(opsUrl, () => ask(), [
    [RETRIES, { bucket: BUCKET, reason: 'server-error' }, 1],
    [RETRIES, {}, 1],
    [FAILOVERS, {}, 0],
    [REQUESTS, r0, 2],
  ])
  fleet.fault({ kind: 'short', afterBytes: 100_000, times: 1 })
  await assertMoves(opsUrl, () => ask(), [
    [RETRIES, { bucket: BUCKET, reason: 'reset' }, 1],
    [RETRIES, {}, 1],
    [FAILOVERS, {}, 0],
  ])
})

test('a hedge counts by whether it answered first', async (t) => {
  const settings = { hedge: { after: '50ms', budget_percent: 100 } }
  const { fleet, opsUrl, ask } = await open(t, 2, settings)
  await assertMoves(opsUrl, () => ask(), [[HEDGES, {}, 0]])
  fleet.fault({ kind: 'hang', times: 1 }, [0])
  await assertMoves(opsUrl, () => ask(), [
    [HEDGES, { bucket: BUCKET, won: 'true' }, 1],
    [HEDGES, {}, 1],
    [REQUESTS, { ...r0, outcome: 'cancelled' }, 1],
    [REQUESTS, { ...r1, outcome: 'object' }, 1],
    [FAILOVERS, {}, 0],
  ])
  fleet.fault({ kind: 'delay', delayMs: 500, times: 1 }, [0])
  fleet.fault({ kind: 'hang', times: 1 }, [1])
  await assertMoves(opsUrl, () => ask(), [
    [HEDGES, { won: 'false' }, 1],
    [HEDGES, {}, 1],
  ])
})

test('replica_healthy is what the probes say', async (t) => {
  const health_check = {
    enabled: true,
    interval: '50ms',
    healthy_threshold: 1,
    unhealthy_threshold: 1,
  }
  const { fleet, opsUrl } = await open(t, 2, { health_check })
  const states = (what: string): Promise<unknown> =>
    untilMetrics(
      opsUrl,
      what,
      ({ sum }) =>
        [r0, r1].map((labels) => sum('sluice_replica_healthy', labels)).join(' ') === what,
    )
  await states('1 1')
  await fleet.server(0).kill()
  await states('0 1')
  await fleet.server(0).restart()
  await states('1 1')
})

test('circuit_breaker_state is 0 closed, 2 open, and 1 when it would let a probe through', async (t) => {
  const circuit_breaker = { failure_threshold: 1, success_threshold: 1, timeout: '500ms' }
  const { fleet, opsUrl, ask } = await open(t, 2, { circuit_breaker })
  const until = (state: number): Promise<unknown> =>
    untilMetrics(
      opsUrl,
      String(state),
      ({ sum }) =>
        sum('sluice_circuit_breaker_state', r0) === state &&
        sum('sluice_circuit_breaker_state', r1) === 0,
    )
  await until(0)
  fleet.fault({ kind: 'status', status: 500 }, [0])
  await ask()
  await until(2)
  await until(1)
  fleet.clear()
  await ask()
  await until(0)
})
