// A program that has more to do than time: its event loop is made late from outside, and let go again.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { generateBytes } from '../../dev/s3-server.ts'
import { explainAt, stepOf } from '../support/explained.ts'
import { download, request, sha256 } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { scrape, untilMetrics } from '../support/metrics.ts'
import { openReloadable, within } from '../support/reloadable.ts'
import type { Reloadable } from '../support/reloadable.ts'
import type { LogLine } from '../support/sluice.ts'
import { until } from '../support/until.ts'

const LATE = {
  NODE_OPTIONS: `--import ${new URL('../support/late-loop.ts', import.meta.url).href}`,
}
const BIG_BYTES = 8 * 1024 * 1024
const ASKED = 24

interface World extends Reloadable {
  /** Makes the event loop late, or no more. */
  turnLate(): void
}

async function open(delay: string | number = '200ms'): Promise<World> {
  const limits = { max_event_loop_delay: delay }
  const front = await openReloadable(
    { server: { limits }, cache: { cache_layers: ['memory'] } },
    { env: LATE },
  )
  for (let index = 0; index < ASKED; index += 1) front.put(`cold-${index}`, 'body')
  front.put('warm', 'body')
  front.put('big', { size: BIG_BYTES, seed: 'big' })
  assert.equal((await request(`${front.url}/files/warm`)).status, 200)
  return { ...front, turnLate: () => front.sluice.kill('SIGUSR2') }
}

/** How much is turned away, as the operations listener has it. */
async function shed(front: World, of: 'all' | 'origin'): Promise<number> {
  return (await scrape(front.opsUrl)).sum('sluice_shed_ratio', { of })
}

/** Of all, as hard as it gets. */
async function untilHard(front: World): Promise<void> {
  await until(
    'half of all are turned away',
    () => shed(front, 'all'),
    (ratio) => ratio === 0.5,
  )
}

async function untilCalm(front: World): Promise<void> {
  await until(
    'nobody is turned away',
    () => shed(front, 'origin'),
    (ratio) => ratio === 0,
  )
}

function askAll(front: World, pathOf: (index: number) => string): Promise<Answer[]> {
  const all = Array.from({ length: ASKED }, (_, index) => request(front.url + pathOf(index)))
  return Promise.all(all)
}

function isOverload(state: string): (line: LogLine) => boolean {
  return (line) => line['event'] === 'overload' && line['state'] === state
}

test('a late event loop turns requests away, and lets them in again when it is on time', async () => {
  await using front = await open()
  assert.equal(await shed(front, 'origin'), 0)
  front.turnLate()
  await untilHard(front)
  await front.sluice.logLine(isOverload('shedding'))

  const cold = await askAll(front, (index) => `/files/cold-${index}`)
  const refused = cold.filter(({ status }) => status === 503)
  assert.ok(refused.length > ASKED / 2, `${refused.length} of ${ASKED}`)
  for (const { text, headers } of refused) {
    assert.equal(JSON.parse(text).error, 'too_busy')
    assert.equal(headers['retry-after'], '1')
    assert.notEqual(headers['x-request-id'], undefined)
  }
  const line = await front.sluice.logLine((found) => found['error'] === 'too_busy')
  assert.equal(line['cause'], 'max_event_loop_delay of the server')
  await untilMetrics(
    front.opsUrl,
    'they are counted',
    (metrics) =>
      metrics.sum('sluice_shed_requests_total', { reason: 'event_loop_delay' }) === refused.length,
  )

  front.turnLate()
  await untilCalm(front)
  await front.sluice.logLine(isOverload('back'))
  const after = await askAll(front, (index) => `/files/cold-${index}`)
  assert.deepEqual(new Set(after.map(({ status }) => status)), new Set([200]))
})

test('what lies in memory is served to at least half of those who ask for it', async () => {
  await using front = await open()
  front.turnLate()
  await untilHard(front)
  const warm = await askAll(front, () => '/files/warm?v=1')
  const served = warm.filter(({ status }) => status === 200)
  assert.ok(served.length > 2 && served.length < ASKED, `${served.length} of ${ASKED}`)
})

test('who asks how it is, and its operator, are answered all the while', async () => {
  await using front = await open()
  front.turnLate()
  await untilHard(front)
  for (const path of ['/health', '/ready', '/health', '/ready', '/health']) {
    assert.equal((await request(front.url + path)).status, 200)
    assert.equal((await request(front.opsUrl + path)).status, 200)
    assert.equal((await request(`${front.url}/files/warm`, { method: 'OPTIONS' })).status, 204)
  }
  const { summary, steps } = await explainAt(front, { path: '/files/warm' })
  assert.equal(summary.status, 200)
  assert.deepEqual(stepOf({ summary, steps }, 'slots')['shed_ratio'], { origin: 0.95, all: 0.5 })
})

test('a download that has begun goes on', async () => {
  await using front = await open()
  const bytes = generateBytes('big', 0, BIG_BYTES)
  const big = await download(`${front.url}/files/big`, {
    onChunk: async (_, bytesBefore) => {
      if (bytesBefore > 0) return
      front.turnLate()
      await untilHard(front)
    },
  })
  assert.deepEqual([big.status, big.bytes, big.sha256], [200, BIG_BYTES, sha256(bytes)])
})

test('without a bound nobody is turned away, however late it is', async () => {
  await using front = await open(0)
  front.turnLate()
  await untilMetrics(
    front.opsUrl,
    'it is late',
    (metrics) => metrics.sum('sluice_event_loop_delay_seconds_sum') > 2,
  )
  const cold = await askAll(front, (index) => `/files/cold-${index}`)
  assert.deepEqual(new Set(cold.map(({ status }) => status)), new Set([200]))
  assert.equal(await shed(front, 'origin'), 0)
})

test('a reload changes the bound', async () => {
  await using front = await open('10s')
  const bounded = async (delay: string): Promise<void> => {
    const { server } = front.config
    const settings = within({ server }, 'server', { limits: { max_event_loop_delay: delay } })
    await front.change(settings)
  }
  front.turnLate()
  await untilMetrics(
    front.opsUrl,
    'it is late',
    (metrics) => metrics.sum('sluice_event_loop_delay_seconds_sum') > 2,
  )
  assert.equal(await shed(front, 'origin'), 0)
  await bounded('200ms')
  await untilHard(front)
  await bounded('0s')
  await untilCalm(front)
})
