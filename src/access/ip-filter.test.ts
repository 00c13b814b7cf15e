import assert from 'node:assert/strict'
import { test } from 'node:test'

import { parseCidr } from '../primitives/cidr.ts'
import { Refusal } from '../exchange/refusal.ts'
import { IpFilter } from './ip-filter.ts'

const cidrs = (...texts: string[]) => texts.flatMap((text) => parseCidr(text) ?? [])

interface Lists {
  readonly allow?: string
  readonly block?: string
}

const both: Lists = { allow: '10.0.0.0/8', block: '10.6.0.0/16' }
const CASES: readonly (readonly [lists: Lists, address: string, outcome: string])[] = [
  [{ block: '192.0.2.0/24' }, '192.0.2.7', 'the address is on the blocklist'],
  [{ block: '192.0.2.0/24' }, '192.0.3.7', 'not blocked'],
  [{ block: '192.0.2.0/24' }, '2001:db8::1', 'not blocked'],
  [{ block: '192.0.2.0/24' }, '', 'the address is not known'],
  [{ allow: '192.0.2.0/24' }, '192.0.2.7', 'allowed'],
  [{ allow: '192.0.2.0/24' }, '192.0.3.7', 'the address is not on the allowlist'],
  [{ allow: '0.0.0.0/0' }, '2001:db8::1', 'the address is not on the allowlist'],
  [{ allow: '0.0.0.0/0' }, '', 'the address is not on the allowlist'],
  [both, '10.1.1.1', 'allowed'],
  [both, '10.6.1.1', 'the address is on the blocklist'],
]

for (const [{ allow, block }, address, outcome] of CASES) {
  test(`allow ${allow ?? '-'}, block ${block ?? '-'}: "${address}" is ${outcome}`, () => {
    const allowlist = allow === undefined ? [] : cidrs(allow)
    const blocklist = block === undefined ? [] : cidrs(block)
    assert.equal(admit(new IpFilter({ allowlist, blocklist }), address), outcome)
  })
}

function admit(filter: IpFilter, address: string): unknown {
  try {
    return filter.admit(address)
  } catch (error) {
    assert.ok(error instanceof Refusal)
    assert.equal(error.code, 'address_denied')
    return error.cause
  }
}
