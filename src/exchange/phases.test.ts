import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Exchange } from './exchange.ts'
import type { Facts } from './exchange.ts'
import { phasesOf } from './phases.ts'
import type { Marks } from './trace.ts'
import { createMarks } from './trace.ts'

const route = { bucket: 'b', key: 'k' }
const obtain = { attempts: 0, replica: undefined, failed: [] }

function exchange(facts: Partial<Facts>, marks: Partial<Marks> | undefined): Exchange {
  const own = new Exchange({
    id: 'x',
    receivedAt: 0,
    startedAt: 100,
    method: 'GET',
    target: '/',
    headers: {},
    clientAddress: '::1',
  })
  Object.assign(own.facts, facts)
  own.marks = marks && { ...createMarks(), ...marks }
  own.sent = { status: 200, bytes: 0, isWhole: true, firstByteAt: 170, endedAt: 180, stalledMs: 0 }
  return own
}

const all = { routedAt: 110, admittedAt: 120, lookedUpAt: 140, obtainedAt: 170 }

for (const [sentence, facts, marks, wanted] of [
  ['nobody watched, and there is nothing to tell', { route, obtain }, undefined, []],
  [
    'all took place',
    { route, obtain },
    all,
    ['route 100-110', 'access 110-120', 'lookup 120-140', 'obtain 140-170', 'send 170-180'],
  ],
  [
    'there is no cache',
    { route, obtain },
    { ...all, lookedUpAt: undefined },
    ['route 100-110', 'access 110-120', 'obtain 120-170', 'send 170-180'],
  ],
  [
    'it is watched only since it has waited for what lies elsewhere',
    { route, obtain },
    { obtainedAt: 170 },
    ['obtain 100-170', 'send 170-180'],
  ],
  [
    'it is watched only since it has waited to be let in',
    { route, obtain },
    { admittedAt: 150, obtainedAt: 170 },
    ['access 100-150', 'obtain 150-170', 'send 170-180'],
  ],
  [
    'it was not let in',
    { route },
    { routedAt: 110, obtainedAt: 170 },
    ['route 100-110', 'access 110-170', 'send 170-180'],
  ],
  ['it led nowhere', {}, { obtainedAt: 170 }, ['route 100-170', 'send 170-180']],
  [
    'it was let in, and answered without the bucket',
    { route },
    { routedAt: 110, admittedAt: 120, obtainedAt: 170 },
    ['route 100-110', 'access 110-120', 'send 170-180'],
  ],
] as const) {
  test(`the phases are told where ${sentence}`, () => {
    const told = phasesOf(exchange(facts, marks), 180).map(
      ({ name, from, until }) => `${name} ${from}-${until}`,
    )
    assert.deepEqual(told, wanted)
  })
}

test('of a client that left before there was an answer, the time goes to what it waited for', () => {
  const own = exchange({ route, obtain }, { routedAt: 110, admittedAt: 120 })
  own.sent = {
    status: 0,
    bytes: 0,
    isWhole: false,
    firstByteAt: undefined,
    endedAt: 190,
    stalledMs: 0,
  }
  const told = phasesOf(own, 190).map(({ name, from, until }) => `${name} ${from}-${until}`)
  assert.deepEqual(told, ['route 100-110', 'access 110-120', 'obtain 120-190'])
})
