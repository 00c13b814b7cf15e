import assert from 'node:assert/strict'
import { test } from 'node:test'

import { FillBuffers } from './fill-buffer.ts'

const SLICE = 1024 * 1024

test('a slice arrives where one was that nobody reads any more', () => {
  const buffers = new FillBuffers()
  const first = buffers.take(SLICE)
  first.giveBack()
  assert.equal(buffers.take(SLICE).bytes.buffer, first.bytes.buffer)
})

test('nothing arrives where somebody still reads', () => {
  const buffers = new FillBuffers()
  const first = buffers.take(SLICE)
  const loan = first.lend()
  first.giveBack()
  assert.notEqual(buffers.take(SLICE).bytes.buffer, first.bytes.buffer)
  loan.giveBack()
  assert.equal(buffers.take(SLICE).bytes.buffer, first.bytes.buffer)
})

test('a slice of another length gets memory of its own length', () => {
  const buffers = new FillBuffers()
  buffers.take(SLICE).giveBack()
  assert.equal(buffers.take(SLICE / 2).bytes.byteLength, SLICE / 2)
})

test('of what is free, little is kept', () => {
  const buffers = new FillBuffers()
  const all = Array.from({ length: 20 }, () => buffers.take(SLICE))
  for (const buffer of all) buffer.giveBack()
  assert.equal(all.filter(({ bytes }) => bytes.buffer.byteLength > 0).length, 4)
})

test('what is free is neither lent nor given back again', () => {
  const buffer = new FillBuffers().take(SLICE)
  buffer.giveBack()
  assert.throws(() => buffer.lend(), /free/)
  assert.throws(() => buffer.giveBack(), /more often/)
})
