import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { formatCacheStatus, xCache } from './cache-status.ts'
import type { CacheOutcome, XCache } from './cache-status.ts'
import { parseStructuredDictionary } from './structured-dictionary.ts'

const forward = { kind: 'forward', isStored: false, isCollapsed: false } as const

describe('what the cache did is told (RFC 9211)', () => {
  const rows: readonly (readonly [CacheOutcome, status: string, older: XCache])[] = [
    [
      { kind: 'hit', isStale: false, ttlS: 30, detail: 'memory' },
      'sluice; hit; ttl=30; detail=memory',
      'HIT',
    ],
    [
      { kind: 'hit', isStale: false, ttlS: 29.9, detail: 'disk' },
      'sluice; hit; ttl=29; detail=disk',
      'HIT',
    ],
    [
      { kind: 'hit', isStale: true, ttlS: -30, detail: 'redis' },
      'sluice; hit; ttl=-30; detail=redis',
      'STALE',
    ],
    [
      { kind: 'hit', isStale: true, ttlS: -0.2, detail: 'memory' },
      'sluice; hit; ttl=-1; detail=memory',
      'STALE',
    ],
    [{ ...forward, reason: 'uri-miss', isStored: true }, 'sluice; fwd=uri-miss; stored', 'MISS'],
    [{ ...forward, reason: 'vary-miss' }, 'sluice; fwd=vary-miss', 'MISS'],
    [{ ...forward, reason: 'miss' }, 'sluice; fwd=miss', 'MISS'],
    [{ ...forward, reason: 'partial', isStored: true }, 'sluice; fwd=partial; stored', 'MISS'],
    [{ ...forward, reason: 'bypass' }, 'sluice; fwd=bypass', 'BYPASS'],
    [
      { ...forward, reason: 'stale', status: 304, isCollapsed: true },
      'sluice; fwd=stale; fwd-status=304; collapsed',
      'REVALIDATED',
    ],
    [
      { ...forward, reason: 'request', status: 304, isStored: true },
      'sluice; fwd=request; fwd-status=304; stored',
      'REVALIDATED',
    ],
    [
      { ...forward, reason: 'stale', status: 200, isStored: true, ttlS: 60 },
      'sluice; fwd=stale; fwd-status=200; stored; ttl=60',
      'MISS',
    ],
    [
      { ...forward, reason: 'stale', status: 503, isStale: true, detail: 'stale-if-error' },
      'sluice; fwd=stale; fwd-status=503; detail=stale-if-error',
      'STALE',
    ],
    [
      { ...forward, reason: 'bypass', detail: 'too "big"\u00e9' },
      'sluice; fwd=bypass; detail="too \\"big\\"?"',
      'BYPASS',
    ],
  ]
  for (const [outcome, status, older] of rows) {
    test(`${status}, X-Cache: ${older}`, () => {
      assert.equal(formatCacheStatus(outcome), status)
      assert.equal(xCache(outcome), older)
    })
  }

  test('every one of them is a Structured Field (RFC 9651)', () => {
    for (const [outcome] of rows)
      assert.notEqual(parseStructuredDictionary(formatCacheStatus(outcome)), undefined)
  })
})
