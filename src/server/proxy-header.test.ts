import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import fc from 'fast-check'

import { readProxyHeader } from './proxy-header.ts'
import type { ProxyHeader } from './proxy-header.ts'

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

function binary(command: number, family: number, body: Buffer, length = body.byteLength): Buffer {
  const fixed = Buffer.from([command, family, length >> 8, length & 0xff])
  return Buffer.concat([SIGNATURE, fixed, body])
}

const IPV4 = Buffer.from('c00002070a000001d4310050', 'hex')
const IPV6 = Buffer.from(
  '20010db800000000000000000000000720010db8000000000000000000000001d4310050',
  'hex',
)
const TLV = Buffer.from('040003aabbcc', 'hex')

function outcome(bytes: Buffer | string): string {
  const read = readProxyHeader(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  return read.kind === 'header' ? `${read.bytes} ${read.address ?? 'nobody'}` : read.kind
}

const LINES: readonly (readonly [line: string, outcome: string])[] = [
  ['PROXY TCP4 192.0.2.7 10.0.0.1 54321 80\r\n', '40 192.0.2.7'],
  ['PROXY TCP6 2001:DB8:0::7 2001:db8::1 54321 80\r\n', '47 2001:db8::7'],
  ['PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n', '37 192.0.2.7'],
  ['PROXY UNKNOWN\r\n', '15 nobody'],
  ['PROXY UNKNOWN ffff:f::1 ffff:f::2 65535 65535\r\n', '47 nobody'],
  ['PROXY TCP4 192.0.2.7 10.0.0.1 0 65535\r\nGET / HTTP/1.1\r\n', '39 192.0.2.7'],
  ['P', 'partial'],
  ['PROXY TCP4 192.0.2.7 10.0.0.1 54321 80\r', 'partial'],
  ['GET / HTTP/1.1\r\n\r\n', 'malformed'],
  ['PROXX', 'malformed'],
  ['proxy TCP4 192.0.2.7 10.0.0.1 54321 80\r\n', 'malformed'],
  ['PROXY TCP4 192.0.2.7 10.0.0.1 54321 80\n\r\n', 'malformed'],
  ['PROXY TCP4 192.0.2.7 10.0.0.1 54321\r\n', 'malformed'],
  ['PROXY TCP4 192.0.2.7 10.0.0.1 54321 80 90\r\n', 'malformed'],
  ['PROXY TCP4  192.0.2.7 10.0.0.1 54321 80\r\n', 'malformed'],
  ['PROXY TCP4 192.0.2.7 10.0.0.1 54321 65536\r\n', 'malformed'],
  ['PROXY TCP4 192.0.2.7 10.0.0.1 -1 80\r\n', 'malformed'],
  ['PROXY TCP4 192.0.2.7 10.0.0.1 01 80\r\n', 'malformed'],
  ['PROXY TCP4 192.0.2.07 10.0.0.1 1 80\r\n', 'malformed'],
  ['PROXY TCP4 192.0.2.256 10.0.0.1 1 80\r\n', 'malformed'],
  ['PROXY TCP4 2001:db8::7 2001:db8::1 1 80\r\n', 'malformed'],
  ['PROXY TCP6 192.0.2.7 10.0.0.1 1 80\r\n', 'malformed'],
  ['PROXY TCP6 fe80::1%eth0 ::1 1 80\r\n', 'malformed'],
  ['PROXY TCP4 192.0.2.7 nobody 1 80\r\n', 'malformed'],
  ['PROXY UDP4 192.0.2.7 10.0.0.1 1 80\r\n', 'malformed'],
  ['PROXY \r\n', 'malformed'],
  [`PROXY UNKNOWN ${'x'.repeat(91)}\r\n`, '107 nobody'],
  [`PROXY UNKNOWN ${'x'.repeat(92)}\r\n`, 'malformed'],
  [`PROXY TCP4 ${'1'.repeat(200)}`, 'malformed'],
]
describe('version 1', () => {
  for (const [line, expected] of LINES) {
    test(`${JSON.stringify(line.slice(0, 60))} is ${expected}`, () => {
      assert.equal(outcome(line), expected)
    })
  }
})

const BINARIES: readonly (readonly [name: string, bytes: Buffer, outcome: string])[] = [
  ['IPv4', binary(0x21, 0x11, IPV4), '28 192.0.2.7'],
  ['IPv6', binary(0x21, 0x21, IPV6), '52 2001:db8::7'],
  ['IPv4 with more behind it', binary(0x21, 0x11, Buffer.concat([IPV4, TLV])), '34 192.0.2.7'],
  ['the load balancer itself', binary(0x20, 0x11, IPV4), '28 nobody'],
  ['the load balancer without an address', binary(0x20, 0x00, Buffer.alloc(0)), '16 nobody'],
  ['no family', binary(0x21, 0x00, TLV), '22 nobody'],
  ['a UNIX socket', binary(0x21, 0x31, Buffer.alloc(216)), '232 nobody'],
  ['the longest that is read', binary(0x21, 0x11, Buffer.alloc(4080)), '4096 0.0.0.0'],
  ['a longer one', binary(0x21, 0x11, Buffer.alloc(0), 4081), 'malformed'],
  ['the longest there can be', binary(0x21, 0x11, Buffer.alloc(0), 65_535), 'malformed'],
  ['version 1 in binary', binary(0x11, 0x11, IPV4), 'malformed'],
  ['an unknown command', binary(0x22, 0x11, IPV4), 'malformed'],
  ['datagrams', binary(0x21, 0x12, IPV4), 'malformed'],
  ['an unknown family', binary(0x21, 0x41, IPV4), 'malformed'],
  ['too short for IPv4', binary(0x21, 0x11, IPV4.subarray(1)), 'malformed'],
  ['too short for IPv6', binary(0x21, 0x21, IPV4), 'malformed'],
  ['the signature with a byte changed', Buffer.from('\r\n\r\n\0\r\nQUIT\r'), 'malformed'],
]
describe('version 2', () => {
  for (const [name, bytes, expected] of BINARIES) {
    test(`${name} is ${expected}`, () => assert.equal(outcome(bytes), expected))
  }
})

test('a header that comes byte by byte is partial until it is whole', () => {
  const all = [
    Buffer.from('PROXY TCP4 192.0.2.7 10.0.0.1 54321 80\r\n'),
    binary(0x21, 0x21, Buffer.concat([IPV6, TLV])),
  ]
  for (const bytes of all) {
    for (let length = 1; length < bytes.byteLength; length += 1) {
      assert.equal(outcome(bytes.subarray(0, length)), 'partial', `${length}`)
    }
  }
})

test('whatever comes is read within its bounds, and the same when more comes behind it', () => {
  const start = fc.constantFrom('', 'PROXY ', 'PROXY TCP4 ', SIGNATURE.toString('latin1'))
  const bytes = fc
    .tuple(start, fc.uint8Array({ minLength: 1, maxLength: 300 }))
    .map(([head, tail]) => Buffer.concat([Buffer.from(head, 'latin1'), tail]))
  const property = fc.property(bytes, (come) => {
    const read: ProxyHeader = readProxyHeader(come)
    if (read.kind === 'header') {
      assert.ok(read.bytes <= come.byteLength)
      assert.deepEqual(readProxyHeader(Buffer.concat([come, TLV])), read)
    } else if (read.kind === 'partial') assert.ok(come.byteLength < 4096)
    else assert.equal(readProxyHeader(Buffer.concat([come, TLV])).kind, 'malformed')
  })
  fc.assert(property, { seed: 20_260, numRuns: 3000 })
})
