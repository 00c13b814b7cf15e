import assert from 'node:assert/strict'
import { test } from 'node:test'

import { askOf, objectBytes, ROAD_NAMES, ROADS } from './roads.ts'

const STORED = { path: '/bucket/64KB.bin', etag: '"a1"' }

test('a range lies within its object and has the bytes of its size', () => {
  for (const size of ROADS.range.sizes) {
    const { headers, status, bodyBytes } = askOf('range', size, STORED)
    const [, first, last] = /^Range: bytes=(\d+)-(\d+)$/.exec(headers[0] ?? '') ?? []
    assert.equal(Number(last) - Number(first) + 1, bodyBytes)
    assert.ok(Number(last) < objectBytes('range', size))
    assert.equal(status, 206)
  }
})

test('what has not changed is asked for by its tag, and has no body', () => {
  const ask = askOf('304', '1KB', STORED)
  assert.deepEqual([ask.headers, ask.status, ask.bodyBytes], [['If-None-Match: "a1"'], 304, 0])
})

test('behind a guard there is a token in each request, and only there', () => {
  for (const road of ROAD_NAMES) {
    const { headers } = askOf(road, '1KB', STORED)
    const hasToken = headers.some((header) => header.startsWith('Authorization: Bearer '))
    assert.equal(hasToken, road === 'guarded', road)
  }
})

test('elsewhere the whole object is asked for', () => {
  for (const road of ['memory', 'disk', 'redis', 'miss', 'tls', 'log'] as const) {
    const ask = askOf(road, '64KB', STORED)
    assert.deepEqual([ask.headers, ask.status, ask.bodyBytes], [[], 200, 65_536])
    assert.equal(objectBytes(road, '64KB'), 65_536)
  }
})
