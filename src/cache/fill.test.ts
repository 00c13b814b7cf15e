import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Flow, Sink, StreamBody } from '../exchange/body.ts'
import { FillBuffers } from './fill-buffer.ts'
import { Fill } from './fill.ts'
import type { FillOptions, FillReader } from './fill.ts'

const SLICE = 10

/** A source that a test drives by hand. */
class Source implements StreamBody, Flow {
  readonly kind = 'stream'
  readonly length = undefined
  sink: Sink | undefined
  resumes = 0
  isStopped = false
  isDiscarded = false

  start(sink: Sink): Flow {
    this.sink = sink
    return this
  }

  resume(): void {
    this.resumes += 1
  }

  stop(): void {
    this.isStopped = true
  }

  discard(): void {
    this.isDiscarded = true
  }
}

/** Reads what it may, as far as it is let. */
class Reader implements FillReader {
  position: number
  text = ''
  readonly #fill: Fill
  #until: number

  constructor(fill: Fill, position: number, until = position) {
    this.#fill = fill
    this.position = position
    this.#until = until
    fill.attach(this)
  }

  readTo(until: number): void {
    this.#until = until
    this.advance()
  }

  advance(): void {
    while (this.position < this.#until) {
      const view = this.#fill.view(this.position)
      if (view === undefined || view.byteLength === 0) return
      const part = view.subarray(0, this.#until - this.position)
      this.text += Buffer.from(part).toString()
      this.position += part.byteLength
      this.#fill.readerMoved()
    }
  }
}

function read(fill: Fill, from: number, until?: number): void {
  fill.attach(new Reader(fill, from, until))
}

interface Opened {
  readonly fill: Fill
  readonly source: Source
  readonly slices: Map<number, string>
  readonly ends: boolean[]
  frees: number
}

function open(options: Partial<FillOptions> = {}): Opened {
  const slices = new Map<number, string>()
  const ends: boolean[] = []
  const fill = new Fill({
    sliceBytes: SLICE,
    buffers: new FillBuffers(),
    size: 45,
    firstIndex: 0,
    lastIndex: 4,
    isHeld: () => false,
    onSlice: (index, bytes) => slices.set(index, Buffer.from(bytes.bytes).toString()),
    onEnd: (isCutOff) => ends.push(isCutOff),
    onFree: () => (opened.frees += 1),
    ...options,
  })
  const opened: Opened = { fill, source: new Source(), slices, ends, frees: 0 }
  return opened
}

/** `length` bytes of the object from a position on. */
function bytesFrom(position: number, length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => 97 + ((position + i) % 26)))
}

test('every slice is handed over once, the short last one too', () => {
  const { fill, source, slices, ends } = open()
  const reader = new Reader(fill, 0, 45)
  fill.start(source)
  for (let at = 0; at < 45; at += 3) fill.write(bytesFrom(at, Math.min(3, 45 - at)))
  assert.deepEqual(
    [...slices],
    [0, 1, 2, 3, 4].map((i) => [i, bytesFrom(i * 10, i === 4 ? 5 : 10).toString()]),
  )
  assert.equal(reader.text, bytesFrom(0, 45).toString())
  assert.deepEqual([ends, fill.isEnded, fill.failure], [[false], true, undefined])
})

test('one chunk may hold several slices', () => {
  const { fill, source, slices } = open()
  const reader = new Reader(fill, 0, 45)
  fill.start(source)
  fill.write(bytesFrom(0, 45))
  assert.equal(slices.size, 5)
  assert.equal(reader.text, bytesFrom(0, 45).toString())
})

test('what comes while it holds is kept, behind what it holds already', () => {
  const { fill, source } = open()
  const reader = new Reader(fill, 0, 0)
  fill.start(source)
  assert.equal(fill.write(bytesFrom(0, 25)), false)
  assert.equal(fill.write(bytesFrom(25, 20)), false)
  reader.readTo(45)
  assert.equal(reader.text, bytesFrom(0, 45).toString())
})

test('what came while it holds is all there is, and the source has ended', () => {
  const { fill, source, slices, ends } = open({ size: 25, lastIndex: 2 })
  const reader = new Reader(fill, 0, 0)
  fill.start(source)
  assert.equal(fill.write(bytesFrom(0, 25)), false)
  fill.end()
  for (const until of [10, 20, 25]) reader.readTo(until)
  assert.equal(reader.text, bytesFrom(0, 25).toString())
  assert.deepEqual([...slices.keys()], [0, 1, 2])
  assert.deepEqual([ends, fill.failure, source.resumes], [[false], undefined, 0])
})

test('a source that ends too early breaks it, once all that came has been taken in', () => {
  const { fill, source, ends } = open()
  const reader = new Reader(fill, 0, 0)
  fill.start(source)
  assert.equal(fill.write(bytesFrom(0, 25)), false)
  fill.end()
  assert.equal(fill.failure, undefined)
  reader.readTo(25)
  assert.equal(reader.text, bytesFrom(0, 25).toString())
  assert.match(String(fill.failure), /the source ended before/)
  assert.deepEqual(ends, [false])
})

test('what is left to others before it has started ends it, and is no failure', () => {
  const { fill, source, ends } = open()
  const reader = new Reader(fill, 0, 45)
  fill.endBefore(0)
  fill.start(source)
  assert.deepEqual([ends, fill.isEnded, fill.failure], [[true], true, undefined])
  assert.deepEqual([reader.text, fill.covers(0), source.isDiscarded], ['', false, true])
})

test('a run that is cut short before it has started ends with its last slice', () => {
  const { fill, source, slices, ends } = open()
  const reader = new Reader(fill, 0, 45)
  fill.endBefore(2)
  assert.deepEqual([fill.covers(1), fill.covers(2)], [true, false])
  fill.start(source)
  fill.write(bytesFrom(0, 20))
  assert.deepEqual([[...slices.keys()], ends], [[0, 1], [false]])
  assert.equal(reader.text, bytesFrom(0, 20).toString())
})

test('no slice is begun before the fastest reader has come to the one before it', () => {
  const { fill, source, slices } = open()
  const slow = new Reader(fill, 0)
  const fast = new Reader(fill, 0)
  fill.start(source)
  assert.equal(fill.write(bytesFrom(0, 9)), true)
  assert.equal(fill.write(bytesFrom(9, 1)), true, 'they are in the slice')
  assert.equal(fill.write(bytesFrom(10, 10)), false, 'nobody has come to slice 1')
  assert.deepEqual([...slices.keys()], [0, 1])
  fast.readTo(9)
  assert.equal(source.resumes, 0)
  fast.readTo(10)
  assert.equal(source.resumes, 1)
  assert.equal(fill.write(bytesFrom(20, 9)), true)
  assert.equal(fill.view(slow.position), undefined, 'the slow one follows from the tiers')
  assert.equal(fill.view(10)?.byteLength, 10)
})

test('what came before there was room is kept and taken later', () => {
  const { fill, source, slices } = open()
  const reader = new Reader(fill, 0)
  fill.start(source)
  assert.equal(fill.write(bytesFrom(0, 35)), false)
  assert.deepEqual([...slices.keys()], [0, 1])
  reader.readTo(20)
  assert.deepEqual([...slices.keys()], [0, 1, 2])
  assert.equal(source.resumes, 1)
  reader.readTo(45)
  fill.write(bytesFrom(35, 10))
  assert.equal(reader.text, bytesFrom(0, 45).toString())
})

test('one who joins late is given what is held from the start on, and follows', () => {
  const { fill, source } = open()
  const first = new Reader(fill, 0, 45)
  fill.start(source)
  fill.write(bytesFrom(0, 17))
  assert.deepEqual(
    [0, 1, 2, 3].map((index) => fill.covers(index)),
    [true, true, true, false],
  )
  const late = new Reader(fill, 0)
  late.readTo(45)
  const ahead = new Reader(fill, 25, 45)
  fill.write(bytesFrom(17, 28))
  for (const reader of [first, late]) assert.equal(reader.text, bytesFrom(0, 45).toString())
  assert.equal(ahead.text, bytesFrom(25, 20).toString())
})

test('one who joins ahead of all others makes a fill that waited go on', () => {
  const { fill, source } = open()
  read(fill, 0)
  fill.start(source)
  assert.equal(fill.write(bytesFrom(0, 20)), false)
  read(fill, 20, 45)
  assert.equal(source.resumes, 1)
})

test('when the last reader leaves, the source is let go', () => {
  const { fill, source, ends, frees } = open()
  const first = new Reader(fill, 0)
  const second = new Reader(fill, 0)
  fill.start(source)
  fill.write(bytesFrom(0, 5))
  fill.detach(first)
  assert.equal(source.isStopped, false)
  fill.detach(second)
  assert.deepEqual([source.isStopped, ends, frees], [true, [true], 0])
})

test('when the last reader leaves in the last slice, the slice is finished', () => {
  const { fill, source, slices, ends } = open({ firstIndex: 4 })
  const reader = new Reader(fill, 40)
  fill.start(source)
  fill.write(bytesFrom(40, 2))
  fill.detach(reader)
  assert.equal(source.isStopped, false)
  fill.write(bytesFrom(42, 3))
  assert.deepEqual([[...slices.keys()], ends], [[4], [false]])
})

test('a failure is told to the readers, after what came before it', () => {
  const { fill, source, slices } = open()
  const reader = new Reader(fill, 0, 45)
  fill.start(source)
  fill.write(bytesFrom(0, 15))
  fill.fail(new Error('broken'))
  assert.equal(reader.text, bytesFrom(0, 15).toString())
  assert.equal(fill.failure?.message, 'broken')
  assert.deepEqual([...slices.keys()], [0], 'no broken slice is handed over')
  assert.deepEqual([fill.isPast(9), fill.isPast(15)], [true, false])
})

test('a source that ends too soon is a failure', () => {
  const { fill, source } = open()
  read(fill, 0, 45)
  fill.start(source)
  fill.write(bytesFrom(0, 44))
  fill.end()
  assert.match(fill.failure?.message ?? '', /ended before/)
})

test('the run ends where what follows is held already', () => {
  const { fill, source, slices, ends } = open({ isHeld: (index) => index === 2 })
  read(fill, 0, 45)
  fill.start(source)
  fill.write(bytesFrom(0, 25))
  assert.deepEqual([[...slices.keys()], ends, source.isStopped], [[0, 1], [true], true])
  assert.deepEqual([fill.covers(1), fill.covers(2)], [true, false])
})

test('what has ended is given to those who come while somebody reads it', () => {
  const { fill, source } = open()
  const first = new Reader(fill, 0, 40)
  fill.start(source)
  fill.write(bytesFrom(0, 45))
  assert.equal(fill.isEnded, true)
  assert.deepEqual(
    [2, 3, 4, 5].map((index) => fill.covers(index)),
    [false, true, true, false],
  )
  const late = new Reader(fill, 30)
  late.readTo(45)
  assert.equal(late.text, bytesFrom(30, 15).toString())
  first.readTo(45)
  assert.equal(first.text.length, 45)
})

test('what broke off in a slice does not give that slice to others', () => {
  const { fill, source } = open()
  read(fill, 0, 45)
  fill.start(source)
  fill.write(bytesFrom(0, 15))
  fill.fail(new Error('broken'))
  assert.deepEqual([fill.covers(0), fill.covers(1)], [true, false])
})

test('it is free when it has ended and all readers have left, and not before', () => {
  const opened = open()
  const { fill, source } = opened
  const reader = new Reader(fill, 0, 45)
  fill.start(source)
  fill.write(bytesFrom(0, 45))
  assert.deepEqual([fill.isEnded, opened.frees], [true, 0])
  fill.detach(reader)
  assert.equal(opened.frees, 1)
})

test('a source that comes when nobody wants it any more is discarded', () => {
  const { fill, source } = open()
  const reader = new Reader(fill, 0)
  fill.detach(reader)
  fill.start(source)
  assert.deepEqual([source.isDiscarded, source.sink], [true, undefined])
})

test('a source that fills it while it is starting is not left waiting', () => {
  const { fill } = open()
  const reader = new Reader(fill, 0)
  let resumes = 0
  fill.start({
    kind: 'stream',
    length: undefined,
    start: (sink) => {
      sink.write(bytesFrom(0, 20))
      reader.readTo(20)
      return { resume: () => (resumes += 1), stop: () => undefined }
    },
    discard: () => undefined,
  })
  assert.equal(resumes, 1)
})
