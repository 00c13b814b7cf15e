import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { formatAddress, parseAddress, wouldCollide } from './address.ts'

const collisions: readonly [left: string, right: string, collides: boolean][] = [
  ['127.0.0.1:1', '127.0.0.1:1', true],
  ['127.0.0.1:1', '127.0.0.1:2', false],
  ['127.0.0.1:0', '127.0.0.1:0', false],
  ['0.0.0.0:1', '127.0.0.1:1', true],
  ['10.0.0.1:1', '10.0.0.2:1', false],
  ['[::]:1', '10.0.0.2:1', true],
  ['[::]:1', '0.0.0.0:1', true],
  ['0.0.0.0:1', '[::1]:1', false],
  ['localhost:1', '127.0.0.1:1', true],
  ['localhost:1', '[::1]:1', true],
  ['localhost:1', '10.0.0.1:1', false],
]

for (const [left, right, collides] of collisions) {
  test(`${left} and ${right} ${collides ? 'collide' : 'can both be listened on'}`, () => {
    assert.equal(wouldCollide(addressOf(left), addressOf(right)), collides)
    assert.equal(wouldCollide(addressOf(right), addressOf(left)), collides)
  })
}

function addressOf(text: string) {
  const address = parseAddress(text)
  return { host: address?.host ?? '', port: address?.port ?? -1 }
}

const refused = [
  '',
  ':',
  '::x',
  '1.2.3:1',
  '[1.2.3.4]:1',
  'a b:1',
  'a:1:2',
  ':65536',
  '-a:1',
  '[::1',
]

for (const text of refused) {
  test(`${JSON.stringify(text)} is no address`, () => {
    assert.equal(parseAddress(text), undefined)
  })
}

test('a printed address reads back as the same', () => {
  const hosts = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('localhost', 'a-b.example.com'))
  fc.assert(
    fc.property(hosts, fc.integer({ min: 0, max: 65_535 }), (host, port) => {
      assert.deepEqual(parseAddress(formatAddress({ host, port })), { host, port })
    }),
    { seed: 1 },
  )
})
