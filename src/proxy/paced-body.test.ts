import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { Flow, Sink, StreamBody } from '../exchange/body.ts'
import { PacedBody } from './paced-body.ts'

/** A source that writes when it is told to, and knows what it was asked. */
class Source implements StreamBody, Flow {
  readonly kind = 'stream'
  readonly length = undefined
  readonly told: string[] = []
  sink: Sink | undefined

  start(sink: Sink): Flow {
    this.sink = sink
    return this
  }
  resume(): void {
    this.told.push('resume')
  }
  stop(): void {
    this.told.push('stop')
  }
  discard(): void {
    this.told.push('discard')
  }
}

function open(waits: number[], takes: (chunk: Uint8Array) => boolean = () => true) {
  const source = new Source()
  const got: string[] = []
  const pace = { take: () => waits.shift() ?? 0 }
  const flow = new PacedBody(source, pace, 4).start({
    write: (chunk) => {
      got.push(Buffer.from(chunk).toString())
      return takes(chunk)
    },
    end: () => got.push('END'),
    fail: ({ message }) => got.push(message),
  })
  return { source, got, flow, write: (text: string) => source.sink?.write(Buffer.from(text)) }
}

describe('a paced body', () => {
  test('goes in pieces, each when it is paid for', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { source, got, write } = open([0, 50, 50])
    assert.equal(write('abcdefghij'), false)
    source.sink?.end()
    assert.deepEqual(got, ['abcd'])
    t.mock.timers.tick(50)
    assert.deepEqual(got, ['abcd', 'efgh'])
    t.mock.timers.tick(50)
    assert.deepEqual(got, ['abcd', 'efgh', 'ij', 'END'])
    assert.deepEqual(source.told, [])
  })

  test('asks for more when what it had has left', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { source, got, write } = open([0, 10])
    assert.equal(write('abcd'), true)
    assert.equal(write('ef'), false)
    assert.deepEqual(source.told, [])
    t.mock.timers.tick(10)
    assert.deepEqual([got, source.told], [['abcd', 'ef'], ['resume']])
  })

  test('waits for a sink that is full, and asks the source once', () => {
    let isFull = true
    const { source, got, flow, write } = open([], () => !isFull)
    assert.equal(write('abcdef'), false)
    assert.deepEqual(got, ['abcd'])
    isFull = false
    flow.resume()
    assert.deepEqual([got, source.told], [['abcd', 'ef'], ['resume']])
    flow.resume()
    assert.deepEqual(source.told, ['resume'])
  })

  test('is let go at once when it is stopped or breaks, whatever it still holds', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const stopped = open([100])
    stopped.write('abcd')
    stopped.flow.stop()
    t.mock.timers.tick(200)
    assert.deepEqual([stopped.got, stopped.source.told], [[], ['stop']])

    const broken = open([0, 100])
    broken.write('abcdef')
    broken.source.sink?.fail(new Error('broke'))
    t.mock.timers.tick(200)
    assert.deepEqual(broken.got, ['abcd', 'broke'])
  })
})
