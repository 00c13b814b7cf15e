// The policies of the project before a real OPA; and what stands in for OPA, where there is none,
// before the same questions.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { runChild } from '../support/children.ts'
import { request } from '../support/http.ts'
import { openOpa, POLICIES } from '../support/opa.ts'
import { partIfThere } from '../support/parts.ts'

const ALL_DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']
const office = { zone: 'Europe/Berlin', days: ALL_DAYS.slice(0, 5), from: '08:00', to: '18:00' }
const RULES = {
  office: { prefix: '/office', require: ['hours'], hours: office },
  odd: { prefix: '/odd', require: ['rolse'] },
  bare: { prefix: '/bare', require: [] },
}

type Case = readonly [bucket: string, path: string, claims: object | null, reason: string]

const YES: readonly Case[] = [
  ['downloads', '/downloads/free/a', null, 'public'],
  ['downloads', '/downloads/a', { role: 'staff' }, 'roles'],
  ['downloads', '/downloads/a', { roles: ['x', 'customer'] }, 'roles'],
  ['documents', '/documents/finance/a', { department: 'finance' }, 'departments'],
  ['documents', '/documents/handbook/a', { department: 'finance' }, 'departments'],
  ['documents', '/documents/finance/a', { role: 'auditor' }, 'departments'],
  ['tenants', '/tenants/acme/a', { tenant: 'acme' }, 'tenants'],
]

const ROLE = 'roles: needs another role'
const DEPARTMENT = 'departments: belongs to another department'
const TENANT = 'tenants: belongs to another tenant'
const NO: readonly Case[] = [
  ['downloads', '/downloads/free', null, ROLE],
  ['downloads', '/downloads/freedom/a', null, ROLE],
  ['downloads', '/downloads//free/a', null, ROLE],
  ['downloads', '/downloads/a', { role: ['staff'] }, ROLE],
  ['downloads', '/downloads/a', { roles: 'staff' }, ROLE],
  ['documents', '/documents/finance/a', { department: 'sales' }, DEPARTMENT],
  ['documents', '/documents/finance', { department: 'finance' }, DEPARTMENT],
  ['documents', '/documents//a', { department: '' }, DEPARTMENT],
  ['documents', '/documents/handbook/a', {}, DEPARTMENT],
  ['tenants', '/tenants/acme/a', { tenant: 'globex' }, TENANT],
  ['tenants', '/tenants/acme/a', { tenant: ['acme'] }, TENANT],
  ['tenants', '/tenants/acme/a', null, TENANT],
  ['odd', '/odd/a', {}, 'rolse: there is no such check'],
  ['bare', '/bare/a', {}, 'the bucket has no rules'],
  ['unheard-of', '/unheard-of/a', {}, 'the bucket has no rules'],
]

const TIMES: Readonly<Record<string, boolean>> = {
  '2026-11-18T07:00:00Z': true,
  '2026-11-18T06:59:00Z': false,
  '2026-11-18T16:59:00Z': true,
  '2026-11-18T17:00:00Z': false,
  '2026-07-15T06:00:00Z': true,
  '2026-11-21T10:00:00Z': false,
}

const opa = partIfThere('opa')

for (const isStandIn of opa === undefined ? [true] : [false, true]) {
  test(`${isStandIn ? 'what stands in for OPA' : 'OPA'} decides by the policies`, async () => {
    await using server = await openOpa({ rules: RULES, isStandIn })
    const decide = async (
      [bucket, path, claims]: readonly [string, string, object | null, ...unknown[]],
      time?: string,
    ): Promise<unknown> => {
      const input = { jwt_claims: claims, bucket, path, method: 'GET', client_ip: '::1', time }
      const { text } = await request(`${server.url}/v1/data/sluice/authz/decision`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ input }),
      })
      const { result }: { result: unknown } = JSON.parse(text)
      return result
    }
    for (const one of YES) assert.deepEqual(await decide(one), { allow: true, reason: one[3] })
    for (const one of NO) assert.deepEqual(await decide(one), { allow: false, reason: one[3] })
    for (const [time, allow] of Object.entries(TIMES)) {
      const reason = allow ? 'hours' : 'hours: is outside working hours'
      assert.deepEqual(await decide(['office', '/office/a', {}], time), { allow, reason }, time)
    }
  })
}

// Only OPA itself knows Rego. Where there is none, the runner of the tests says so.
if (opa !== undefined) {
  test('the policies pass their own tests', async () => {
    const said = await runChild(opa, ['test', POLICIES, '--fail-on-empty'])
    assert.match(said, /^PASS: (\d+)\/\1$/m)
  })

  test('the policies are strict, and laid out as OPA does it', async () => {
    await runChild(opa, ['check', '--strict', POLICIES])
    assert.equal(await runChild(opa, ['fmt', '--diff', POLICIES]), '')
  })
}
