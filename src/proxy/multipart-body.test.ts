import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { Flow, Sink, StreamBody } from '../exchange/body.ts'
import type { ByteRange } from '../http/range.ts'
import { multipartBody } from './multipart-body.ts'
import type { MultipartBody } from './multipart-body.ts'

const TEXT = 'abcdefghijklmnopqrstuvwxyz'

/** The bytes of a range, in pieces of two, as long as the sink is not full. */
class FakePart implements StreamBody, Flow {
  readonly kind = 'stream'
  readonly length: number
  isDiscarded = false
  isStopped = false
  #rest: string
  #sink: Sink | undefined

  constructor({ first, last }: ByteRange) {
    this.#rest = TEXT.slice(first, last + 1)
    this.length = this.#rest.length
  }

  start(sink: Sink): Flow {
    this.#sink = sink
    queueMicrotask(() => this.resume())
    return this
  }

  resume(): void {
    while (!this.isStopped && this.#rest !== '') {
      const piece = this.#rest.slice(0, 2)
      this.#rest = this.#rest.slice(2)
      if (this.#sink?.write(Buffer.from(piece)) === false) return
    }
    if (this.isStopped) return
    this.isStopped = true
    this.#sink?.end()
  }

  stop(): void {
    this.isStopped = true
  }

  discard(): void {
    this.isDiscarded = true
  }
}

interface Read {
  readonly flow: Flow
  readonly ended: Promise<string>
}

/** Full after every write; `resume` is called a turn later. */
function read(body: MultipartBody): Read {
  let text = ''
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const flow = body.start({
    write: (chunk) => {
      text += Buffer.from(chunk).toString('latin1')
      queueMicrotask(() => flow.resume())
      return false
    },
    end: () => resolve(text),
    fail: reject,
  })
  return { flow, ended: promise }
}

const RANGES: readonly ByteRange[] = [
  { first: 20, last: 25 },
  { first: 0, last: 0 },
  { first: 5, last: 9 },
]

function open(
  openPart: (range: ByteRange) => Promise<StreamBody>,
  first: StreamBody = new FakePart({ first: 20, last: 25 }),
): MultipartBody {
  return multipartBody({ ranges: RANGES, size: 26, contentType: 'text/x', first, open: openPart })
}

describe('a body of several parts', () => {
  test('is framed as its type says and as long as it says, at the reader’s pace', async () => {
    const body = open(async (range) => new FakePart(range))
    const [, boundary = ''] = /^multipart\/byteranges; boundary=(\w+)$/.exec(body.contentType) ?? []
    const text = await read(body).ended
    const expected = RANGES.map(
      ({ first, last }) =>
        `--${boundary}\r\nContent-Type: text/x\r\nContent-Range: bytes ${first}-${last}/26\r\n\r\n` +
        `${TEXT.slice(first, last + 1)}\r\n`,
    )
    assert.equal(text, `${expected.join('')}--${boundary}--\r\n`)
    assert.equal(text.length, body.length)
  })

  test('has a boundary that nobody can guess', async () => {
    const types = [1, 2].map(() => open(async (range) => new FakePart(range)).contentType)
    assert.notEqual(types[0], types[1])
    assert.match(types[0] ?? '', /boundary=\w{30,70}$/)
  })

  test('asks for a part when its turn comes', async () => {
    const asked: number[] = []
    const body = open(async (range) => {
      asked.push(range.first)
      return new FakePart(range)
    })
    assert.deepEqual(asked, [])
    await read(body).ended
    assert.deepEqual(asked, [0, 5])
  })

  test('breaks when a part cannot be had, or breaks itself', async () => {
    const refusing = open(async () => Promise.reject(new Error('none')))
    await assert.rejects(read(refusing).ended, { message: 'none' })
    const broken: StreamBody = {
      kind: 'stream',
      length: 1,
      start: (sink) => {
        queueMicrotask(() => sink.fail(new Error('broken')))
        return { resume: () => undefined, stop: () => undefined }
      },
      discard: () => undefined,
    }
    await assert.rejects(read(open(async () => broken)).ended, { message: 'broken' })
  })

  test('that is stopped stops its part, and lets go of one that comes late', async () => {
    const first = new FakePart({ first: 20, last: 25 })
    open(async (range) => new FakePart(range), first)
      .start({ write: () => false, end: assert.fail, fail: assert.fail })
      .stop()
    assert.equal(first.isStopped, true)

    const late = new FakePart({ first: 0, last: 0 })
    const { promise, resolve } = Promise.withResolvers<StreamBody>()
    const asked = Promise.withResolvers<void>()
    const { flow } = read(
      open(async () => {
        asked.resolve()
        return promise
      }),
    )
    await asked.promise
    flow.stop()
    resolve(late)
    await new Promise(setImmediate)
    assert.equal(late.isDiscarded, true)
  })

  test('that is not wanted lets go of the part it has', () => {
    const first = new FakePart({ first: 20, last: 25 })
    open(async (range) => new FakePart(range), first).discard()
    assert.equal(first.isDiscarded, true)
  })
})
