import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { ReadRoom } from './read-room.ts'

const MIB = 1024 * 1024

function read(room: ReadRoom, length: number): ArrayBufferLike {
  const { bytes, giveBack } = bind(room.take(length))
  assert.equal(bytes.byteLength, length)
  giveBack()
  return bytes.buffer
}

function bind(taken: ReturnType<ReadRoom['take']>): { bytes: Buffer; giveBack: () => void } {
  return { bytes: taken.bytes, giveBack: () => taken.giveBack() }
}

describe('room to read into', () => {
  test('is used again for what is about as long', () => {
    const room = new ReadRoom(8 * MIB)
    const first = read(room, MIB + 500)
    assert.equal(read(room, MIB + 700), first)
    assert.notEqual(read(room, MIB / 2), first)
  })

  test('is nobody else’s until the last who reads it has given it back', () => {
    const room = new ReadRoom(8 * MIB)
    const taken = room.take(MIB)
    const lender = taken.lenderOf(taken.bytes.subarray(10))
    const loans = [lender.lend(), lender.lend()]
    taken.giveBack()
    loans[0]?.giveBack()
    assert.notEqual(read(room, MIB), taken.bytes.buffer)
    loans[1]?.giveBack()
    assert.equal(read(room, MIB), taken.bytes.buffer)
    assert.throws(() => lender.lend(), /free/)
    assert.throws(() => taken.giveBack(), /more often/)
  })

  test('a part that is lent is told from its own start', () => {
    const taken = new ReadRoom(MIB).take(20)
    taken.bytes.set(Array.from({ length: 20 }, (_, index) => index))
    assert.deepEqual([...taken.lenderOf(taken.bytes.subarray(4)).from(3)].slice(0, 2), [7, 8])
  })

  test('lies about only up to its bound', () => {
    const room = new ReadRoom(2 * MIB)
    const taken = Array.from({ length: 5 }, () => room.take(MIB))
    for (const one of taken) one.giveBack()
    assert.equal(room.freeBytes, 2 * MIB)
    assert.equal(taken.filter(({ bytes }) => bytes.buffer.byteLength > 0).length, 2)
  })

  test('is let go when it was not needed from one look to the next', () => {
    const room = new ReadRoom(8 * MIB)
    for (const one of [room.take(MIB), room.take(MIB)]) one.giveBack()
    room.trim()
    assert.equal(room.freeBytes, 2 * MIB)
    read(room, MIB)
    room.trim()
    assert.equal(room.freeBytes, MIB)
    room.trim()
    assert.equal(room.freeBytes, 0)
  })
})
