// Tokens as an attacker, a careless client or a broken issuer would send them, and the code that each
// gets. None is an error of ours, and none comes back in anything that is said.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import { encode, hmac, inSeconds, keyPair, pem, SECRET, signer, token } from '../support/tokens.ts'

const LEEWAY = 60
const rsa = keyPair('rsa')
const forger = keyPair('rsa')
const curve = keyPair('P-256')
const folder = mkdtempSync(join(tmpdir(), 'jwt-tokens-'))
let front: Front

before(async () => {
  const path = join(folder, 'rsa.pem')
  writeFileSync(path, pem(rsa))
  const jwt = {
    algorithms: ['HS256', 'RS256'],
    secret: SECRET,
    keys: [{ id: 'known', algorithm: 'RS256', path }],
    leeway: `${LEEWAY}s`,
    claims: [{ claim: 'role', operator: 'equals', value: 'reader' }],
  }
  front = await openFront(
    { jwt, server: { limits: { max_header_size: '64KB' } } },
    { buckets: (at) => [bucketAt(at, { name: 'private', auth: { enabled: true } })] },
  )
  front.put('a', 'body')
})
after(async () => {
  await front[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const OK = '200'
const MISSING = '401 token_missing'
const INVALID = '401 token_invalid'
const EXPIRED = '401 token_expired'
const DENIED = '403 claims_denied'

const claims = { sub: 'ann', role: 'reader' }
const good = token({ claims })
const [head = '', body = '', signature = ''] = good.split('.')
const rs = (more: object = {}, pair = rsa): string =>
  token({ head: { alg: 'RS256', ...more }, claims, sign: signer('RS256', pair) })
const hs = (more: object): string => token({ head: { alg: 'HS256', ...more }, claims })
const saying = (more: object): string => token({ claims: { ...claims, ...more } })
const unsigned = (alg: unknown): string => `${encode({ alg })}.${body}.`
const jwkOf = (pair: typeof rsa): object => ({ ...pair.publicKey.export({ format: 'jwk' }) })

/** Of the last of 43 characters of base64 two bits stand for nothing. */
function otherwiseSpelt(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return text.slice(0, -1) + alphabet[alphabet.indexOf(text.at(-1) ?? '') ^ 1]
}

const cases: Readonly<Record<string, readonly [sent: () => string, code: string]>> = {
  // Good ones
  'a good one': [() => good, OK],
  'one by RSA, with its kid': [() => rs({ kid: 'known' }), OK],
  'one by RSA, without a kid': [() => rs(), OK],
  'one of another type': [() => hs({ typ: 'at+jwt' }), OK],
  'one by the secret, with any kid': [() => hs({ kid: 'whatever' }), OK],
  'one without a subject': [() => token({ claims: { role: 'reader' } }), OK],
  // No algorithm, or another's
  'alg none': [() => unsigned('none'), INVALID],
  'alg None': [() => unsigned('None'), INVALID],
  'alg nOnE with a signature': [() => `${unsigned('nOnE')}${signature}`, INVALID],
  'alg empty': [() => `${unsigned('')}${signature}`, INVALID],
  'alg none, signed by the secret': [() => token({ head: { alg: 'none' }, claims }), INVALID],
  'no alg': [() => token({ head: {}, claims }), INVALID],
  'alg a list': [() => token({ head: { alg: ['HS256'] }, claims }), INVALID],
  'alg a number': [() => token({ head: { alg: 256 }, claims }), INVALID],
  'alg hs256 in small letters': [() => token({ head: { alg: 'hs256' }, claims }), INVALID],
  'HS512 by the secret for HS256': [
    () => token({ head: { alg: 'HS512' }, claims, sign: hmac(SECRET, 512) }),
    INVALID,
  ],
  'HS256 by the public key as a secret': [
    () => token({ head: { alg: 'HS256' }, claims, sign: hmac(pem(rsa)) }),
    INVALID,
  ],
  'HS256 by the public key in DER': [
    () => {
      const der = rsa.publicKey.export({ type: 'spki', format: 'der' })
      return token({ head: { alg: 'HS256', kid: 'known' }, claims, sign: hmac(der) })
    },
    INVALID,
  ],
  'RS256 said of an HMAC': [() => token({ head: { alg: 'RS256' }, claims }), INVALID],
  'RS512 by the key for RS256': [
    () => token({ head: { alg: 'RS512' }, claims, sign: signer('RS512', rsa) }),
    INVALID,
  ],
  'PS256 by the key for RS256': [
    () => token({ head: { alg: 'PS256' }, claims, sign: signer('PS256', rsa) }),
    INVALID,
  ],
  'ES256 where there is no such key': [
    () => token({ head: { alg: 'ES256' }, claims, sign: signer('ES256', curve) }),
    INVALID,
  ],
  'ES256 with a signature of zeros': [
    () => token({ head: { alg: 'ES256' }, claims, sign: () => Buffer.alloc(64) }),
    INVALID,
  ],
  'an encryption algorithm': [
    () => token({ head: { alg: 'dir', enc: 'A256GCM' }, claims }),
    INVALID,
  ],
  // Another's key
  'another secret': [() => token({ claims, sign: hmac(`${SECRET}x`) }), INVALID],
  'an empty secret': [() => token({ claims, sign: hmac('') }), INVALID],
  'another RSA key': [() => rs({}, forger), INVALID],
  'another RSA key, with the known kid': [() => rs({ kid: 'known' }, forger), INVALID],
  'the known key by another kid': [() => rs({ kid: 'other' }), INVALID],
  'its own key in the head (jwk)': [() => rs({ jwk: jwkOf(forger) }, forger), INVALID],
  'its own key by URL (jku)': [() => rs({ jku: 'http://127.0.0.1:1/jwks' }, forger), INVALID],
  'its own certificate (x5u)': [() => rs({ x5u: 'http://127.0.0.1:1/x' }, forger), INVALID],
  'its own certificate (x5c)': [() => rs({ x5c: ['MIIB'] }, forger), INVALID],
  // A kid that would be more than a name
  'kid a path': [() => rs({ kid: '../../../../dev/null' }), INVALID],
  'kid SQL': [() => rs({ kid: "x' UNION SELECT 'key" }), INVALID],
  'kid a command': [() => rs({ kid: 'known;id' }), INVALID],
  'kid __proto__': [() => rs({ kid: '__proto__' }), INVALID],
  'kid a number': [() => rs({ kid: 1 }), INVALID],
  'kid an object': [() => rs({ kid: { toString: 'known' } }), INVALID],
  'kid null': [() => hs({ kid: null }), INVALID],
  crit: [() => hs({ crit: ['exp'], exp: 1 }), INVALID],
  'crit, empty': [() => hs({ crit: [] }), INVALID],
  'b64 false': [() => hs({ b64: false, crit: ['b64'] }), INVALID],
  // Time
  'expired long ago': [() => saying({ exp: 1 }), EXPIRED],
  'expired, within the leeway': [() => saying({ exp: inSeconds(-LEEWAY + 20) }), OK],
  'expired, at the end of the leeway': [() => saying({ exp: inSeconds(-LEEWAY) }), EXPIRED],
  'good for a while': [() => saying({ exp: inSeconds(100) }), OK],
  'good for ever and a day': [() => saying({ exp: 1e15 }), OK],
  'exp a fraction': [() => saying({ exp: inSeconds(100) + 0.5 }), OK],
  'exp a text': [() => saying({ exp: String(inSeconds(100)) }), INVALID],
  'exp zero': [() => saying({ exp: 0 }), EXPIRED],
  'exp negative': [() => saying({ exp: -1 }), EXPIRED],
  'exp beyond numbers': [() => token({ claims: '{"role":"reader","exp":1e999}' }), INVALID],
  'exp null': [() => saying({ exp: null }), INVALID],
  'nbf null': [() => saying({ nbf: null }), INVALID],
  'exp true': [() => saying({ exp: true }), INVALID],
  'not good yet': [() => saying({ nbf: inSeconds(LEEWAY + 60) }), INVALID],
  'not good yet, within the leeway': [() => saying({ nbf: inSeconds(LEEWAY - 20) }), OK],
  'nbf a text': [() => saying({ nbf: 'soon' }), INVALID],
  'iat a list': [() => saying({ iat: [1] }), INVALID],
  // Claims
  'too little a role': [() => saying({ role: 'guest' }), DENIED],
  'a role in a list': [() => saying({ role: ['reader'] }), DENIED],
  'no role': [() => token({ claims: { sub: 'ann' } }), DENIED],
  'a role by way of the prototype': [
    () => token({ claims: '{"sub":"ann","__proto__":{"role":"reader"}}' }),
    DENIED,
  ],
  'expired, and with too little a role': [() => saying({ role: 'guest', exp: 1 }), EXPIRED],
  // Malformed
  'an empty one': [() => '', MISSING],
  'a word': [() => 'abc', INVALID],
  'two words': [() => `${good} ${good}`, INVALID],
  'two parts': [() => `${head}.${body}`, INVALID],
  'four parts': [() => `${good}.${signature}`, INVALID],
  'five parts, as if encrypted': [() => `${good}.a.b`, INVALID],
  dots: [() => '..', INVALID],
  'no signature': [() => `${head}.${body}.`, INVALID],
  'a signature cut short': [() => good.slice(0, -4), INVALID],
  'a signature with more': [() => `${good}AAAA`, INVALID],
  'a signature in another spelling': [() => otherwiseSpelt(good), INVALID],
  'another body': [() => `${head}.${encode({ ...claims, sub: 'eve' })}.${signature}`, INVALID],
  'base64 with padding': [() => `${good}=`, INVALID],
  'base64 with + and /': [() => `${head}.${body}.+/${signature.slice(2)}`, INVALID],
  'a head that is no JSON': [() => token({ head: 'no json', claims }), INVALID],
  'a head that is a list': [() => token({ head: ['HS256'], claims }), INVALID],
  'a head that is null': [() => token({ head: 'null', claims }), INVALID],
  'a head that is no UTF-8': [
    () => `${Buffer.from([0x7b, 0xff]).toString('base64url')}.${body}.x`,
    INVALID,
  ],
  'a body that is no JSON': [() => token({ claims: 'no json' }), INVALID],
  'a body that is a list': [() => token({ claims: [claims] }), INVALID],
  'a body that is a text': [() => token({ claims: '"reader"' }), INVALID],
  'a body that is null': [() => token({ claims: 'null' }), INVALID],
  'a body of deep lists': [
    () => token({ claims: `{"role":"reader","x":${'['.repeat(4000)}${']'.repeat(4000)}}` }),
    OK,
  ],
  'one of 20000 characters': [() => saying({ pad: 'x'.repeat(15_000) }), INVALID],
  'a word of 40000 characters': [() => 'x'.repeat(40_000), INVALID],
}

for (const [name, [sent, code]] of Object.entries(cases)) {
  test(`${name}: ${code}`, async () => {
    const headers = { authorization: `Bearer ${sent()}` }
    const answer = await request(`${front.url}/private/a`, { headers })
    const { error }: { error?: string } = answer.status === 200 ? {} : JSON.parse(answer.text)
    assert.equal(error === undefined ? String(answer.status) : `${answer.status} ${error}`, code)
    assert.equal(typeof answer.headers['www-authenticate'] === 'string', code !== OK)
    // Once more: what is remembered decides alike.
    assert.equal((await request(`${front.url}/private/a`, { headers })).status, answer.status)
  })
}

test('none of them, and no key, is in anything that was written', async () => {
  const marker = 'the-last-request-of-all'
  await request(`${front.url}/private/${marker}`)
  await front.sluice.logLine(({ key }) => key === marker)
  const written = front.sluice.stdout() + front.sluice.stderr() + JSON.stringify(front.s3.requests)
  for (const word of [good, signature, body, SECRET, encode({ alg: 'none' })]) {
    assert.ok(!written.includes(word), word)
  }
  assert.ok(front.sluice.logLines().every(({ event }) => event !== 'bug'))
})
