import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { Reading } from './reading.ts'
import type { SocketSource } from './reading.ts'

/** Read at once of who is not fast, and how many may be at a time. */
const PIECE_BYTES = 64 * 1024
const MOST_FAST = 32
const TURN_BYTES = 1024 * 1024

/** A socket that nothing connects, which is called as Node calls it, with as much as there is room for. */
class FullSource {
  /** How often Node was asked to read on. */
  asked = 0
  readonly source: SocketSource
  readonly #socket = new net.Socket()
  readonly #onread: Reading['onread']
  #room: Uint8Array
  #isHeld = false

  constructor(reading: Reading) {
    this.#socket._read = () => (this.asked += 1)
    this.#onread = reading.onread
    this.#room = this.#onread.buffer()
    reading.adopt(this.#socket)
    this.#socket.on('readable', () => {
      while (!this.#isHeld && this.#socket.read() !== null);
    })
    this.receive()
    assert.ok(reading.current !== undefined)
    this.source = reading.current
    this.source.beginBody()
  }

  get roomBytes(): number {
    return this.#room.byteLength
  }

  receive(): boolean {
    const goesOn = this.#onread.callback.call(this.#socket, this.#room.byteLength, this.#room)
    this.#room = this.#onread.buffer()
    return goesOn
  }

  /** How much may be read at once, when a lot has been taken. */
  take(): number {
    for (let reads = 0; reads < 5; reads += 1) this.receive()
    return this.roomBytes
  }

  /** Nobody wants what comes next. */
  hold(): void {
    this.#isHeld = true
    assert.equal(this.receive(), false)
    this.#isHeld = false
    this.#socket.read()
  }
}

test('who has been read for a while waits for the others, however much there is, and goes on in the next turn', async () => {
  const full = new FullSource(new Reading())
  await nextTurn()
  full.asked = 0
  let bytes = PIECE_BYTES
  for (let goesOn = true; goesOn && bytes < 2 * TURN_BYTES;) {
    bytes += full.roomBytes
    goesOn = full.receive()
  }
  assert.ok(bytes >= TURN_BYTES && bytes < 2 * TURN_BYTES, String(bytes))
  assert.equal(full.asked, 0)
  await nextTurn()
  assert.equal(full.asked, 1)
})

test('another is fast when one of many was held or has had its body', () => {
  const reading = new Reading()
  const all = Array.from({ length: MOST_FAST + 2 }, () => new FullSource(reading))
  const sizes = all.map((one) => one.take())
  assert.equal(sizes.filter((bytes) => bytes > PIECE_BYTES).length, MOST_FAST)
  const [held, ended] = all
  const [next, last] = all.slice(MOST_FAST)
  assert.ok(held !== undefined && ended !== undefined)
  assert.ok(next !== undefined && last !== undefined)
  held.hold()
  assert.equal(next.take(), PIECE_BYTES, 'the large piece that is held is still there')
  held.receive()
  assert.ok(next.take() > PIECE_BYTES)
  assert.equal(last.take(), PIECE_BYTES)
  ended.source.endBody()
  assert.ok(last.take() > PIECE_BYTES)
})
