import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { formatProblem, loadConfig, printConfig } from './config.ts'
import type { Config } from './config.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-jwt-'))
after(() => rmSync(folder, { recursive: true }))

const SECRET = 'kX3v9Qw7Lr2Zt8Yp5Nc1Hb6Mf4Gd0Js7'
const ENV = { SECRET, AGE: '18', SHORT: 'kX3v9Qw7' }

function save(name: string, key: KeyObject, type: 'spki' | 'pkcs8' = 'spki'): void {
  writeFileSync(join(folder, name), key.export({ type, format: 'pem' }))
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
save('rsa.pem', rsa.publicKey)
save('private.pem', rsa.privateKey, 'pkcs8')
save('small.pem', generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)
save('ec.pem', generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey)
save('other.pem', generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey)
writeFileSync(join(folder, 'junk.pem'), 'junk')
writeFileSync(join(folder, 'short'), 'short')

function load(jwt: string, auth = '{enabled: true}') {
  const file = join(folder, 'config.yaml')
  const bucket = `buckets: [{name: a, path_prefix: /, s3: {bucket: b}, auth: ${auth}}]`
  writeFileSync(file, `${jwt === '' ? '' : `jwt: {${jwt}}\n`}${bucket}`)
  return loadConfig(file, ENV)
}

function linesOf(jwt: string, auth?: string): readonly string[] {
  const loaded = load(jwt, auth)
  const told = loaded.kind === 'loaded' ? loaded.warnings : loaded.problems
  return told.map((problem) => formatProblem({ ...problem, file: '' }).replaceAll(`${folder}/`, ''))
}

function configOf(jwt: string, auth?: string): Config {
  const loaded = load(jwt, auth)
  if (loaded.kind === 'refused') throw new Error(linesOf(jwt, auth).join('\n'))
  return loaded.config
}

const s = `secret: ${SECRET}`
const hint = 'openssl rand -base64 48 makes one'
const noKeys = 'give secret, public_key_path, keys, jwks_url or issuer_discovery'
const kinds = 'wanted RSA from 2048 bits, P-256, P-384, P-521 or Ed25519'

const problems: readonly [jwt: string, line: string | RegExp][] = [
  ['enabled: true', `jwt: has nothing to verify a token with (${noKeys})`],
  ['secret: short', `jwt.secret: has 5 bytes; HS256 needs at least 32 (${hint})`],
  ['secret: "${SHORT}"', `jwt.secret: has 8 bytes; HS256 needs at least 32 (${hint})`],
  [
    'secret: your-secret-key-here-change-me-please',
    `jwt.secret: is a placeholder that everybody knows (${hint})`,
  ],
  [`${s}, algorithm: HS512`, `jwt.secret: has 32 bytes; HS512 needs at least 64 (${hint})`],
  [`${s}, algorithm: none`, /^jwt\.algorithm: wanted one of HS256, .*EdDSA, found "none"$/],
  [`${s}, algorithm: hs256`, /^jwt\.algorithm: wanted one of HS256/],
  [`${s}, algorithms: []`, 'jwt.algorithms: is an empty list; wanted at least one'],
  [
    `${s}, algorithm: HS256, algorithms: [HS256]`,
    'jwt.algorithms: is given twice: algorithm is the same setting',
  ],
  [
    `${s}, algorithms: [HS256, RS256]`,
    'jwt.algorithms: RS256 needs a public key, and there is none',
  ],
  [
    'public_key_path: rsa.pem, algorithm: HS256',
    'jwt.algorithm: HS256 needs secret, and there is none',
  ],
  [
    `${s}, public_key_path: rsa.pem, algorithm: RS256`,
    'jwt.secret: is of no use with RS256: it is for HS256, HS384 and HS512',
  ],
  ['public_key_path: none.pem', 'jwt.public_key_path: none.pem cannot be read (ENOENT)'],
  [
    'public_key_path: junk.pem',
    'jwt.public_key_path: junk.pem is no public key, in PEM or as a JWK',
  ],
  [
    'public_key_path: private.pem',
    'jwt.public_key_path: private.pem is a private key; Sluice only needs the public one',
  ],
  [
    'public_key_path: small.pem',
    `jwt.public_key_path: small.pem holds a key that no algorithm here is for; ${kinds}`,
  ],
  [
    'public_key_path: other.pem',
    `jwt.public_key_path: other.pem holds a key that no algorithm here is for; ${kinds}`,
  ],
  ['rsa_public_key_path: ec.pem', 'jwt.rsa_public_key_path: ec.pem is a key of another kind (ec)'],
  [
    'ecdsa_public_key_path: rsa.pem',
    'jwt.ecdsa_public_key_path: rsa.pem is a key of another kind (rsa)',
  ],
  [
    'public_key_path: ec.pem, algorithm: RS256',
    'jwt.public_key_path: ec.pem is of no use with RS256',
  ],
  [
    'keys: [{id: a, algorithm: ES256, path: rsa.pem}]',
    'jwt.keys[0].path: rsa.pem is of no use with ES256',
  ],
  [
    'keys: [{id: a, algorithm: HS256, path: rsa.pem}]',
    'jwt.keys[0].path: rsa.pem is a key in PEM, which is no secret',
  ],
  [
    'keys: [{id: a, algorithm: HS256, path: short}]',
    'jwt.keys[0].path: short has 5 bytes; HS256 needs at least 32',
  ],
  [
    'keys: [{id: a, algorithm: RS256, path: rsa.pem}, {id: a, algorithm: ES256, path: ec.pem}]',
    'jwt.keys[1].id: is the id of keys[0] too',
  ],
  [
    'keys: [{id: a, algorithm: RS256}]',
    'jwt.keys[0].path: is missing; wanted the path of a public key, in PEM or as a JWK',
  ],
  [
    'keys: [{id: a, algorithm: HS256}]',
    'jwt.keys[0].path: is missing; wanted that of a file with the secret, or a secret',
  ],
  [
    `keys: [{id: a, algorithm: HS256, path: short, secret: ${'x7Kq'.repeat(9)}}]`,
    'jwt.keys[0].secret: contradicts path; give one',
  ],
  [
    `keys: [{id: a, algorithm: RS256, secret: ${'x7Kq'.repeat(9)}}]`,
    'jwt.keys[0].secret: is of no use with RS256; that needs path',
  ],
  [
    'keys: [{id: a, algorithm: HS256, secret: x7Kqx7Kqz}]',
    'jwt.keys[0].secret: has 9 bytes; HS256 needs at least 32 (openssl rand -base64 48 makes one)',
  ],
  [
    'keys: [{algorithm: RS256, path: rsa.pem}]',
    'jwt.keys[0].id: is missing; wanted the kid of the key',
  ],
  ['jwks_url: issuer/jwks', /^jwt\.jwks_url: wanted a URL such as/],
  [
    'jwks_url: "https://user:pass@issuer.test/jwks"',
    /^jwt\.jwks_url: wanted a URL .* password, found/,
  ],
  ['jwks_ulr: https://issuer.test', /^jwt\.jwks_ulr: unknown setting \(did you mean jwks_url\?\)$/],
  [
    'issuer_discovery: true',
    'jwt.issuer_discovery: needs issuer to be one URL, whose document is read',
  ],
  [
    'issuer_discovery: true, issuer: [https://a.test, https://b.test]',
    'jwt.issuer_discovery: needs issuer to be one URL, whose document is read',
  ],
  [
    'issuer_discovery: true, issuer: https://a.test, jwks_url: https://a.test/jwks',
    'jwt.issuer_discovery: contradicts jwks_url; give one or the other',
  ],
  [
    'jwks_url: https://a.test/jwks, jwks_refresh_interval_secs: 0',
    /^jwt\.jwks_refresh_interval_secs: wanted/,
  ],
  [`${s}, issuer: []`, /^jwt\.issuer: wanted a text or a list of texts/],
  [`${s}, audience: ""`, /^jwt\.audience: wanted a text or a list of texts/],
  [`${s}, leeway: 2h`, /^jwt\.leeway: wanted a duration/],
  [`${s}, token_sources: []`, 'jwt.token_sources: is an empty list; wanted at least one'],
  [`${s}, token_sources: [{type: form}]`, /^jwt\.token_sources\[0\]\.type: wanted one of bearer/],
  [
    `${s}, token_sources: [{type: query}]`,
    'jwt.token_sources[0].name: is missing; a query has a name',
  ],
  [
    `${s}, token_sources: [{type: bearer, name: X}]`,
    'jwt.token_sources[0].name: means nothing with bearer, which is the header Authorization',
  ],
  [
    `${s}, token_sources: [{type: cookie, name: a, prefix: b}]`,
    'jwt.token_sources[0].prefix: only means something with type: header',
  ],
  [
    `${s}, token_sources: [{type: header, name: "a b"}]`,
    'jwt.token_sources[0].name: is no name of a header',
  ],
  [`${s}, claim: []`, /^jwt\.claim: unknown setting/],
  [`${s}, claims: [], claims_verification: []`, /^jwt\.claims_verification: is given twice/],
  [`${s}, claims: [{operator: exists}]`, /^jwt\.claims\[0\]\.claim: is missing/],
  [`${s}, claims: [{claim: a}]`, /^jwt\.claims\[0\]\.operator: is missing; wanted one of equals/],
  [
    `${s}, claims: [{claim: a, operator: is, value: b}]`,
    /^jwt\.claims\[0\]\.operator: wanted one of/,
  ],
  [
    `${s}, claims: [{claim: a, operator: equals}]`,
    'jwt.claims[0].value: is missing; equals compares with it',
  ],
  [
    `${s}, claims: [{claim: a, operator: equals, valeu: b}]`,
    /^jwt\.claims\[0\]\.valeu: unknown setting/,
  ],
  [
    `${s}, claims: [{claim: a, operator: in, value: b}]`,
    'jwt.claims[0].value: wanted a list: in looks for one of several',
  ],
  [
    `${s}, claims: [{claim: a, operator: gt, value: b}]`,
    'jwt.claims[0].value: wanted a number: gt measures',
  ],
  [
    `${s}, claims: [{claim: a, operator: exists, value: b}]`,
    /^jwt\.claims\[0\]\.value: wanted true or false/,
  ],
  [
    `${s}, claims: [{claim: a, operator: regex, value: "(a+)+$"}]`,
    /^jwt\.claims\[0\]\.value: it repeats a group/,
  ],
  [
    `${s}, claims: [{claim: a, operator: regex, value: "("}]`,
    /^jwt\.claims\[0\]\.value: it is not a regular/,
  ],
  [
    `${s}, claims: [{claim: a, operator: regex, value: ".*.*.*x"}]`,
    /^jwt\.claims\[0\]\.value: it could take long/,
  ],
  [`${s}, claims: [{any_of: []}]`, 'jwt.claims[0].any_of: is an empty list; wanted at least one'],
  [
    `${s}, claims: [{any_of: [{claim: a, operator: exists}], claim: b}]`,
    'jwt.claims[0].claim: contradicts any_of; give one or the other',
  ],
  [
    `${s}, claims: [{any_of: [{claim: a, operator: equals}]}]`,
    'jwt.claims[0].any_of[0].value: is missing; equals compares with it',
  ],
]

for (const [jwt, line] of problems) {
  test(`jwt: {${jwt.replace(SECRET, '…')}} is refused in plain words`, () => {
    const lines = linesOf(jwt)
    assert.ok(load(jwt).kind === 'refused', jwt)
    const isSaid = (said: string): boolean =>
      typeof line === 'string' ? said === line : line.test(said)
    assert.ok(lines.some(isSaid), lines.join('\n'))
    assert.ok(!lines.join().includes(SECRET))
  })
}

test('a bucket that asks for tokens has something to verify them by', () => {
  const said =
    'buckets[0].auth.enabled: asks for tokens, and there is no jwt section to verify them by (add jwt, to the bucket’s auth or at the top)'
  assert.deepEqual(linesOf(''), [said])
  assert.deepEqual(linesOf(`enabled: false, ${s}`), [said])
  assert.deepEqual(linesOf('', `{enabled: true, jwt: {enabled: false, ${s}}}`), [
    'buckets[0].auth.jwt.enabled: is off while auth.enabled is true; nobody could say who gets in',
  ])
  assert.deepEqual(linesOf('', `{jwt: {${s}}}`), [
    'buckets[0].auth.enabled: is missing; wanted true or false',
  ])
  assert.deepEqual(linesOf('', `{enabled: true, jwt: {public_key_path: junk.pem}}`), [
    'buckets[0].auth.jwt.public_key_path: junk.pem is no public key, in PEM or as a JWK',
  ])
})

test('a jwt section that no bucket uses is warned of', () => {
  const [line = '', ...others] = linesOf(s, '{enabled: false}')
  assert.match(line, /^jwt: protects nothing/)
  assert.deepEqual(others, [])
  assert.deepEqual(linesOf(s), [])
})

test('spellings, the environment and paths become what they mean', () => {
  const { jwt } = configOf(`secret: "\${SECRET}", leeway: 5, issuer: one, audience: [a, b],
    claims_verification: [{name: age, operator: gte, value: "\${AGE}"}],
    token_sources: [{type: header, name: X-Token, prefix: "T "}],
    algorithms: [HS256, RS256], rsa_public_key_path: rsa.pem`)
  assert.equal(jwt?.secret?.reveal(), SECRET)
  assert.deepEqual([jwt?.leewayMs, jwt?.issuers, jwt?.audiences], [5000, ['one'], ['a', 'b']])
  assert.deepEqual(jwt?.claims, [{ claim: 'age', operator: 'gte', value: 18 }])
  assert.deepEqual(jwt?.sources, [{ type: 'header', name: 'x-token', prefix: 'T ' }])
  assert.deepEqual(jwt?.publicKeys, [
    { setting: 'rsa_public_key_path', path: join(folder, 'rsa.pem') },
  ])
})

test('the keys of an issuer may be had over http, wherever it is', () => {
  const jwt = configOf('jwks_url: "http://issuer.test/jwks"').jwt
  assert.equal(jwt?.jwksUrl, 'http://issuer.test/jwks')
})

test('what is printed has no secret, and loads again to the same', () => {
  const config = configOf(
    `${s}, algorithm: HS256, claims: [{any_of: [{claim: a, operator: exists}]}, {claim: b.c, operator: in, value: [1, x]}]`,
    `{enabled: true, jwt: {jwks_url: "https://a.test/jwks", issuer: https://a.test}}`,
  )
  const printed = JSON.stringify(printConfig(config))
  assert.ok(!printed.includes(SECRET) && printed.includes('***'))
  const file = join(folder, 'again.yaml')
  writeFileSync(file, printed.replace('"***"', JSON.stringify(SECRET)))
  const again = loadConfig(file, ENV)
  assert.ok(again.kind === 'loaded', JSON.stringify(again))
  assert.deepEqual(again.config.jwt, config.jwt)
  assert.deepEqual(again.config.buckets[0]?.auth, config.buckets[0]?.auth)
})
