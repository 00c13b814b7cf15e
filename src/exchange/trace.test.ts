import assert from 'node:assert/strict'
import { test } from 'node:test'

import { carriedTrace, FIRST_ATTEMPT, spanIdOf, SPANS, traceFields } from './trace.ts'
import type { Trace } from './trace.ts'

const OWN = 'b7ad6b7169203301'
const trace: Trace = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: OWN,
  parentId: '1111111111111111',
  state: 'a=1',
  baggage: undefined,
  isHandedOn: true,
}

test('the spans of an exchange have ids of their own', () => {
  const places = [...Object.values(SPANS), FIRST_ATTEMPT, FIRST_ATTEMPT + 31]
  const ids = places.map((place) => spanIdOf(OWN, place))
  assert.equal(spanIdOf(OWN, SPANS.own), OWN)
  assert.equal(new Set(ids).size, places.length)
  for (const id of ids) assert.match(id, /^b7ad6b71692033[\da-f]{2}$/)
})

test('whoever is asked is told of the span that asks, or of the caller where none is recorded', () => {
  assert.deepEqual(traceFields(trace, SPANS.policy), {
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203304-01',
    tracestate: 'a=1',
  })
  assert.deepEqual(traceFields({ ...trace, spanId: undefined, baggage: 'x=1' }, SPANS.policy), {
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-1111111111111111-00',
    tracestate: 'a=1',
    baggage: 'x=1',
  })
  assert.deepEqual(traceFields({ ...trace, isHandedOn: false }, SPANS.policy), {})
  assert.deepEqual(traceFields(undefined, SPANS.policy), {})
})

test('what is only carried is recorded nowhere, and handed on to nobody', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const carried = carriedTrace({ traceparent, tracestate: 'a=1', baggage: 'x=1' })
  assert.deepEqual([carried?.traceId, carried?.spanId], [trace.traceId, undefined])
  assert.deepEqual(traceFields(carried, SPANS.policy), {})
  assert.equal(carriedTrace({ traceparent: 'odd' }), undefined)
  assert.equal(carriedTrace({}), undefined)
})
