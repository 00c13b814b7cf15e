import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import * as fc from 'fast-check'

import { AddressSet, parseCidr } from '../primitives/cidr.ts'
import { clientAddress } from './forwarded.ts'

const trusted = new AddressSet(
  ['10.0.0.0/8', '127.0.0.1', 'fd00::/8'].flatMap((text) => parseCidr(text) ?? []),
)
const PEER = '10.0.0.1'

interface Case {
  readonly it: string
  readonly peer?: string
  readonly xff?: string
  readonly forwarded?: string
  readonly client: string
}

const CASES: readonly Case[] = [
  { it: 'without a field is the peer', client: PEER },
  {
    it: 'is the peer when it is not trusted',
    peer: '192.0.2.9',
    xff: '1.1.1.1',
    client: '192.0.2.9',
  },
  { it: 'is what a trusted peer says', xff: '192.0.2.1', client: '192.0.2.1' },
  { it: 'is the rightmost stranger', xff: '1.1.1.1, 192.0.2.1', client: '192.0.2.1' },
  {
    it: 'is found behind hops',
    xff: '1.1.1.1, 192.0.2.1,10.0.0.3 , 10.0.0.2',
    client: '192.0.2.1',
  },
  {
    it: 'is the outermost hop when all are trusted',
    xff: '10.0.0.3, 10.0.0.2',
    client: '10.0.0.3',
  },
  { it: 'may have a port', xff: '192.0.2.1:5678', client: '192.0.2.1' },
  { it: 'may be IPv6', xff: '2001:DB8:0::1', client: '2001:db8::1' },
  { it: 'may be IPv6 in brackets', xff: '[2001:db8::1]', client: '2001:db8::1' },
  { it: 'may be IPv6 with a port', xff: '[2001:db8::1]:443', client: '2001:db8::1' },
  { it: 'is IPv4 when mapped', xff: '::ffff:192.0.2.1', client: '192.0.2.1' },
  { it: 'is trusted when mapped', xff: '192.0.2.1, ::ffff:10.0.0.9', client: '192.0.2.1' },
  { it: 'is behind a mapped peer', peer: '::ffff:10.0.0.1', xff: '192.0.2.1', client: '192.0.2.1' },
  { it: 'is a mapped peer as IPv4', peer: '::ffff:192.0.2.7', client: '192.0.2.7' },
  { it: 'is behind an IPv6 peer', peer: 'fd00::2', xff: '192.0.2.1', client: '192.0.2.1' },
  { it: 'stops at garbage', xff: '1.1.1.1, what, 10.0.0.2', client: '10.0.0.2' },
  { it: 'stops at garbage at once', xff: '1.1.1.1, what', client: PEER },
  { it: 'stops at an empty entry', xff: '1.1.1.1, , 10.0.0.2', client: '10.0.0.2' },
  { it: 'stops at an empty field', xff: '', client: PEER },
  { it: 'stops at "unknown"', xff: '1.1.1.1, unknown', client: PEER },
  { it: 'stops at a bad octet', xff: '1.1.1.1, 192.0.2.300', client: PEER },
  { it: 'stops at half a bracket', xff: '1.1.1.1, [2001:db8::1', client: PEER },
  { it: 'stops at IPv4 in brackets', xff: '1.1.1.1, [192.0.2.1]', client: PEER },
  { it: 'stops at an open port', xff: '1.1.1.1, 192.0.2.1:', client: PEER },
  { it: 'stops at quotes', xff: '"192.0.2.1"', client: PEER },
  { it: 'reads Forwarded', forwarded: 'for=192.0.2.1', client: '192.0.2.1' },
  {
    it: 'reads for among the pairs of Forwarded',
    forwarded: 'proto=http;FOR="192.0.2.1:80";by=203.0.113.43',
    client: '192.0.2.1',
  },
  {
    it: 'walks Forwarded from the right',
    forwarded: 'for=1.1.1.1, for=192.0.2.1;proto=https, for=10.0.0.2',
    client: '192.0.2.1',
  },
  { it: 'reads IPv6 of Forwarded', forwarded: 'for="[2001:db8::1]:4711"', client: '2001:db8::1' },
  { it: 'reads IPv6 without quotes', forwarded: 'for=[2001:db8::1]', client: '2001:db8::1' },
  { it: 'reads a hidden port', forwarded: 'for="192.0.2.1:_x7"', client: '192.0.2.1' },
  { it: 'reads an escaped character', forwarded: 'for="192.0.2\\.1"', client: '192.0.2.1' },
  { it: 'stops at a hidden name', forwarded: 'for=1.1.1.1, for=_hidden', client: PEER },
  { it: 'stops at an element without for', forwarded: 'for=1.1.1.1, by=10.0.0.2', client: PEER },
  { it: 'stops at an element with two', forwarded: 'for=1.1.1.1;for=192.0.2.1', client: PEER },
  { it: 'stops at what is no pair', forwarded: 'for=1.1.1.1;x', client: PEER },
  {
    it: 'is not what a quoted host says',
    forwarded: 'host="a;for=1.1.1.1";for=192.0.2.1',
    client: '192.0.2.1',
  },
  {
    it: 'does not take a quoted comma for one',
    forwarded: 'for=1.1.1.1, for=192.0.2.1;host="a, for=2.2.2.2, \\"b"',
    client: '192.0.2.1',
  },
  {
    it: 'is not hidden by an open quote',
    forwarded: 'for="1.1.1.1, for="[2001:db8::1]"',
    client: '2001:db8::1',
  },
  {
    it: 'goes by X-Forwarded-For where there are both',
    xff: '192.0.2.1',
    forwarded: 'for=1.1.1.1',
    client: '192.0.2.1',
  },
]

for (const { it, peer = PEER, xff, forwarded, client } of CASES) {
  test(`the client ${it}`, () => {
    const headers = {
      ...(xff === undefined ? {} : { 'x-forwarded-for': xff }),
      ...(forwarded === undefined ? {} : { forwarded }),
    }
    assert.equal(clientAddress(peer, headers, trusted), client)
  })
}

test('several lines are one', () => {
  const lines = { 'x-forwarded-for': ['1.1.1.1, 192.0.2.1', '10.0.0.2'] }
  assert.equal(clientAddress(PEER, lines, trusted), '192.0.2.1')
})

test('with nobody trusted the fields are not read', () => {
  const fields = { 'x-forwarded-for': '192.0.2.1', forwarded: 'for=192.0.2.1' }
  assert.equal(clientAddress('::ffff:10.0.0.1', fields, undefined), '10.0.0.1')
})

describe('whatever a client has written before', () => {
  const piece = fc.constantFrom(...'" \\ , ; for= 1.1.1.1 [ ] x = 10.0.0.2'.split(' '), ' ')
  const junk = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''))
  const runs = { seed: 20_261_121, numRuns: 3000 }

  test('X-Forwarded-For as proxies go on with it says the client', () => {
    fc.assert(
      fc.property(junk, (text) => {
        const headers = { 'x-forwarded-for': `${text}, 192.0.2.1, 10.0.0.2` }
        assert.equal(clientAddress(PEER, headers, trusted), '192.0.2.1')
      }),
      runs,
    )
  })

  test('Forwarded as proxies go on with it says the client', () => {
    fc.assert(
      fc.property(junk, (text) => {
        const own = 'for="[2001:db8::1]:80";host="a, b", for=10.0.0.2'
        const headers = { forwarded: `${text}, ${own}` }
        assert.equal(clientAddress(PEER, headers, trusted), '2001:db8::1')
      }),
      runs,
    )
  })
})
