// A request that takes too long is told of by a line of its own, with where its time went; what a client
// takes its time for is no fault of ours.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Fault } from '../../dev/s3-server.ts'
import { setTimeout as wait } from 'node:timers/promises'

import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { download, request } from '../support/http.ts'
import { untilMetrics } from '../support/metrics.ts'
import { openScriptedPolicy, saying } from '../support/scripted-policy.ts'
import type { LogLine } from '../support/sluice.ts'

const THRESHOLD_MS = 300

async function openSlow(slow: object = {}, more: object = {}): Promise<Front> {
  const observability = { slow_query: { threshold_ms: THRESHOLD_MS, ...slow } }
  const front = await openFront({ observability, ...more })
  front.put('a.txt', 'hello')
  return front
}

let front: Front
before(async () => void (front = await openSlow()))
after(() => front?.[Symbol.asyncDispose]())

const isSlow = (line: LogLine): boolean => line['msg'] === 'slow request'
const slowLine = (of: Front, id: string): Promise<LogLine> =>
  of.sluice.logLine((line) => isSlow(line) && line['request_id'] === id)
const accessLine = (of: Front, id: string): Promise<LogLine> =>
  of.sluice.logLine((line) => line['msg'] === 'request' && line['request_id'] === id)

/** Once; the next replica answers. */
const failSlowly = (): Fault =>
  front.s3.fault({
    kind: 'status',
    status: 500,
    delayMs: 400,
    times: 1,
    match: { key: 'a.txt' },
  })

test('an origin that takes its time is named, with each attempt', async () => {
  const fault = failSlowly()
  const headers = {
    'X-Request-ID': 'slow-origin',
    traceparent: `00-${'7'.repeat(32)}-${'1'.repeat(16)}-00`,
  }
  await request(`${front.url}/files/a.txt?token=hush`, { headers })
  fault.remove()
  const line = await slowLine(front, 'slow-origin')
  const {
    time,
    duration_ms,
    ttfb_ms,
    route_ms,
    access_ms,
    origin_ms,
    body_ms,
    client_ms,
    attempts,
    ...rest
  } = line
  assert.deepEqual(rest, {
    level: 'warn',
    msg: 'slow request',
    request_id: 'slow-origin',
    trace_id: '7'.repeat(32),
    method: 'GET',
    path: '/files/a.txt',
    status: 200,
    bytes: 5,
    bucket: 'files',
    replica: 'primary',
    aborted: false,
  })
  assert.ok(Number(origin_ms) >= 390 && Number(origin_ms) <= Number(ttfb_ms), JSON.stringify(line))
  assert.ok(
    Number(ttfb_ms) <= Number(duration_ms) && Number(body_ms) >= 0 && Number(client_ms) >= 0,
  )
  assert.ok(Array.isArray(attempts))
  assert.match(String(attempts[0]), /^primary: server-error [34]\d\d ms$/)
  assert.match(String(attempts[1]), /^primary: object \d+ ms$/)
  assert.ok(time !== undefined && route_ms === undefined && access_ms === undefined)
})

test('a policy that takes its time is named', async () => {
  await using policy = await openScriptedPolicy((input, outgoing) => {
    setTimeout(() => saying({ result: true })(input, outgoing), 400)
  })
  const authorization = { type: 'opa', url: policy.url, policy_path: 'a/b', timeout_ms: 10_000 }
  await using guarded = await openFront(
    { observability: { slow_query: { threshold_ms: THRESHOLD_MS } } },
    { buckets: (endpoint) => [bucketAt(endpoint, { name: 'asked', authorization })] },
  )
  guarded.put('a.txt', 'hello')
  await request(`${guarded.url}/asked/a.txt`, { headers: { 'X-Request-ID': 'slow-policy' } })
  const line = await slowLine(guarded, 'slow-policy')
  assert.ok(
    Number(line['policy_ms']) >= 390 && Number(line['access_ms']) >= Number(line['policy_ms']),
  )
  assert.ok(Number(line['origin_ms']) < 390)
})

test('what is quick has no such line', async () => {
  await request(`${front.url}/files/a.txt`, { headers: { 'X-Request-ID': 'quick' } })
  await accessLine(front, 'quick')
  assert.ok(!front.sluice.logLines().some((line) => isSlow(line) && line['request_id'] === 'quick'))
})

const LARGE = 24 * 2 ** 20

test('a client that reads slowly makes no request slow, and neither does a pace', async () => {
  front.put('large', { size: LARGE, seed: 'large' })
  const headers = { 'X-Request-ID': 'slow-reader' }
  let isFirst = true
  const onChunk = async (): Promise<void> => {
    if (isFirst) await wait(900)
    isFirst = false
  }
  const { bytes } = await download(`${front.url}/files/large`, { headers, onChunk })
  assert.equal(bytes, LARGE)
  const line = await accessLine(front, 'slow-reader')
  assert.ok(Number(line['duration_ms']) >= 850, JSON.stringify(line))
  assert.ok(
    !front.sluice.logLines().some((one) => isSlow(one) && one['request_id'] === 'slow-reader'),
  )

  const bandwidth = { per_request: '200KB', burst: '10KB' }
  await using paced = await openFront(
    { observability: { slow_query: { threshold_ms: THRESHOLD_MS } } },
    { buckets: (endpoint) => [bucketAt(endpoint, { name: 'paced', bandwidth })] },
  )
  paced.put('b', { size: 200_000, seed: 'b' })
  await download(`${paced.url}/paced/b`, { headers: { 'X-Request-ID': 'paced' } })
  assert.ok(Number((await accessLine(paced, 'paced'))['duration_ms']) >= 600)
  assert.ok(
    !paced.sluice.logLines().some(isSlow),
    JSON.stringify(paced.sluice.logLines().filter(isSlow)),
  )
})

test('slow requests are counted', async () => {
  const fault = failSlowly()
  const count = async (): Promise<number> => {
    const metrics = await untilMetrics(front.opsUrl, 'anything', () => true)
    return metrics.sum('sluice_slow_requests_total', { bucket: 'files' })
  }
  const before = await count()
  await request(`${front.url}/files/a.txt`)
  fault.remove()
  await untilMetrics(front.opsUrl, 'the count to move', (now) => {
    return now.sum('sluice_slow_requests_total', { bucket: 'files' }) === before + 1
  })
})

test('threshold_ms, log_level, include_breakdown and enabled are as they are set', async () => {
  const tell = async (slow: object, level = 'info'): Promise<LogLine | undefined> => {
    await using own = await openSlow(slow, { logging: { level } })
    const fault = own.s3.fault({
      kind: 'status',
      status: 500,
      delayMs: 400,
      times: 1,
      match: { key: 'a.txt' },
    })
    await request(`${own.url}/files/a.txt`, { headers: { 'X-Request-ID': 'one' } })
    fault.remove()
    if (level === 'info') await accessLine(own, 'one')
    own.sluice.kill('SIGTERM')
    await own.sluice.exited
    return own.sluice.logLines().find((line) => isSlow(line) && line['request_id'] === 'one')
  }
  assert.equal(await tell({ threshold_ms: 60_000 }), undefined)
  assert.equal(await tell({ enabled: false }), undefined)
  const plain = await tell({ include_breakdown: false, log_level: 'error' }, 'error')
  assert.equal(plain?.['level'], 'error')
  assert.ok(
    plain !== undefined && 'ttfb_ms' in plain && !('origin_ms' in plain) && !('attempts' in plain),
  )
})
