import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Cancellation } from '../primitives/cancel.ts'
import type { CancelSignal } from '../primitives/cancel.ts'
import { hedge } from './hedge.ts'
import type { HedgePlan } from './hedge.ts'

interface Attempt {
  readonly signal: CancelSignal
  readonly resolve: (value: string) => void
  readonly reject: (reason: Error) => void
}

/** A hedge whose two tries end when the test says so. */
function openHedge(options: Partial<HedgePlan<string>> = {}) {
  const started: Attempt[] = []
  const released: string[] = []
  const begun = Promise.withResolvers<void>()
  const start = (signal: CancelSignal): Promise<string> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    started.push({ signal, resolve, reject })
    if (started.length === 2) begun.resolve()
    return promise
  }
  const outcome = hedge<string>({
    afterMs: 1,
    signal: undefined,
    first: start,
    second: start,
    release: (loser) => released.push(loser),
    ...options,
  })
  // Looked at later, or by nobody.
  outcome.catch(() => undefined)
  const tryAt = (index: number): Attempt => {
    const attempt = started[index]
    assert.ok(attempt, `try ${index} was not begun`)
    return attempt
  }
  return { outcome, started, released, tryAt, bothBegun: begun.promise }
}

const NEVER_MS = 3_600_000

test('a quick answer is the only one asked for', async () => {
  const { outcome, started, tryAt } = openHedge({ afterMs: NEVER_MS })
  tryAt(0).resolve('first')
  assert.equal(await outcome, 'first')
  assert.equal(started.length, 1)
})

test('a quick failure is not hedged', async () => {
  const { outcome, started, tryAt } = openHedge({ afterMs: NEVER_MS })
  tryAt(0).reject(new Error('refused'))
  await assert.rejects(outcome, { message: 'refused' })
  assert.equal(started.length, 1)
})

test('of two tries the faster one is taken, and the other cancelled', async () => {
  for (const winner of [0, 1]) {
    const { outcome, tryAt, bothBegun, released } = openHedge()
    await bothBegun
    tryAt(winner).resolve(`try ${winner}`)
    assert.equal(await outcome, `try ${winner}`)
    assert.equal(tryAt(1 - winner).signal.isCancelled, true)
    assert.equal(tryAt(winner).signal.isCancelled, false)
    assert.deepEqual(released, [])
  }
})

test('what a loser got after all is given back', async () => {
  const { outcome, tryAt, bothBegun, released } = openHedge()
  await bothBegun
  tryAt(1).resolve('won')
  tryAt(0).resolve('too late')
  assert.equal(await outcome, 'won')
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(released, ['too late'])
})

test('when one fails the other may still win', async () => {
  for (const loser of [0, 1]) {
    const { outcome, tryAt, bothBegun } = openHedge()
    await bothBegun
    tryAt(loser).reject(new Error('failed'))
    tryAt(1 - loser).resolve('won')
    assert.equal(await outcome, 'won')
  }
})

test('when both fail, the first one says why', async () => {
  const { outcome, tryAt, bothBegun } = openHedge()
  await bothBegun
  tryAt(1).reject(new Error('second'))
  tryAt(0).reject(new Error('first'))
  await assert.rejects(outcome, { message: 'first' })
})

test('where nobody else can be asked, the first try is waited for', async () => {
  const asked = Promise.withResolvers<void>()
  const { outcome, tryAt } = openHedge({
    second: () => {
      asked.resolve()
      return undefined
    },
  })
  await asked.promise
  tryAt(0).resolve('slow')
  assert.equal(await outcome, 'slow')
})

test('a caller who leaves cancels both', async () => {
  const caller = new Cancellation()
  const { tryAt, bothBegun } = openHedge({ signal: caller })
  await bothBegun
  caller.cancel()
  assert.deepEqual([tryAt(0).signal.isCancelled, tryAt(1).signal.isCancelled], [true, true])
})
