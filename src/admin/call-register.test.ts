import assert from 'node:assert/strict'
import { mock, test } from 'node:test'

import type { Event } from '../exchange/event.ts'
import { Refusal } from '../exchange/refusal.ts'
import { CallRegister } from './call-register.ts'
import type { OpenCall } from './call-register.ts'

const place = { clientIp: '192.0.2.7', requestId: 'id' }

function openRegister(): { register: CallRegister; events: Event[]; guess: () => Promise<void> } {
  const events: Event[] = []
  const register = new CallRegister((event) => void events.push(event))
  const guess = async (): Promise<void> => {
    const refused = register.keep(place, { call: 'unknown' }, async () => {
      throw new Refusal('token_invalid')
    })
    await assert.rejects(refused, Refusal)
  }
  return { register, events, guess }
}

const isTold = (event: Event): boolean => event.kind !== 'admin' || event.isUntold !== true

test('what is refused beyond the first few in ten seconds is for the audit log, and told as a number at their end', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const { events, guess } = openRegister()
    for (let time = 0; time < 50; time += 1) await guess()
    assert.deepEqual([events.length, events.filter(isTold).length], [50, 20])
    mock.timers.tick(9999)
    assert.equal(events.length, 50)
    mock.timers.tick(1)
    assert.deepEqual(events.at(-1), { kind: 'admin-refused', count: 30 })
    await guess()
    assert.equal(events.filter(isTold).length, 22)
    mock.timers.tick(10_000)
    assert.equal(events.length, 52)
  } finally {
    mock.timers.reset()
  }
})

test('at the end of the program the number is told at once', async () => {
  const { register, events, guess } = openRegister()
  for (let time = 0; time < 21; time += 1) await guess()
  register.close()
  assert.deepEqual(events.at(-1), { kind: 'admin-refused', count: 1 })
})

test('whoever has a role is told of as often as they call', async () => {
  const { events, register } = openRegister()
  const open: OpenCall = { call: 'stats', caller: { role: 'viewer', subject: 'token:viewer' } }
  for (let time = 0; time < 50; time += 1) {
    await register.keep(place, open, async () => ({ status: 200 }))
  }
  assert.equal(events.length, 50)
  assert.ok(events.every((event) => event.kind === 'admin' && event.outcome === 'done'))
})

test('a bug in a call is a call that failed, and is thrown on', async () => {
  const { events, register } = openRegister()
  const open: OpenCall = { call: 'stats', caller: { role: 'viewer', subject: 'token:viewer' } }
  const broken = register.keep(place, open, async () => {
    throw new TypeError('oops')
  })
  await assert.rejects(broken, TypeError)
  const [event] = events
  assert.ok(event?.kind === 'admin')
  assert.deepEqual([event.outcome, event.status, event.error], ['failed', 500, 'internal_error'])
})
