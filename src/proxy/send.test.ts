import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, test } from 'node:test'

import { bytesBody, noBody } from '../exchange/body.ts'
import type { Flow, Loan, Sink, StreamBody } from '../exchange/body.ts'
import type { Reply } from '../exchange/reply.ts'
import { send } from './send.ts'
import type { Manner, Response, Sending } from './send.ts'

/** Takes what is written, is full when told to be, and closes when told to. */
class FakeResponse extends EventEmitter implements Response {
  readonly req = { httpVersionMajor: 1, httpVersionMinor: 1 }
  writableFinished = false
  writableLength = 0
  destroyed = false
  isFull = false
  head: readonly [number, readonly string[]] | undefined
  readonly written: string[] = []

  writeHead(status: number, headers: string[]): void {
    assert.equal(this.head, undefined, 'two heads')
    this.head = [status, headers]
  }

  write(chunk: Uint8Array): boolean {
    assert.notEqual(this.head, undefined, 'bytes before the head')
    this.written.push(Buffer.from(chunk).toString())
    return !this.isFull
  }

  end(last?: Uint8Array | string): void {
    if (last !== undefined) this.written.push(last.toString())
    this.writableFinished = true
    this.emit('close')
  }

  destroy(): void {
    this.destroyed = true
    this.emit('close')
  }
}

/** A body that a test writes by hand. */
class FakeBody implements StreamBody {
  readonly kind = 'stream'
  readonly length = undefined
  sink: Sink | undefined
  resumed = 0
  stopped = 0
  discarded = 0

  start(sink: Sink): Flow {
    this.sink = sink
    return { resume: () => (this.resumed += 1), stop: () => (this.stopped += 1) }
  }

  discard(): void {
    this.discarded += 1
  }

  write(text: string): boolean | undefined {
    return this.sink?.write(Buffer.from(text))
  }
}

interface Scene {
  readonly response: FakeResponse
  readonly body: FakeBody
  readonly sending: Promise<Sending>
}

const PLAIN: Manner = { headers: ['Common', '2'], close: false }

function sent(reply: Reply, response: Response, manner = PLAIN): Promise<Sending> {
  return new Promise((resolve) => send(reply, response, manner, resolve))
}

function begin(reply: Partial<Reply> = {}, manner = PLAIN): Scene {
  const response = new FakeResponse()
  const body = new FakeBody()
  const whole: Reply = { status: 200, headers: ['A', '1'], body, ...reply }
  return { response, body, sending: sent(whole, response, manner) }
}

describe('the head', () => {
  test('has the fields of the reply, the common ones, and the length last', async () => {
    const { response, sending } = begin({ body: bytesBody(Buffer.from('abc')), statedLength: 3 })
    assert.deepEqual(response.head, [200, ['A', '1', 'Common', '2', 'Content-Length', '3']])
    assert.deepEqual(response.written, ['abc'])
    const sent = await sending
    assert.ok(sent.kind === 'sent' && sent.isWhole)
    assert.deepEqual([sent.status, sent.bytes], [200, 3])
  })

  test('asks to close the connection where that is due, in HTTP/1', () => {
    const { response } = begin({ body: noBody }, { headers: [], close: true })
    assert.deepEqual(response.head?.[1].slice(-2), ['Connection', 'close'])
    const two = Object.assign(new FakeResponse(), {
      req: { httpVersionMajor: 2, httpVersionMinor: 1 },
    })
    void sent({ status: 200, headers: [], body: noBody }, two, { headers: [], close: true })
    assert.deepEqual(two.head, [200, []])
  })

  test('leaves with the first bytes, not before there are any', () => {
    const { response, body } = begin()
    assert.equal(response.head, undefined)
    body.write('a')
    assert.equal(response.head?.[0], 200)
  })
})

describe('a body that streams', () => {
  test('is ended by its last byte, when its length is known', async () => {
    const { response, body, sending } = begin({ statedLength: 3 })
    body.write('ab')
    assert.equal(response.writableFinished, false)
    body.write('c')
    assert.equal(response.writableFinished, true)
    body.sink?.end()
    const sent = await sending
    assert.ok(sent.kind === 'sent' && sent.isWhole)
    assert.equal(sent.bytes, 3)
    assert.deepEqual(response.written, ['ab', 'c'])
  })

  test('is ended by its end, when it is not', async () => {
    const { response, body, sending } = begin()
    body.write('ab')
    body.sink?.end()
    assert.equal(response.writableFinished, true)
    assert.ok((await sending).kind === 'sent')
  })

  test('may be empty', async () => {
    const { response, body, sending } = begin({ statedLength: 0 })
    body.sink?.end()
    assert.deepEqual(response.head, [200, ['A', '1', 'Common', '2', 'Content-Length', '0']])
    assert.ok((await sending).kind === 'sent')
  })

  test('is held while the client is full, and goes on when it has drained', () => {
    const { response, body } = begin()
    response.isFull = true
    assert.equal(body.write('a'), false)
    response.emit('drain')
    assert.equal(body.resumed, 1)
  })

  test('is stopped when the client leaves, and what had not left is not counted', async () => {
    const { response, body, sending } = begin({ statedLength: 100 })
    body.write('abcdef')
    response.writableLength = 4
    response.destroy()
    assert.equal(body.stopped, 1)
    const sent = await sending
    assert.ok(sent.kind === 'sent' && !sent.isWhole)
    assert.equal(sent.bytes, 2)
    assert.equal(body.write('g'), true)
    assert.deepEqual(response.written, ['abcdef'])
  })

  test('takes the connection with it when it breaks, and is never ended', async () => {
    const { response, body, sending } = begin({ statedLength: 100 })
    body.write('ab')
    body.sink?.fail(new Error('broken'))
    assert.equal(response.destroyed, true)
    assert.equal(response.writableFinished, false)
    const sent = await sending
    assert.ok(sent.kind === 'sent' && !sent.isWhole)
  })

  test('takes it too when it is shorter than stated', async () => {
    const { response, body, sending } = begin({ statedLength: 100 })
    body.write('ab')
    body.sink?.end()
    assert.equal(response.destroyed, true)
    assert.ok((await sending).kind === 'sent')
  })

  test('that breaks before a byte has left is given back: another answer can be sent', async () => {
    const { response, body, sending } = begin({ statedLength: 100 })
    const reason = new Error('broken')
    body.sink?.fail(reason)
    assert.deepEqual(await sending, { kind: 'unsent', reason })
    assert.equal(response.head, undefined)
    assert.equal(response.destroyed, false)
    assert.equal(response.listenerCount('close') + response.listenerCount('drain'), 0)
  })

  test('is let go unread when the client has left already', async () => {
    const response = Object.assign(new FakeResponse(), { destroyed: true })
    const body = new FakeBody()
    const left = await sent({ status: 200, headers: [], body }, response)
    assert.equal(body.discarded, 1)
    assert.ok(left.kind === 'sent' && left.status === 0 && !left.isWhole)
  })

  test('leaves nothing behind on the response', async () => {
    const { response, body, sending } = begin()
    body.write('a')
    body.sink?.end()
    await sending
    assert.equal(response.listenerCount('drain'), 0)
  })
})

class FakeLoan implements Loan {
  out = 1

  lend(): Loan {
    this.out += 1
    return this
  }

  giveBack(): void {
    this.out -= 1
  }
}

describe('bytes that are lent', () => {
  const lent = new Uint8Array(5000)

  test('are given back on the way by a client who is never full', () => {
    const { response, body } = begin({ statedLength: 1e6 })
    const loans = [new FakeLoan(), new FakeLoan(), new FakeLoan()]
    response.writableLength = 1
    body.sink?.write(lent, loans[0])
    body.sink?.write(lent, loans[1])
    assert.deepEqual([loans[0]?.out, loans[1]?.out], [1, 1], 'they may still be read')
    response.writableLength = 0
    body.sink?.write(lent, loans[2])
    const out = loans.map((loan) => loan.out)
    assert.deepEqual(out, [0, 0, 0], 'the kernel has taken all of it')
  })

  test('are not given back by a drain that comes before they have left', () => {
    const { response, body } = begin({ statedLength: 1e6 })
    const loan = new FakeLoan()
    response.isFull = true
    response.writableLength = lent.byteLength
    body.sink?.write(lent, loan)
    response.emit('drain')
    assert.equal(loan.out, 1)
    response.writableLength = 0
    response.emit('drain')
    assert.equal(loan.out, 0)
  })

  test('are given back, and told of once, where the head cannot be written', () => {
    for (const make of [(loan: Loan) => bytesBody(lent, loan), startedWith]) {
      const response = new FakeResponse()
      response.writeHead = () => assert.fail('a field that cannot be written')
      const loan = new FakeLoan()
      const reply = { status: 200, headers: [], body: make(loan), statedLength: lent.byteLength }
      assert.throws(() => send(reply, response, PLAIN, () => assert.fail('told of twice')))
      response.destroy()
      assert.equal(loan.out, 0)
    }
  })

  function startedWith(loan: Loan): StreamBody {
    return {
      kind: 'stream',
      length: lent.byteLength,
      start: (sink) => {
        sink.write(lent, loan)
        return { resume: () => undefined, stop: () => undefined }
      },
      discard: () => undefined,
    }
  }
})
