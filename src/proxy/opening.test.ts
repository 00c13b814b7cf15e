import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Opening } from './opening.ts'

interface World {
  readonly opening: Opening<string>
  readonly signal: AbortSignal
  readonly answer: PromiseWithResolvers<string>
}

function open(): World {
  const answer = Promise.withResolvers<string>()
  let signal = new AbortController().signal
  const opening = new Opening((own) => {
    signal = own
    own.addEventListener('abort', () => answer.reject(new Error('let go')))
    return answer.promise
  })
  return { opening, signal, answer }
}

test('everybody who waits has the one answer', async () => {
  const { opening, answer } = open()
  const waiting = [1, 2, 3].map(() => opening.join(new AbortController().signal))
  answer.resolve('it')
  assert.deepEqual(await Promise.all(waiting), ['it', 'it', 'it'])
})

test('it goes on while anybody waits, and is let go when the last one leaves', async () => {
  const { opening, signal } = open()
  const [first, second] = [new AbortController(), new AbortController()]
  const waiting = [opening.join(first.signal), opening.join(second.signal)]
  first.abort()
  assert.deepEqual([signal.aborted, opening.isAbandoned], [false, false])
  second.abort()
  assert.deepEqual([signal.aborted, opening.isAbandoned], [true, true])
  for (const one of waiting) await assert.rejects(one, /let go/)
})

test('one who left before the answer is given it all the same', async () => {
  const { opening, answer } = open()
  const leaver = new AbortController()
  const left = opening.join(leaver.signal)
  void opening.join(new AbortController().signal)
  leaver.abort()
  answer.resolve('it')
  assert.equal(await left, 'it')
})

test('one who has left already does not keep it going', async () => {
  const { opening, signal } = open()
  const waiting = opening.join(AbortSignal.abort())
  assert.equal(signal.aborted, true)
  await assert.rejects(waiting, /let go/)
})

test('leaving after the answer lets nothing go', async () => {
  const { opening, signal, answer } = open()
  const leaver = new AbortController()
  const waiting = opening.join(leaver.signal)
  answer.resolve('it')
  await waiting
  leaver.abort()
  assert.equal(signal.aborted, false)
})
