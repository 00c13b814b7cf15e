import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Cancellation } from '../primitives/cancel.ts'
import type { CancelSignal } from '../primitives/cancel.ts'
import { Opening } from './opening.ts'

interface World {
  readonly opening: Opening<string>
  readonly signal: CancelSignal
  readonly answer: PromiseWithResolvers<string>
}

function open(): World {
  const answer = Promise.withResolvers<string>()
  let signal: CancelSignal = new Cancellation()
  const opening = new Opening((own) => {
    signal = own
    own.onCancel(() => answer.reject(new Error('let go')))
    return answer.promise
  })
  return { opening, signal, answer }
}

test('everybody who waits has the one answer', async () => {
  const { opening, answer } = open()
  const waiting = [1, 2, 3].map(() => opening.join(new Cancellation()))
  answer.resolve('it')
  assert.deepEqual(await Promise.all(waiting), ['it', 'it', 'it'])
})

test('it goes on while anybody waits, and is let go when the last one leaves', async () => {
  const { opening, signal } = open()
  const [first, second] = [new Cancellation(), new Cancellation()]
  const waiting = [opening.join(first), opening.join(second)]
  first.cancel()
  assert.deepEqual([signal.isCancelled, opening.isAbandoned], [false, false])
  second.cancel()
  assert.deepEqual([signal.isCancelled, opening.isAbandoned], [true, true])
  for (const one of waiting) await assert.rejects(one, /let go/)
})

test('one who left before the answer is given it all the same', async () => {
  const { opening, answer } = open()
  const leaver = new Cancellation()
  const left = opening.join(leaver)
  void opening.join(new Cancellation())
  leaver.cancel()
  answer.resolve('it')
  assert.equal(await left, 'it')
})

test('one who has left already does not keep it going', async () => {
  const { opening, signal } = open()
  const waiting = opening.join(cancelled())
  assert.equal(signal.isCancelled, true)
  await assert.rejects(waiting, /let go/)
})

test('leaving after the answer lets nothing go', async () => {
  const { opening, signal, answer } = open()
  const leaver = new Cancellation()
  const waiting = opening.join(leaver)
  answer.resolve('it')
  await waiting
  leaver.cancel()
  assert.equal(signal.isCancelled, false)
})

function cancelled(): Cancellation {
  const cancelled = new Cancellation()
  cancelled.cancel()
  return cancelled
}
