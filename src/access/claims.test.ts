import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { ClaimCondition, Operator, RuleValue } from '../config/claim-rules.ts'
import { compileClaims, compileTies, validityOf } from './claims.ts'
import type { Claims } from './claims.ts'

const claims: Claims = {
  role: 'admin',
  age: 18,
  paid: true,
  nothing: null,
  roles: ['reader', 'writer'],
  org: { name: 'acme', teams: ['a', 'b'], deep: { level: 3 } },
  'https://x.test/org': 'literal',
  'org.name': 'literal',
  long: 'a'.repeat(1025),
}

const cases: readonly [string, Operator, RuleValue | undefined, boolean][] = [
  ['role', 'equals', 'admin', true],
  ['role', 'equals', 'Admin', false],
  ['age', 'equals', 18, true],
  ['age', 'equals', '18', false],
  ['paid', 'equals', true, true],
  ['paid', 'equals', 'true', false],
  ['roles', 'equals', ['reader', 'writer'], true],
  ['roles', 'equals', ['writer', 'reader'], false],
  ['roles', 'equals', 'reader', false],
  ['missing', 'equals', 'x', false],
  ['role', 'not_equals', 'guest', true],
  ['role', 'not_equals', 'admin', false],
  ['roles', 'not_equals', 'reader', false],
  ['roles', 'not_equals', 'guest', true],
  ['missing', 'not_equals', 'x', false],
  ['nothing', 'not_equals', 'x', false],
  ['role', 'in', ['admin', 'editor'], true],
  ['role', 'in', ['editor'], false],
  ['roles', 'in', ['writer'], true],
  ['roles', 'in', ['other'], false],
  ['age', 'in', ['18'], false],
  ['roles', 'contains', 'writer', true],
  ['roles', 'contains', 'write', false],
  ['role', 'contains', 'dmi', true],
  ['age', 'contains', '1', false],
  ['age', 'gt', 17, true],
  ['age', 'gt', 18, false],
  ['age', 'gte', 18, true],
  ['age', 'lt', 18, false],
  ['age', 'lt', 19, true],
  ['age', 'lte', 18, true],
  ['role', 'gt', 0, false],
  ['role', 'exists', undefined, true],
  ['missing', 'exists', undefined, false],
  ['missing', 'exists', false, true],
  ['role', 'exists', false, false],
  ['nothing', 'exists', true, false],
  ['role', 'regex', '^ad', true],
  ['role', 'regex', '^dm', false],
  ['roles', 'regex', '^wri', true],
  ['age', 'regex', '18', false],
  ['long', 'regex', 'a', false],
  ['org.name', 'equals', 'literal', true],
  ['org.deep.level', 'gte', 3, true],
  ['org.teams', 'contains', 'b', true],
  ['org.teams.0', 'equals', 'a', false],
  ['https://x.test/org', 'equals', 'literal', true],
  ['role.length', 'exists', undefined, false],
  ['__proto__', 'exists', undefined, false],
  ['constructor.name', 'exists', undefined, false],
  ['org.__proto__', 'exists', undefined, false],
]

for (const [claim, operator, value, isHeld] of cases) {
  test(`${claim} ${operator} ${JSON.stringify(value)} is ${isHeld}`, () => {
    assert.equal(compileClaims([{ claim, operator, value }])(claims), isHeld)
  })
}

test('all conditions must hold, and of any_of one', () => {
  const holds: ClaimCondition = { claim: 'role', operator: 'equals', value: 'admin' }
  const fails: ClaimCondition = { claim: 'role', operator: 'equals', value: 'guest' }
  assert.equal(compileClaims([])(claims), true)
  assert.equal(compileClaims([holds, fails])(claims), false)
  assert.equal(compileClaims([holds, { anyOf: [fails, holds] }])(claims), true)
  assert.equal(compileClaims([holds, { anyOf: [fails, fails] }])(claims), false)
})

test('a token is good from nbf to exp, with the leeway at both ends', () => {
  assert.deepEqual(validityOf({ exp: 100, nbf: 50 }, 5000), { until: 105_000, from: 45_000 })
  assert.deepEqual(validityOf({}, 0), {
    until: Number.POSITIVE_INFINITY,
    from: Number.NEGATIVE_INFINITY,
  })
  for (const wrong of ['100', true, [1], Number.NaN, {}, null]) {
    assert.equal(validityOf({ exp: wrong }, 0), undefined)
    assert.equal(validityOf({ nbf: wrong }, 0), undefined)
    assert.equal(validityOf({ iat: wrong }, 0), undefined)
  }
})

test('a rule that ties the token to a path is a rule, whoever forgets the path', () => {
  const rule = { claim: 'tenant', operator: 'equals', value: '{tenant}' } as const
  assert.equal(compileClaims([rule])({ tenant: 'acme' }), false)
  assert.equal(compileClaims([{ anyOf: [rule] }])({ tenant: 'acme' }), false)
  assert.equal(compileTies([rule], ['tenant'])?.({ tenant: 'acme' }, []), false)
  assert.equal(compileTies([rule], [])?.({ tenant: 'acme' }, ['acme']), false)
  assert.equal(compileTies([rule], ['tenant'])?.({ tenant: 'acme' }, ['acme']), true)
})
