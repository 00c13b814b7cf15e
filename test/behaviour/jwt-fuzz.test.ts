// Tokens that nobody would make: good ones with something turned, swapped, put in or left out, brought in
// every place where one may stand. None but a good one is let in, to the byte, and none is an error of ours.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import * as fc from 'fast-check'

import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { rawExchange, request } from '../support/http.ts'
import { encode, hmac, inSeconds, keyPair, pem, SECRET, signer, token } from '../support/tokens.ts'

const SEED = 4
const rsa = keyPair('rsa')
const forger = keyPair('rsa')
const curve = keyPair('P-256')
const folder = mkdtempSync(join(tmpdir(), 'jwt-fuzz-'))
const agent = new http.Agent({ keepAlive: true })
let front: Front

before(async () => {
  for (const [name, pair] of Object.entries({ rsa, curve })) {
    writeFileSync(join(folder, `${name}.pem`), pem(pair))
  }
  const jwt = {
    algorithms: ['HS256', 'RS256', 'ES256'],
    secret: SECRET,
    keys: [
      { id: 'known', algorithm: 'RS256', path: join(folder, 'rsa.pem') },
      { id: 'curve', algorithm: 'ES256', path: join(folder, 'curve.pem') },
    ],
    issuer: 'https://issuer.test',
    audience: 'sluice',
    claims: [
      { claim: 'role', operator: 'equals', value: 'reader' },
      { claim: 'org.plan', operator: 'in', value: ['paid', 'trial'] },
    ],
    token_sources: [
      { type: 'bearer' },
      { type: 'header', name: 'X-Auth-Token', prefix: 'Token ' },
      { type: 'query', name: 'token' },
      { type: 'cookie', name: 'session' },
    ],
  }
  const limits = { max_header_size: '64KB', max_uri_length: 60_000 }
  front = await openFront(
    { jwt, server: { limits } },
    { buckets: (at) => [bucketAt(at, { name: 'private', auth: { enabled: true } })] },
  )
  front.put('a', 'body')
})
after(async () => {
  agent.destroy()
  await front[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

type Sign = (input: string) => Buffer

interface Head {
  readonly alg: string
  readonly kid?: string
}

const CLAIMS = {
  sub: 'ann',
  iss: 'https://issuer.test',
  aud: 'sluice',
  exp: inSeconds(3600),
  role: 'reader',
  org: { plan: 'paid' },
}
const SIGNERS: readonly (readonly [head: Head, sign: Sign])[] = [
  [{ alg: 'HS256' }, hmac()],
  [{ alg: 'RS256', kid: 'known' }, signer('RS256', rsa)],
  [{ alg: 'ES256', kid: 'curve' }, signer('ES256', curve)],
]
const GOOD = SIGNERS.map(([head, sign]) => token({ head, claims: CLAIMS, sign }))
const isGood = (text: string): boolean => GOOD.includes(text)

/** In which a token may stand; what HTTP has no place for there is not sent there. */
const SOURCES: Readonly<Record<string, (text: string) => Sent>> = {
  bearer: (text) => ({ headers: { authorization: `Bearer ${text}` } }),
  header: (text) => ({ headers: { 'x-auth-token': `Token ${text}` } }),
  query: (text) => ({ query: `?token=${encodeURIComponent(text)}` }),
  cookie: (text) => ({ headers: { cookie: `a=b; session=${text}` } }),
}

interface Sent {
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
}

async function answerTo({ query = '', headers = {} }: Sent): Promise<string> {
  const options = { headers, agent }
  const answer = await request(`${front.url}/private/a${query}`, options)
  if (answer.status === 200) return '200'
  const { error }: { error: string } = JSON.parse(answer.text)
  return `${answer.status} ${error}`
}

const REFUSED = ['401 token_invalid', '401 token_expired', '401 token_missing', '403 claims_denied']

async function isHandled(source: string, text: string, isLetIn: boolean): Promise<void> {
  const code = await answerTo(SOURCES[source]?.(text) ?? {})
  const said = `${source} ${JSON.stringify(text).slice(0, 3000)}: ${code}`
  if (isLetIn) assert.equal(code, '200', said)
  else assert.ok(REFUSED.includes(code), said)
}

const source = fc.constantFrom(...Object.keys(SOURCES))
const good = fc.constantFrom(...GOOD)
/** Sent as they are in a header; what ends one or stands for nothing there is left out. */
const printable = fc.string({ unit: 'binary-ascii' }).map((text) => text.replace(/[^ -~]/g, ''))

function partsOf(text: string): [head: string, body: string, signature: string] {
  const [head = '', body = '', signature = ''] = text.split('.')
  return [head, body, signature]
}

const replaceAt = (text: string, at: number, by: string): string =>
  text.slice(0, at) + by + text.slice(at + 1)

/** Good tokens with something done to their text. */
const damaged: fc.Arbitrary<string> = fc.oneof(
  // A character is another, is gone, or is there twice.
  fc
    .tuple(good, fc.nat(), fc.constantFrom(...'Aa0_-.=+/ %~"'.split('')))
    .map(([text, at, by]) => replaceAt(text, at % text.length, by)),
  fc.tuple(good, fc.nat()).map(([text, at]) => replaceAt(text, at % text.length, '')),
  fc.tuple(good, fc.nat()).map(([text, at]) => text.slice(0, at % text.length)),
  // A bit of what it stands for is turned.
  fc.tuple(good, fc.nat(2), fc.nat(), fc.nat(7)).map(([text, part, at, bit]) => {
    const parts = partsOf(text)
    const bytes = Buffer.from(parts[part] ?? '', 'base64url')
    const where = at % bytes.length
    bytes[where] = (bytes[where] ?? 0) ^ (1 << bit)
    parts[part] = bytes.toString('base64url')
    return parts.join('.')
  }),
  // The last character of base64 has bits that stand for nothing: they are not another spelling.
  good.map((text) => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    return replaceAt(text, text.length - 1, alphabet[alphabet.indexOf(text.at(-1) ?? '') ^ 1] ?? '')
  }),
  // Parts of others, in another order, empty, more, or fewer.
  fc
    .tuple(fc.array(fc.tuple(good, fc.nat(2)), { maxLength: 6 }), fc.boolean())
    .map(([picked, isSpaced]) =>
      picked.map(([text, part]) => partsOf(text)[part] ?? '').join(isSpaced ? ' . ' : '.'),
    ),
  fc.tuple(good, fc.nat(2)).map(([text, part]) => {
    const parts = partsOf(text)
    parts[part] = ''
    return parts.join('.')
  }),
  fc.tuple(good, printable).map(([text, more]) => text + more),
  fc.tuple(printable, good).map(([more, text]) => more + text),
  fc.constantFrom('.', '..', '...', 'null', 'undefined', '{}', '%00', 'Bearer', 'e30.e30.e30'),
  printable,
)

test('a good token with anything done to it is none', async () => {
  await fc.assert(
    fc.asyncProperty(source, damaged, async (where, text) => {
      // White space around a value is no part of it in HTTP; a cookie ends at a semicolon.
      const read = where === 'query' ? text : text.trim()
      await isHandled(
        where,
        text,
        isGood(where === 'cookie' ? (read.split(';')[0] ?? '').trim() : read),
      )
    }),
    { seed: SEED, numRuns: 500 },
  )
})

const NUMBERS = ['1e308', '-1e308', '1e999', '-1e999', '-1', '0', '-0', '9007199254740993', '0.1']
const LITERALS = [
  ...NUMBERS,
  'null',
  'true',
  'false',
  '""',
  '"reader"',
  '"1e308"',
  '"NaN"',
  '"Infinity"',
  '[]',
  '["sluice"]',
  '["reader"]',
  '{}',
  '{"plan":"paid"}',
  '[[[]]]',
  '{"toString":1}',
  '"\\u0000"',
  '"\\ud800"',
  '"\u202ereader"',
  '{"__proto__":{"role":"reader"}}',
  `"${'9'.repeat(400)}"`,
  '9'.repeat(400),
]
const literal = fc.oneof(
  fc.constantFrom(...LITERALS),
  fc.json({ maxDepth: 3 }),
  // Deeper than any reader of JSON should follow by itself.
  fc.constantFrom(1000, 5000).map((deep) => '['.repeat(deep) + ']'.repeat(deep)),
)

interface Member {
  readonly name: string
  readonly value: string
}

/** An object with these members at its end, or before all others: of two of a name the last one counts. */
function written(object: object, members: readonly Member[], isFirst: boolean): string {
  const own = JSON.stringify(object).slice(1, -1)
  const more = members.map(({ name, value }) => `${JSON.stringify(name)}:${value}`)
  return `{${(isFirst ? [...more, own] : [own, ...more]).join(',')}}`
}

const HEAD_NAMES = ['alg', 'typ', 'cty', 'kid', 'crit', 'b64', 'zip', 'enc', 'jku', 'x5u', 'jwk']
const headMember: fc.Arbitrary<Member> = fc.oneof(
  fc.record({
    name: fc.constantFrom(...HEAD_NAMES, 'x5c', 'x5t', '__proto__', 'constructor', 'ALG', 'Alg'),
    value: literal,
  }),
  fc
    .constantFrom(
      'none',
      'None',
      'NONE',
      'nOnE',
      'hs256',
      'HS384',
      'HS512',
      'RS256',
      'rs256',
      'PS256',

      'ES256',
      'ES256K',
      'EdDSA',
      'HS256 ',
      ' HS256',
      'HS256\u0000',
      'ＨＳ256',
      'dir',
      'A128KW',
    )
    .map((alg) => ({ name: 'alg', value: JSON.stringify(alg) })),
  fc
    .constantFrom(
      '../../../../dev/null',
      '/dev/null',
      "' OR 1=1 --",
      "x' UNION SELECT 'k",
      'a\u0000b',

      'known\u0000',
      'known ',
      'KNOWN',
      '__proto__',
      'constructor',
      '$(id)',
      '',
      'x'.repeat(9000),
      'https://127.0.0.1:1/jwks',
      '0',
      '\ud800',
      'ｋnown',
      'curve',
    )
    .map((kid) => ({ name: 'kid', value: JSON.stringify(kid) })),
  fc.constantFrom(
    { name: 'jwk', value: JSON.stringify(forger.publicKey.export({ format: 'jwk' })) },
    { name: 'jku', value: '"http://127.0.0.1:1/jwks"' },
    { name: 'x5u', value: '"file:///etc/passwd"' },
    { name: 'x5c', value: '["MIIB"]' },
    { name: 'crit', value: '["b64"]' },
    { name: 'b64', value: 'false' },
  ),
)

/** Signed by whoever is no issuer of ours: the forger, a public key as a secret, nobody. */
const STRANGERS: readonly Sign[] = [
  hmac(pem(rsa)),
  hmac(rsa.publicKey.export({ type: 'spki', format: 'der' })),
  hmac(''),
  hmac(`${SECRET}\n`),
  signer('RS256', forger),
  signer('PS256', forger),
  signer('ES256', keyPair('P-256')),
  () => Buffer.alloc(0),
  () => Buffer.alloc(64),
  () => Buffer.alloc(256, 1),
]

test('no head makes a stranger’s signature one of ours', async () => {
  const stranger = fc.constantFrom(...STRANGERS)
  const heads = fc.constantFrom(...SIGNERS.map(([head]) => head))
  const members = fc.array(headMember, { maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(source, stranger, heads, members, fc.boolean()),
      async ([where, sign, own, more, isFirst]) => {
        const head = written(own, more, isFirst)
        await isHandled(where, token({ head, claims: CLAIMS, sign }), false)
      },
    ),
    { seed: SEED, numRuns: 300 },
  )
})

test('no head of an issuer, however odd, is an error of ours', async () => {
  const signers = fc.constantFrom(...SIGNERS)
  const members = fc.array(headMember, { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(source, signers, members, fc.boolean()),
      async ([where, [own, sign], more, isFirst]) => {
        const head = written(own, more, isFirst)
        const code = await answerTo(SOURCES[where]?.(token({ head, claims: CLAIMS, sign })) ?? {})
        const read: Record<string, unknown> = JSON.parse(head)
        const isOdd =
          'crit' in read || 'b64' in read || !SIGNERS.some(([{ alg }]) => alg === read['alg'])
        const said = `${where} ${head.slice(0, 2000)}: ${code}`
        assert.ok(code === '200' ? !isOdd : REFUSED.includes(code), said)
      },
    ),
    { seed: SEED, numRuns: 300 },
  )
})

/** What decides, in the same words as the documentation, of what JSON.parse gives. */
function mayPass(claims: Readonly<Record<string, unknown>>): boolean {
  const { iss, aud, exp, nbf, iat, role, org } = claims
  const isTime = (value: unknown): boolean => value === undefined || Number.isFinite(value)
  if (![exp, nbf, iat].every(isTime)) return false
  if (iss !== CLAIMS.iss || role !== 'reader') return false
  if (aud !== 'sluice' && !(Array.isArray(aud) && aud.includes('sluice'))) return false
  const plan: unknown =
    typeof org === 'object' && org !== null ? Reflect.get(org, 'plan') : undefined
  const isPast = typeof exp === 'number' && exp < inSeconds(-120)
  const isEarly = typeof nbf === 'number' && nbf > inSeconds(120)
  return !isPast && !isEarly && (plan === 'paid' || plan === 'trial' || 'org.plan' in claims)
}

test('claims of an issuer that are of another kind than wanted let nobody in', async () => {
  const names = ['aud', 'exp', 'nbf', 'iat', 'iss', 'sub', 'role', 'org', 'org.plan', 'jti']
  const member = fc.record({ name: fc.constantFrom(...names, '__proto__'), value: literal })
  const members = fc.array(member, { minLength: 1, maxLength: 3 })
  let letIn = 0
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(source, fc.constantFrom(...SIGNERS), members, fc.boolean()),
      async ([where, [head, sign], more, isFirst]) => {
        const claims = written(CLAIMS, more, isFirst)
        const code = await answerTo(SOURCES[where]?.(token({ head, claims, sign })) ?? {})
        const said = `${where} ${claims.slice(0, 2000)}: ${code}`
        assert.ok(code === '200' || REFUSED.includes(code), said)
        if (code === '200') assert.ok(mayPass(JSON.parse(claims)), said)
        letIn += code === '200' ? 1 : 0
      },
    ),
    { seed: SEED, numRuns: 400 },
  )
  // It would be no test of what is let in if nothing was.
  assert.ok(letIn > 20, String(letIn))
})

test('claims that are no object, or no text, are none', async () => {
  const [head, sign] = SIGNERS[0] ?? [{ alg: 'HS256' }, hmac()]
  const bodies = ['[]', 'null', '"reader"', '1', 'true', '', ' ', '{', '{"role":"reader"', 'NaN']
  const bytes = [Buffer.from([0xff, 0xfe]), Buffer.from([0x7b, 0x22, 0xc3, 0x22, 0x3a, 0x31, 0x7d])]
  const texts = [...bodies.map(encode), ...bytes.map((one) => one.toString('base64url'))]
  for (const [index, body] of texts.entries()) {
    const input = `${encode(head)}.${body}`
    const text = `${input}.${sign(input).toString('base64url')}`
    for (const where of Object.keys(SOURCES)) await isHandled(where, text, false)
    assert.equal(
      await answerTo(SOURCES['bearer']?.(text) ?? {}),
      '401 token_invalid',
      String(index),
    )
  }
})

test('a token of a mebibyte is refused in every place, without an error of ours', async () => {
  const huge = token({ claims: { ...CLAIMS, pad: 'x'.repeat(1024 * 1024) } })
  const heads = [
    `GET /private/a HTTP/1.1\r\nAuthorization: Bearer ${huge}\r\n`,
    `GET /private/a HTTP/1.1\r\nX-Auth-Token: Token ${huge}\r\n`,
    `GET /private/a HTTP/1.1\r\nCookie: session=${huge}\r\n`,
    `GET /private/a?token=${huge} HTTP/1.1\r\n`,
  ]
  for (const head of heads) {
    const bytes = `${head}Host: x\r\nConnection: close\r\n\r\n`
    const { text } = await rawExchange(front.port, bytes)
    // It may be closed before all of it was sent, and the answer lost on the way.
    assert.match(text, /^$|^HTTP\/1\.1 (?:414|431) /)
  }
})

test('bytes that are no text in a token are refused', async () => {
  const [head, body, signature] = partsOf(GOOD[0] ?? '')
  for (const odd of ['\0', '\x7f', '\xff', '\xc3\xa9', '\t', '\x01', '\r', '\n', '\v']) {
    for (const text of [`${head}.${odd}${body}.${signature}`, `${GOOD[0]}${odd}x`, odd]) {
      for (const name of ['Authorization: Bearer', 'X-Auth-Token: Token', 'Cookie: session=']) {
        const field = `${name}${name.endsWith('=') ? '' : ' '}${text}`
        const bytes = `GET /private/a HTTP/1.1\r\nHost: x\r\n${field}\r\nConnection: close\r\n\r\n`
        const answer = await rawExchange(front.port, bytes)
        assert.match(answer.text, /^HTTP\/1\.1 40[01] /, JSON.stringify(field))
      }
    }
  }
})

test('after all of them it is the same process, which knows of no bug and takes good tokens', async () => {
  for (const text of GOOD) {
    for (const where of Object.keys(SOURCES)) await isHandled(where, text, true)
  }
  const lines = front.sluice.logLines()
  assert.ok(lines.length > 1000, String(lines.length))
  assert.deepEqual(
    lines.filter(({ event, status }) => event === 'bug' || Number(status) >= 500),
    [],
  )
  assert.equal(front.sluice.stderr(), '')
})
