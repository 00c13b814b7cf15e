import assert from 'node:assert/strict'
import { test } from 'node:test'

import { AddressSet, formatCidr, parseAddress, parseCidr, ipv6NetworkOf } from './cidr.ts'

const ADDRESSES: readonly (readonly [written: string, canonical: string | undefined])[] = [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:c000:201', '192.0.2.1'],
  ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['::', '::'],
  ['192.0.2.1%eth0', undefined],
  ['192.0.2', undefined],
  ['192.0.2.01', undefined],
  ['192.0.2.256', undefined],
  ['0x7f.1', undefined],
  ['2130706433', undefined],
  [' 192.0.2.1', undefined],
  ['[::1]', undefined],
  ['1::2::3', undefined],
  ['localhost', undefined],
  ['', undefined],
]
for (const [written, canonical] of ADDRESSES) {
  test(`${JSON.stringify(written)} is ${canonical ?? 'no address'}`, () => {
    assert.equal(parseAddress(written), canonical)
  })
}

const NETWORKS: readonly (readonly [written: string, read: string | undefined])[] = [
  ['10.0.0.0/8', '10.0.0.0/8'],
  ['10.0.0.1', '10.0.0.1'],
  ['10.0.0.1/32', '10.0.0.1'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['2001:DB8::/32', '2001:db8::/32'],
  ['::1', '::1'],
  ['::/0', '::/0'],
  ['::ffff:10.0.0.0/104', '10.0.0.0/8'],
  ['::ffff:10.0.0.0/8', undefined],
  ['10.0.0.0/33', undefined],
  ['2001:db8::/129', undefined],
  ['10.0.0.0/', undefined],
  ['10.0.0.0/08', undefined],
  ['10.0.0.0/-1', undefined],
  ['10.0.0.0/8/8', undefined],
  ['10.0.0.0/255.0.0.0', undefined],
  ['10.0.0/8', undefined],
  ['fe80::%eth0/10', undefined],
  ['example.com', undefined],
]
for (const [written, read] of NETWORKS) {
  test(`${JSON.stringify(written)} is ${read ?? 'no network'}`, () => {
    const network = parseCidr(written)
    assert.equal(network && formatCidr(network), read)
  })
}

function setOf(...networks: string[]): AddressSet {
  return new AddressSet(networks.flatMap((text) => parseCidr(text) ?? []))
}

test('a set has the addresses of its networks, in both families, to the bit', () => {
  const set = setOf('10.0.0.0/8', '192.0.2.128/25', '192.0.2.7', '2001:db8::/33')
  for (const address of ['10.255.0.1', '192.0.2.128', '192.0.2.7', '2001:db8:7fff::1']) {
    assert.equal(set.has(address), true, address)
  }
  for (const address of ['11.0.0.0', '192.0.2.127', '192.0.2.8', '2001:db8:8000::', '', 'x']) {
    assert.equal(set.has(address), false, address)
  }
})

test('every network of one family holds nothing of the other', () => {
  assert.equal(setOf('::/0').has('192.0.2.1'), false)
  assert.equal(setOf('::/0').has('2001:db8::1'), true)
  assert.equal(setOf('0.0.0.0/0').has('::1'), false)
  assert.equal(setOf('0.0.0.0/0').has('192.0.2.1'), true)
})

test('a set says the same of an address however often, and after ten thousand others', () => {
  const set = setOf('10.0.0.0/9')
  const ask = (): boolean[] => [set.has('10.1.1.1'), set.has('10.128.1.1')]
  assert.deepEqual([ask(), ask()].flat(), [true, false, true, false])
  for (let index = 0; index < 10_000; index++) set.has(`11.0.${index >> 8}.${index & 255}`)
  assert.deepEqual(ask(), [true, false])
})

const LIES_IN: readonly (readonly [address: string, prefix: number, network: string])[] = [
  ['192.0.2.1', 64, '192.0.2.1'],
  ['unknown', 64, 'unknown'],
  ['2001:db8:1:2:3:4:5:6', 64, '2001:db8:1:2/64'],
  ['2001:db8::1', 64, '2001:db8:0:0/64'],
  ['2001:db8:1:2::', 64, '2001:db8:1:2/64'],
  ['::1', 64, '0:0:0:0/64'],
  ['2001:db8:1:2ff::1', 56, '2001:db8:1:200/56'],
  ['2001:db8::1', 128, '2001:db8:0:0:0:0:0:1/128'],
]
for (const [address, prefix, network] of LIES_IN) {
  test(`${address} lies in ${network}, by ${prefix} bits`, () => {
    assert.equal(ipv6NetworkOf(address, prefix), network)
  })
}
