import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import type { Event } from '../exchange/event.ts'
import type { Span } from './span.ts'
import { SpanQueue } from './span-queue.ts'
import type { Export } from './span-queue.ts'

function open(t: TestContext, send: Export) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const events: Event[] = []
  const counts = { exported: 0, failed: 0, dropped: 0 }
  let at = 0
  const emit = (event: Event): void => void events.push(event)
  const queue = new SpanQueue({ send, emit, monotonic: () => at }, counts)
  const pass = async (ms: number): Promise<void> => {
    at += ms
    t.mock.timers.tick(ms)
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
  }
  return { queue, counts, events, pass }
}

function spans(count: number): Span[] {
  return Array.from({ length: count }, (_, index) => ({
    name: String(index),
    kind: 'internal' as const,
    traceId: '',
    spanId: '',
    parentId: undefined,
    isParentRemote: false,
    state: undefined,
    startedAt: 0,
    endedAt: 0,
    attributes: {},
    error: undefined,
  }))
}

test('spans leave together after a second, and at once when there are enough', async (t) => {
  const batches: number[] = []
  const { queue, counts, pass } = open(t, async (batch) => void batches.push(batch.length))
  queue.add(spans(3))
  queue.add(spans(4))
  await pass(999)
  assert.deepEqual(batches, [])
  await pass(1)
  assert.deepEqual(batches, [7])
  queue.add(spans(512))
  await pass(0)
  assert.deepEqual(batches, [7, 512])
  assert.deepEqual(counts, { exported: 519, failed: 0, dropped: 0 })
})

test('while one export hangs no other begins, and what has no place to wait is dropped', async (t) => {
  let begun = 0
  const { queue, counts, pass } = open(t, () => {
    begun += 1
    return new Promise(() => {})
  })
  for (let n = 0; n < 1000; n += 1) queue.add(spans(10))
  await pass(4000)
  assert.equal(begun, 1)
  assert.ok(
    counts.dropped >= 10_000 - 512 - 4096 && counts.dropped < 10_000 - 512,
    String(counts.dropped),
  )
  assert.deepEqual([counts.exported, counts.failed], [0, 0])
})

test('a collector that fails is told of once a minute at the most, and once when it is back', async (t) => {
  let isDown = true
  const { queue, counts, events, pass } = open(t, async () => {
    if (isDown) throw new Error('refused')
  })
  const told = (): unknown[] =>
    events.map((event) => (event.kind === 'tracing' ? `${event.state}: ${event.reason}` : event))
  const one = async (): Promise<void> => {
    queue.add(spans(1))
    await pass(1000)
  }
  for (let n = 0; n < 10; n += 1) await one()
  assert.deepEqual(told(), ['aside: refused'])
  isDown = false
  await one()
  assert.deepEqual(told(), ['aside: refused', 'back: they are taken'])
  isDown = true
  for (let n = 0; n < 10; n += 1) await one()
  assert.equal(events.length, 2)
  await pass(60_000)
  await one()
  assert.equal(events.length, 3)
  assert.deepEqual(counts, { exported: 1, failed: 21, dropped: 0 })
})

test('one that does not take them is asked once a second, however many there are', async (t) => {
  let begun = 0
  const { queue, pass } = open(t, async () => {
    begun += 1
    throw new Error('refused')
  })
  for (let n = 0; n < 100; n += 1) {
    queue.add(spans(600).slice(0, 30))
    await pass(50)
  }
  assert.ok(begun >= 4 && begun <= 7, String(begun))
})

test('an export that takes too long has failed, and the next begins', async (t) => {
  let begun = 0
  const { queue, counts, pass } = open(t, () => {
    begun += 1
    return begun === 1 ? new Promise(() => {}) : Promise.resolve()
  })
  queue.add(spans(1))
  await pass(1000)
  queue.add(spans(2))
  await pass(5000)
  await pass(1000)
  assert.deepEqual([begun, counts], [2, { exported: 2, failed: 1, dropped: 0 }])
})

test('the end sends what is left, and waits a bounded time for it', async (t) => {
  const batches: number[] = []
  const good = open(t, async (batch) => void batches.push(batch.length))
  good.queue.add(spans(700).slice(0, 500))
  good.queue.add(spans(11))
  await good.queue.close()
  assert.deepEqual(batches, [511])
  t.mock.timers.reset()

  const hanging = open(t, () => new Promise(() => {}))
  hanging.queue.add(spans(600))
  const closed = hanging.queue.close()
  await hanging.pass(3000)
  await closed
  assert.equal(hanging.counts.dropped, 88)
})
