import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { mock, test } from 'node:test'

import * as fc from 'fast-check'

import { Refusal } from '../exchange/refusal.ts'
import { Secret } from '../primitives/secret.ts'
import { SignedUrls } from './signed-urls.ts'
import type { SignedRequest } from './signed-urls.ts'
import { covers, isScope, signatureOf, signingKey } from './url-signature.ts'
import type { Permission } from './url-signature.ts'

const SECRET = 'Vq7mZ2xW9eR4tY1uB8oP3aS6dF5gH0jKc2N'
const KEY = signingKey(SECRET)
const EXPIRES = 1_800_000_000
const PERMISSION: Permission = {
  method: 'GET',
  path: '/films/é 1*.mp4',
  scope: undefined,
  expires: String(EXPIRES),
  network: undefined,
  keyId: 'k1',
  id: undefined,
  versionId: undefined,
}

function signed(permission: Permission): SignedRequest {
  const { keyId, expires } = permission
  const signature = signatureOf(permission, KEY)
  const query = `sl-key=${keyId}&sl-expires=${expires}&sl-sig=${signature}`
  const { path, method } = permission
  const request = { method, path, query, host: undefined, headers: {}, hasBody: false }
  return { request, address: '192.0.2.1' }
}

test('what is signed is eight lines', () => {
  const sign = (lines: readonly string[]): string =>
    createHmac('sha256', SECRET).update(lines.join('\n')).digest('base64url')
  assert.equal(
    signatureOf(PERMISSION, KEY),
    sign(['sluice1', 'GET', '/films/%C3%A9%201%2A.mp4', '1800000000', '', 'k1', '', '']),
  )
  const all = { scope: '/é/*', network: '10.0.0.0/8', id: 'x', versionId: 'v/1 ' }
  assert.equal(
    signatureOf({ ...PERMISSION, ...all }, KEY),
    sign(['sluice1', 'GET', '/%C3%A9/*', '1800000000', '10.0.0.0/8', 'k1', 'x', 'v/1%20']),
  )
})

test('a signature is good until the second it names, and not in it', () => {
  const urls = new SignedUrls({
    enabled: true,
    keys: [{ id: 'k1', secret: new Secret(SECRET) }],
    allowNetworks: false,
    revoked: [],
  })
  mock.timers.enable({ apis: ['Date'], now: EXPIRES * 1000 - 1 })
  try {
    assert.equal(urls.admit(signed(PERMISSION)), true)
    mock.timers.setTime(EXPIRES * 1000)
    const isExpired = (error: unknown): boolean =>
      error instanceof Refusal && error.code === 'signature_expired'
    assert.throws(() => urls.admit(signed(PERMISSION)), isExpired)
  } finally {
    mock.timers.reset()
  }
})

test('no two permissions have one signature', () => {
  const word = fc.string({ unit: fc.constantFrom('a', '/', '\n', '*', '%', 'é'), maxLength: 4 })
  const permission = fc.record({
    method: fc.constantFrom('GET', 'HEAD'),
    path: word.map((text) => `/${text}`),
    scope: fc.option(
      word.map((text) => `/${text}/*`),
      { nil: undefined },
    ),
    expires: fc.constantFrom('1', '12'),
    network: fc.constantFrom(undefined, '10.0.0.1', '10.0.0.0/8'),
    keyId: fc.constantFrom('k', 'kk'),
    id: fc.constantFrom(undefined, 'k', 'i'),
    versionId: fc.option(
      word.filter((text) => text !== ''),
      { nil: undefined },
    ),
  })
  const differ = fc.property(permission, permission, (one, other) => {
    const isSame = signatureOf(one, KEY) === signatureOf(other, KEY)
    // Of a permission with a scope the path is of no account.
    const told = ({ path, ...rest }: Permission): string =>
      JSON.stringify({ ...rest, path: rest.scope === undefined ? path : '' })
    assert.equal(isSame, told(one) === told(other))
  })
  fc.assert(differ, { numRuns: 2000, seed: 11 })
})

test('a scope is whole segments, and covers what lies below', () => {
  const good = ['/*', '/a/*', '/a/b/*', '/é ü/*']
  const bad = ['', '*', '/', '/a', '/a/', '/a*', 'a/*', '/*/*', '/a*/b/*', '/**', '/a/*b']
  for (const scope of good) assert.ok(isScope(scope), scope)
  for (const scope of bad) assert.ok(!isScope(scope), scope)
  assert.deepEqual(
    ['/a/', '/a/b', '/a/b/c', '/a//b', '/a', '/ab', '/A/b', '/'].map((path) =>
      covers('/a/*', path),
    ),
    [true, true, true, true, false, false, false, false],
  )
})
