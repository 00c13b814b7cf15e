import assert from 'node:assert/strict'
import { test } from 'node:test'

import { formatPolicies, formatServiceLimits } from './rate-limit-fields.ts'

test('a limit is a string with its parameters, times in whole seconds that are not too short', () => {
  const limits = [
    { name: 'per-ip', remaining: 0, resetMs: 11_001 },
    { name: 'all', remaining: 5, resetMs: 0 },
  ]
  assert.equal(formatServiceLimits(limits), '"per-ip";r=0;t=12, "all";r=5;t=0')
})

test('a policy has a window of a second at least', () => {
  const policies = [
    { name: 'per-ip', quota: 200, windowMs: 2000 },
    { name: 'fast', quota: 1, windowMs: 10 },
  ]
  assert.equal(formatPolicies(policies), '"per-ip";q=200;w=2, "fast";q=1;w=1')
})
