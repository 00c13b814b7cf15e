import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import fc from 'fast-check'

import { Cancellation } from '../primitives/cancel.ts'
import type { Flow, Sink, StreamBody } from '../exchange/body.ts'
import { MeasuredBody } from './measured-body.ts'
import type { ByteRoom, MeasureLimits } from './measured-body.ts'

const KIB = 1024
const BLOCK = 64 * KIB

/** A body whose chunks a test sends, when it may. */
class Source implements StreamBody, Flow {
  readonly kind = 'stream'
  readonly length = undefined
  isHeld = false
  isStopped = false
  #sink: Sink | undefined

  start(sink: Sink): Flow {
    this.#sink = sink
    return this
  }

  send(bytes: Uint8Array): void {
    if (this.#sink?.write(bytes) === false) this.isHeld = true
  }

  end(): void {
    this.#sink?.end()
  }

  fail(): void {
    this.#sink?.fail(new Error('it broke'))
  }

  resume(): void {
    this.isHeld = false
  }

  stop(): void {
    this.isStopped = true
  }

  discard(): void {
    this.isStopped = true
  }
}

class Room implements ByteRoom {
  heldBytes = 0
  mostBytes = 0
  readonly #limitBytes: number

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  reserve(bytes: number): (() => void) | undefined {
    if (this.heldBytes + bytes > this.#limitBytes) return undefined
    this.heldBytes += bytes
    this.mostBytes = Math.max(this.mostBytes, this.heldBytes)
    return () => void (this.heldBytes -= bytes)
  }
}

class Reader implements Sink {
  text = ''
  ending: 'end' | Error | undefined
  /** How many chunks it takes before it is full. */
  appetite = Infinity

  write(chunk: Uint8Array): boolean {
    this.text += Buffer.from(chunk).toString('latin1')
    this.appetite -= 1
    return this.appetite > 0
  }

  end(): void {
    this.ending = 'end'
  }

  fail(reason: Error): void {
    this.ending = reason
  }
}

function open(limits: Partial<MeasureLimits> = {}) {
  const source = new Source()
  const room = new Room(16 * BLOCK)
  const body = new MeasuredBody(source, {
    room,
    limitBytes: 1024 * KIB,
    limitMs: 60_000,
    signal: undefined,
    ...limits,
  })
  return { source, room, body }
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

describe('a body of untold length', () => {
  test('that ends within the bound has its length, and all its bytes', async () => {
    const { source, room, body } = open()
    source.send(bytes('hello '))
    source.send(bytes('world'))
    source.end()
    await body.taken
    assert.equal(body.length, 11)
    const reader = new Reader()
    body.start(reader)
    assert.deepEqual([reader.text, reader.ending, room.heldBytes], ['hello world', 'end', 0])
  })

  test('that is longer goes through from its first byte on, its source held meanwhile', async () => {
    const { source, room, body } = open({ limitBytes: 10 })
    source.send(bytes('0123456789'))
    assert.equal(source.isHeld, false)
    source.send(bytes('abc'))
    assert.equal(source.isHeld, true)
    await body.taken
    assert.equal(body.length, undefined)
    const reader = new Reader()
    body.start(reader)
    assert.deepEqual([source.isHeld, room.heldBytes], [false, 0])
    source.send(bytes('def'))
    source.end()
    assert.deepEqual(
      [body.length, reader.text, reader.ending],
      [undefined, '0123456789abcdef', 'end'],
    )
  })

  test('that breaks within the bound is none', async () => {
    const { source, room, body } = open()
    source.send(bytes('hello'))
    source.fail()
    await assert.rejects(body.taken, /it broke/)
    assert.equal(room.heldBytes, 0)
  })

  test('that breaks beyond it breaks for its reader, behind what came', async () => {
    const { source, body } = open({ limitBytes: 3 })
    source.send(bytes('abcd'))
    await body.taken
    source.fail()
    const reader = new Reader()
    body.start(reader)
    assert.equal(reader.text, 'abcd')
    assert.ok(reader.ending instanceof Error)
  })

  test('is let go when nobody waits for it any more', async () => {
    const leaving = new Cancellation()
    const { source, room, body } = open({ signal: leaving })
    source.send(bytes('hello'))
    leaving.cancel()
    await assert.rejects(body.taken, { kind: 'cancelled' })
    assert.deepEqual([source.isStopped, room.heldBytes], [true, 0])
  })

  test('for which nobody waits from the first is not taken in', async () => {
    const leaving = new Cancellation()
    leaving.cancel()
    const { source, body } = open({ signal: leaving })
    await assert.rejects(body.taken, { kind: 'cancelled' })
    assert.equal(source.isStopped, true)
  })

  test('is not waited for longer than it may take', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { source, body } = open({ limitMs: 5000 })
    source.send(bytes('slow'))
    t.mock.timers.tick(5000)
    await body.taken
    assert.equal(body.length, undefined)
    const reader = new Reader()
    body.start(reader)
    source.send(bytes('ly'))
    source.end()
    assert.deepEqual([reader.text, reader.ending], ['slowly', 'end'])
  })
})

describe('the room of bodies of untold length', () => {
  test('is never exceeded: who finds none goes through', async () => {
    const room = new Room(2 * BLOCK)
    const worlds = Array.from({ length: 50 }, () => open({ room }))
    for (const { source } of worlds) source.send(bytes('small'))
    assert.equal(room.mostBytes, 2 * BLOCK)
    for (const { source, body } of worlds) {
      source.end()
      await body.taken
      const reader = new Reader()
      body.start(reader)
      assert.deepEqual([reader.text, reader.ending], ['small', 'end'])
    }
    assert.equal(worlds.filter(({ body }) => body.length === 5).length, 2)
    assert.equal(room.heldBytes, 0)
  })

  for (const leave of ['stop', 'discard'] as const) {
    test(`is given back by those that are let go (${leave})`, async () => {
      const { source, room, body } = open()
      source.send(Buffer.alloc(3 * BLOCK))
      source.end()
      await body.taken
      assert.equal(room.heldBytes, 3 * BLOCK)
      body[leave]()
      assert.equal(room.heldBytes, 0)
    })
  }

  test('takes no more for many small chunks than for few', async () => {
    const { source, room, body } = open()
    for (let count = 0; count < 1000; count += 1) source.send(bytes('tiny'))
    source.end()
    await body.taken
    assert.deepEqual([body.length, room.mostBytes], [4000, BLOCK])
  })
})

test('whatever the chunks, the bound and the reader, the bytes arrive once and in order', () => {
  const chunk = fc.oneof(
    fc.integer({ min: 1, max: 50 }),
    fc.integer({ min: BLOCK - 2, max: BLOCK + 2 }),
  )
  const world = fc.record({
    chunks: fc.array(chunk, { maxLength: 12 }),
    limitBytes: fc.constantFrom(0, 40, BLOCK, 3 * BLOCK, 100 * BLOCK),
    roomBytes: fc.constantFrom(0, BLOCK, 2 * BLOCK, 100 * BLOCK),
    startsAfter: fc.nat(12),
    appetite: fc.integer({ min: 1, max: 3 }),
  })
  fc.assert(
    fc.property(world, ({ chunks, limitBytes, roomBytes, startsAfter, appetite }) => {
      const room = new Room(roomBytes)
      const { source, body } = open({ room, limitBytes })
      const reader = new Reader()
      reader.appetite = appetite
      let flow: Flow | undefined
      const go = (): void => {
        flow ??= body.start(reader)
        for (let turn = 0; turn < 40; turn += 1) {
          reader.appetite = appetite
          flow.resume()
        }
      }
      let sent = ''
      for (const [index, length] of chunks.entries()) {
        const text = String.fromCharCode(97 + index).repeat(length)
        if (index >= startsAfter || source.isHeld) go()
        source.send(bytes(text))
        sent += text
      }
      source.end()
      go()
      assert.equal(reader.text === sent, true)
      assert.deepEqual([reader.ending, room.heldBytes], ['end', 0])
    }),
    { seed: 7, numRuns: 300 },
  )
})
