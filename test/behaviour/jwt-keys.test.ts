// Every algorithm with a key of its kind, from a file, through the real port.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import { bearer, hmac, keyPair, pem, SECRET, signer, token } from '../support/tokens.ts'
import type { TokenParts } from '../support/tokens.ts'

const LONG_SECRET = `${SECRET}${SECRET.toUpperCase()}${SECRET.toLowerCase()}`
const pairs = {
  rsa: keyPair('rsa'),
  p256: keyPair('P-256'),
  p384: keyPair('P-384'),
  ed: keyPair('ed25519'),
}
type PairName = keyof typeof pairs
const folder = mkdtempSync(join(tmpdir(), 'jwt-keys-'))
let front: Front

function pathOf(name: PairName | 'jwk' | 'hmac'): string {
  return join(folder, name)
}

const buckets: Readonly<Record<string, object>> = {
  'all-rsa': {
    algorithms: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
    rsa_public_key_path: pathOf('rsa'),
  },
  'all-hmac': { algorithms: ['HS256', 'HS384', 'HS512'], secret: LONG_SECRET },
  'one-hmac': { algorithm: 'HS512', secret: LONG_SECRET },
  'usual-rsa': { public_key_path: pathOf('rsa') },
  es256: { ecdsa_public_key_path: pathOf('p256') },
  es384: { algorithm: 'ES384', public_key_path: pathOf('p384') },
  ed: { public_key_path: pathOf('ed') },
  jwk: { public_key_path: pathOf('jwk') },
  named: {
    keys: [
      { id: 'r', algorithm: 'PS256', path: pathOf('rsa') },
      { id: 'e', algorithm: 'ES256', path: pathOf('p256') },
      { id: 'h', algorithm: 'HS256', path: pathOf('hmac') },
    ],
  },
  written: { keys: [{ id: 'w', algorithm: 'HS256', secret: LONG_SECRET }] },
  both: {
    algorithms: ['HS256', 'RS256'],
    secret: LONG_SECRET,
    public_key_path: pathOf('rsa'),
  },
}

before(async () => {
  for (const name of ['rsa', 'p256', 'p384', 'ed'] as const)
    writeFileSync(pathOf(name), pem(pairs[name]))
  writeFileSync(pathOf('jwk'), JSON.stringify(pairs.p256.publicKey.export({ format: 'jwk' })))
  writeFileSync(pathOf('hmac'), `${LONG_SECRET}\n`)
  front = await openFront(
    {},
    {
      buckets: (endpoint) =>
        Object.entries(buckets).map(([name, jwt]) =>
          bucketAt(endpoint, { name, auth: { enabled: true, jwt } }),
        ),
    },
  )
  front.put('a', 'body')
})
after(async () => {
  await front[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

function by(algorithm: string, pair: PairName | 'secret', kid?: string): TokenParts {
  const sign =
    pair === 'secret'
      ? hmac(LONG_SECRET, Number(algorithm.slice(2)))
      : signer(algorithm, pairs[pair])
  return { head: { alg: algorithm, ...(kid === undefined ? {} : { kid }) }, sign }
}

const cases: readonly [bucket: string, parts: TokenParts, isLetIn: boolean][] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map(
    (name): [string, TokenParts, boolean] => ['all-rsa', by(name, 'rsa'), true],
  ),
  ...['HS256', 'HS384', 'HS512'].map((name): [string, TokenParts, boolean] => [
    'all-hmac',
    by(name, 'secret'),
    true,
  ]),
  ['one-hmac', by('HS512', 'secret'), true],
  ['one-hmac', by('HS256', 'secret'), false],
  ['usual-rsa', by('RS256', 'rsa'), true],
  ['usual-rsa', by('RS512', 'rsa'), false],
  ['usual-rsa', by('PS256', 'rsa'), false],
  ['es256', by('ES256', 'p256'), true],
  ['es256', { head: { alg: 'ES384' }, sign: signer('ES384', pairs.p256) }, false],
  ['es384', by('ES384', 'p384'), true],
  ['ed', by('EdDSA', 'ed'), true],
  ['jwk', by('ES256', 'p256'), true],
  ['named', by('PS256', 'rsa', 'r'), true],
  ['named', by('ES256', 'p256', 'e'), true],
  ['named', by('HS256', 'secret', 'h'), true],
  ['named', by('ES256', 'p256'), true],
  ['named', by('ES256', 'p256', 'r'), false],
  ['named', by('ES256', 'p256', 'unknown'), false],
  ['named', by('RS256', 'rsa', 'r'), false],
  ['written', by('HS256', 'secret', 'w'), true],
  ['written', by('HS256', 'secret', 'x'), false],
  ['written', by('HS512', 'secret', 'w'), false],
  ['both', by('HS256', 'secret'), true],
  ['both', by('RS256', 'rsa'), true],
  ['both', { head: { alg: 'HS256' }, sign: hmac(pem(pairs.rsa)) }, false],
  ['both', { head: { alg: 'HS256' }, sign: hmac(pem(pairs.rsa).trim()) }, false],
]

for (const [bucket, parts, isLetIn] of cases) {
  test(`${bucket}: ${JSON.stringify(parts.head)} is ${isLetIn ? 'let in' : 'refused'}`, async () => {
    const headers = bearer(token(parts))
    const { status } = await request(`${front.url}/${bucket}/a`, { headers })
    assert.equal(status, isLetIn ? 200 : 401)
  })
}
