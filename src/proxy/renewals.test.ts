import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Refusal } from '../exchange/refusal.ts'
import { OriginFailure } from '../origin/origin.ts'
import { NotedInstants } from './noted-instants.ts'
import { Renewals, within } from './renewals.ts'

test('one question is asked for all who want the same renewed', async () => {
  const renewals = new Renewals<number>()
  const answer = Promise.withResolvers<number>()
  let asked = 0
  const ask = (): Promise<number> => {
    asked += 1
    return answer.promise
  }
  const all = [renewals.renew('k', ask), renewals.renew('k', ask)]
  assert.deepEqual([asked, renewals.isRunning('k'), renewals.isRunning('j')], [1, true, false])
  answer.resolve(7)
  assert.deepEqual(await Promise.all(all), [7, 7])
  assert.equal(renewals.isRunning('k'), false)
})

test('a failure of the origin is remembered, an answer that says no is none', async () => {
  const renewals = new Renewals<never>()
  const failure = new OriginFailure('reset', 'gone')
  await assert.rejects(renewals.renew('k', () => Promise.reject(failure)))
  const refusal = new Refusal('not_found')
  await assert.rejects(renewals.renew('j', () => Promise.reject(refusal)))
  assert.deepEqual([renewals.hasJustFailed('k'), renewals.hasJustFailed('j')], [true, false])
})

test('an answer ends the time of failures', async () => {
  const renewals = new Renewals<number>()
  const failure = new OriginFailure('reset', 'gone')
  await assert.rejects(renewals.renew('k', () => Promise.reject(failure)))
  await renewals.renew('k', () => Promise.resolve(1))
  assert.equal(renewals.hasJustFailed('k'), false)
})

test('patience ends, and none is as long as it takes', async () => {
  assert.equal(await within(1, new Promise(() => undefined)), undefined)
  assert.equal(await within(10_000, Promise.resolve(1)), 1)
  assert.equal(await within(0, Promise.resolve(1)), 1)
})

test('an instant is noted for so long, and notes are bounded', () => {
  const notes = new NotedInstants()
  notes.note('k', 1000)
  assert.deepEqual([notes.isWithin('k', 10, 1009), notes.isWithin('k', 10, 1010)], [true, false])
  assert.equal(notes.isWithin('j', 10, 1000), false)
  for (let i = 0; i < 20_000; i += 1) notes.note(`other ${i}`, 1000)
  assert.equal(notes.isWithin('k', 10, 1000), false)
})
