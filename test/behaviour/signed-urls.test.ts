// A bucket that takes signed addresses, through the real port: what is let in, what is refused, with what.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import * as fc from 'fast-check'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { explainAt, stepOf } from '../support/explained.ts'
import { bucketAt, openFront } from '../support/front.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { fieldsOf, OTHER_SIGNING_SECRET, queryOf, signed } from '../support/signed.ts'
import { SIGNING_SECRET } from '../support/signed.ts'
import type { SignedParts } from '../support/signed.ts'
import { bearer, hmac, inSeconds, SECRET, token } from '../support/tokens.ts'
import { until } from '../support/until.ts'

let front: CachedFront

const KEYS = [
  { id: 'k1', secret: SIGNING_SECRET },
  { id: 'k2', secret: OTHER_SIGNING_SECRET },
]
const SIGNED = { enabled: true, keys: KEYS, revoked: ['gone'] }

before(async () => {
  front = await openCachedFront(
    { jwt: { secret: SECRET } },
    {
      buckets: (at) => [
        bucketAt(at, { name: 'signed', signed_urls: SIGNED }),
        bucketAt(at, { name: 'nets', signed_urls: { ...SIGNED, allow_networks: true } }),
        bucketAt(at, { name: 'both', signed_urls: SIGNED, auth: { enabled: true } }),
        bucketAt(at, { name: 'off', signed_urls: { ...SIGNED, enabled: false } }),
        bucketAt(at, { name: 'new', signed_urls: { enabled: true, keys: KEYS.slice(1) } }),
        bucketAt(at, { name: 'site', signed_urls: SIGNED, index_document: 'index.html' }),
      ],
    },
  )
  for (const key of ['a', 'b', 'dir/a', 'dir/deep/b', 'a b+c*é', 'dirx', 'docs/index.html']) {
    front.put(key, `body of ${key}`)
  }
})
after(() => front[Symbol.asyncDispose]())

type Headers = Readonly<Record<string, string>>

function get(path: string, headers: Headers = {}, method = 'GET'): Promise<Answer> {
  return request(front.url + path, { headers, method })
}

async function codeOf(path: string, headers?: Headers): Promise<string> {
  const answer = await get(path, headers)
  if (answer.status === 200) return '200'
  const body: { error: string } = JSON.parse(answer.text)
  return `${answer.status} ${body.error}`
}

const INVALID = '403 signature_invalid'
const EXPIRED = '403 signature_expired'
const PATH = '/signed/dir/a'
const PARTS: SignedParts = { path: PATH }

/** The fields of a good signature, some of them otherwise; undefined leaves one out. */
function altered(fields: Readonly<Record<string, string | undefined>>, parts = PARTS): string {
  const good = fieldsOf(parts).map(([name, value]) => [name, name in fields ? fields[name] : value])
  const pieces = good.flatMap(([name = '', value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  )
  return `${PATH}?${pieces.join('&')}`
}

function good(parts: Partial<SignedParts> = {}): string {
  return signed({ ...PARTS, ...parts })
}

const sig = (parts = PARTS): string => fieldsOf(parts).at(-1)?.[1] ?? ''

const CASES: readonly (readonly [what: string, address: () => string, code: string])[] = [
  ['no signature', () => PATH, INVALID],
  ['a good one', () => good(), '200'],
  ['another key that is known', () => good({ key: 'k2', secret: OTHER_SIGNING_SECRET }), '200'],
  ['other parameters besides', () => `${good()}&width=200&X-Amz-Signature=abc`, '200'],
  ['other parameters in front', () => good().replace('?', '?a=b&c&'), '200'],
  [
    'the parameters in another order',
    () => `${PATH}?${queryOf(fieldsOf(PARTS).toReversed())}`,
    '200',
  ],
  ['an escaped name', () => good().replace('sl-key', 's%6C-key'), '200'],
  ['the path in another spelling', () => good().replace('/dir/', '/%64ir%2F'), '200'],
  ['an id', () => good({ id: 'link-7' }), '200'],
  ['an id that is revoked', () => good({ id: 'gone' }), INVALID],
  ['an id that is none', () => good({ id: 'a b' }), INVALID],
  ['an empty id', () => `${good()}&sl-id=`, INVALID],
  ['an id that is taken away', () => good({ id: 'gone' }).replace('sl-id=gone&', ''), INVALID],
  ['an id that is put there', () => `${good()}&sl-id=other`, INVALID],
  ['a key that is not known', () => good({ key: 'k3' }), INVALID],
  ['the secret of another key', () => good({ secret: OTHER_SIGNING_SECRET }), INVALID],
  ['a key named __proto__', () => good({ key: '__proto__' }), INVALID],
  ['an empty key', () => good({ key: '' }), INVALID],
  ['another path', () => good({ path: '/signed/dir/b' }).replace('dir/b', 'dir/a'), INVALID],
  ['another bucket’s path', () => good({ path: '/nets/dir/a' }).replace('nets', 'signed'), INVALID],
  ['a path of another case', () => good({ path: '/signed/DIR/a' }).replace('DIR', 'dir'), INVALID],
  ['the path escaped twice', () => good({ path: '/signed/dir%2Fa' }), '404 not_found'],
  ['a signature for HEAD alone', () => good({ method: 'HEAD' }), INVALID],
  ['a signature for another method', () => good({ method: 'PUT' }), INVALID],
  ['a later expiry than signed', () => altered({ 'sl-expires': String(inSeconds(9999)) }), INVALID],
  ['expired', () => good({ expires: inSeconds(-1) }), EXPIRED],
  ['expired long ago', () => good({ expires: 1 }), EXPIRED],
  ['expired and forged', () => altered({ 'sl-expires': '1' }), INVALID],
  ['expired and revoked', () => good({ expires: 1, id: 'gone' }), INVALID],
  ['no expiry', () => altered({ 'sl-expires': undefined }), INVALID],
  ['an empty expiry', () => good({ expires: '' }), INVALID],
  ['an expiry of zero', () => good({ expires: '0' }), INVALID],
  ['an expiry with a zero in front', () => good({ expires: `0${inSeconds(60)}` }), INVALID],
  ['an expiry with a sign', () => good({ expires: `+${inSeconds(60)}` }), INVALID],
  ['an expiry in milliseconds', () => good({ expires: inSeconds(60) * 1000 }), INVALID],
  ['an expiry that is no number', () => good({ expires: 'never' }), INVALID],
  ['an expiry in exponents', () => good({ expires: '9e99' }), INVALID],
  ['no signature among the parameters', () => altered({ 'sl-sig': undefined }), INVALID],
  ['an empty signature', () => altered({ 'sl-sig': '' }), INVALID],
  ['a signature cut short', () => altered({ 'sl-sig': sig().slice(0, -1) }), INVALID],
  ['a signature with padding', () => altered({ 'sl-sig': `${sig()}=` }), INVALID],
  [
    'a signature in hexadecimal',
    () => altered({ 'sl-sig': Buffer.from(sig(), 'base64url').toString('hex') }),
    INVALID,
  ],
  ['a signature of other characters', () => altered({ 'sl-sig': 'é'.repeat(43) }), INVALID],
  ['no key among the parameters', () => altered({ 'sl-key': undefined }), INVALID],
  ['a parameter twice', () => `${good()}&sl-key=k1`, INVALID],
  ['the signature twice', () => `${good()}&sl-sig=${sig()}`, INVALID],
  ['a parameter twice, escaped', () => `${good()}&sl%2Dkey=k1`, INVALID],
  ['an unknown parameter', () => `${good()}&sl-host=cdn.test`, INVALID],
  ['an unknown parameter alone', () => `${PATH}?sl-`, INVALID],
  ['all below the directory', () => good({ scope: '/signed/dir/*' }), '200'],
  ['all below the bucket', () => good({ scope: '/signed/*' }), '200'],
  ['all there is', () => good({ scope: '/*' }), '200'],
  ['all below another directory', () => good({ scope: '/signed/other/*' }), INVALID],
  ['all below a part of a name', () => good({ scope: '/signed/di*' }), INVALID],
  ['all below a name that begins so', () => good({ scope: '/signed/di/*' }), INVALID],
  ['a scope without an asterisk', () => good({ scope: PATH }), INVALID],
  ['a scope with two asterisks', () => good({ scope: '/signed/*/*' }), INVALID],
  ['a scope without a slash', () => good({ scope: '*' }), INVALID],
  ['an empty scope', () => `${good()}&sl-path=`, INVALID],
  ['a scope with dots', () => good({ scope: '/signed/x/../dir/*' }), INVALID],
  [
    'a wider scope than signed',
    () => good({ scope: '/signed/dir/*' }).replace('dir%2F*', '*').replace('%2Fdir', ''),
    INVALID,
  ],
  ['a network, where none is taken', () => good({ network: '127.0.0.0/8' }), INVALID],
  ['a version that is not signed', () => `${good()}&versionId=v1`, INVALID],
  ['a version that is signed', () => good({ versionId: 'v1' }), '200'],
]

describe('a signed address', () => {
  for (const [what, address, code] of CASES) {
    test(`with ${what} gets ${code}`, async () => assert.equal(await codeOf(address()), code))
  }
})

test('a signature for all below a path is good for nothing else', async () => {
  const query = queryOf(fieldsOf({ path: '', scope: '/signed/dir/*' }))
  assert.equal(await codeOf(`/signed/dir/a?${query}`), '200')
  assert.equal(await codeOf(`/signed/dir/deep/b?${query}`), '200')
  for (const path of ['/signed/dirx', '/signed/dir', '/signed/a', '/signed/DIR/a', '/both/dir/a']) {
    assert.equal(await codeOf(`${path}?${query}`), INVALID, path)
  }
})

test('odd characters are signed as they are, however the address spells them', async () => {
  const address = signed({ path: '/signed/a b+c*é' })
  assert.equal(await codeOf(address), '200')
  assert.equal(await codeOf(address.replace('%2B', '+').replace('%2A', '*')), '200')
  assert.equal(await codeOf(address.replace('%C3%A9', '%c3%a9')), '200')
})

test('HEAD is allowed by a signature for GET, and by one of its own', async () => {
  for (const method of ['GET', 'HEAD']) {
    assert.equal((await get(good({ method }), {}, 'HEAD')).status, 200)
  }
  assert.equal((await get(good({ method: 'PUT' }), {}, 'HEAD')).status, 403)
})

test('a network is held where it is taken', async () => {
  const path = '/nets/a'
  const codeFor = (network: string): Promise<string> => codeOf(signed({ path, network }))
  for (const network of ['127.0.0.1', '127.0.0.0/8', '0.0.0.0/0', '::ffff:127.0.0.0/104']) {
    assert.equal(await codeFor(network), '200', network)
  }
  for (const network of ['10.0.0.0/8', '127.0.0.2', '::/0', '', 'localhost', '127.0.0.0/33']) {
    assert.equal(await codeFor(network), INVALID, network)
  }
  const address = signed({ path, network: '127.0.0.1' })
  assert.equal(await codeOf(address.replace('sl-ip=127.0.0.1&', '')), INVALID)
  assert.equal(await codeOf(signed({ path, network: '10.0.0.0/8', expires: 1 })), INVALID)
  assert.equal(await codeOf(signed({ path })), '200')
})

test('a key that is taken away takes with it what it has signed', async () => {
  const path = '/new/a'
  assert.equal(await codeOf(signed({ path })), INVALID)
  assert.equal(await codeOf(signed({ path, key: 'k2', secret: OTHER_SIGNING_SECRET })), '200')
})

test('where signatures are off, they mean nothing', async () => {
  assert.equal(await codeOf('/off/a'), '200')
  assert.equal(await codeOf('/off/a?sl-key=k1&sl-what'), '200')
})

test('a refusal is not to be kept, and asks for no token', async () => {
  for (const address of [PATH, good({ expires: 1 })]) {
    const answer = await get(address)
    assert.equal(answer.headers['cache-control'], 'no-store')
    assert.equal(answer.headers['www-authenticate'], undefined)
  }
})

describe('a cookie', () => {
  const cookie = (parts: Partial<SignedParts> = {}): Headers => ({
    cookie: `a=b; sluice-signature=${queryOf(fieldsOf({ ...PARTS, ...parts }))}; c=d`,
  })
  const CODES: readonly (readonly [
    what: string,
    address: string,
    headers: Headers,
    code: string,
  ])[] = [
    ['for the path', PATH, cookie(), '200'],
    ['for all below', PATH, cookie({ scope: '/signed/*' }), '200'],
    ['for another path', '/signed/a', cookie(), INVALID],
    ['that has expired', PATH, cookie({ expires: 1 }), EXPIRED],
    ['that is forged', PATH, cookie({ secret: OTHER_SIGNING_SECRET }), INVALID],
    [
      'with something else in it',
      PATH,
      { cookie: `${cookie()['cookie']?.slice(5, -5)}&a=b` },
      INVALID,
    ],
    ['that is empty', PATH, { cookie: 'sluice-signature=' }, INVALID],
    ['of another name', PATH, { cookie: 'signature=sl-key=k1' }, INVALID],
    ['beside a bad query', `${PATH}?sl-key=k1`, cookie(), INVALID],
    ['where a version is asked for', `${PATH}?versionId=v1`, cookie(), INVALID],
  ]
  for (const [what, address, headers, code] of CODES) {
    test(`${what} gets ${code}`, async () => assert.equal(await codeOf(address, headers), code))
  }

  test('is passed over where the query has a good signature', async () => {
    assert.equal(await codeOf(good(), cookie({ expires: 1 })), '200')
  })
})

test('with auth, a good signature stands in for a token and a bad one is refused beside a good token', async () => {
  const path = '/both/a'
  const holder = bearer(token())
  const forger = bearer(token({ sign: hmac('x') }))
  assert.equal(await codeOf(path), '401 token_missing')
  assert.equal(await codeOf(path, holder), '200')
  assert.equal(await codeOf(path, forger), '401 token_invalid')
  assert.equal(await codeOf(signed({ path })), '200')
  assert.equal(await codeOf(signed({ path }), forger), '200')
  assert.equal(await codeOf(signed({ path, expires: 1 }), holder), EXPIRED)
  assert.equal(await codeOf(`${path}?sl-key=k1`, holder), INVALID)
  assert.equal(await codeOf(path, { ...holder, cookie: 'sluice-signature=sl-key=k1' }), INVALID)
})

test('an object that a signature has brought into the cache is had by no one without', async () => {
  const path = '/signed/b'
  assert.equal((await get(signed({ path }))).headers['x-cache'], 'MISS')
  const again = await until(
    'a hit by another signature',
    () => get(signed({ path, id: 'other' })),
    ({ headers }) => headers['x-cache'] === 'HIT',
  )
  assert.equal(again.text, 'body of b')
  assert.equal(await codeOf(path), INVALID)
  assert.equal(await codeOf(path, bearer(token())), INVALID)
  assert.equal(await codeOf(signed({ path, expires: inSeconds(-1) })), EXPIRED)
})

test('credentials beside a signature keep nothing out of the cache', async () => {
  front.put('beside', 'body')
  const path = '/signed/beside'
  const headers = { authorization: 'Basic YTpi' }
  await until(
    'a hit',
    () => get(signed({ path }), headers),
    (answer) => answer.headers['x-cache'] === 'HIT',
  )
  assert.equal(await codeOf(path, headers), INVALID)
})

test('every thread knows the keys', async () => {
  const server = { threads: 2 }
  await using threads = await openFront(
    { server },
    { buckets: (at) => [bucketAt(at, { name: 'signed', signed_urls: SIGNED })] },
  )
  threads.put('a', 'body')
  const address = signed({ path: '/signed/a' })
  for (let turn = 0; turn < 12; turn += 1) {
    assert.equal((await request(threads.url + address)).status, 200)
    assert.equal((await request(`${threads.url}${address}x`)).status, 403)
  }
})

test('a redirect to the slash goes on with what is good there, and with nothing else', async () => {
  const to = async (address: string, headers?: Headers): Promise<string> =>
    String((await get(address, headers)).headers.location)
  const exact = await to(signed({ path: '/site/docs' }).replace('?', '?lang=de&'))
  assert.equal(exact, '/site/docs/?lang=de')
  assert.equal(await to(signed({ path: '/site/docs' })), '/site/docs/')
  const wide = await to(signed({ path: '/site/docs', scope: '/site/*' }))
  assert.match(wide, /^\/site\/docs\/\?sl-key=/)
  assert.equal(await codeOf(wide), '200')
})

test('an operator is told of the decision, and nothing of the signature', async () => {
  const decided = async (path: string): Promise<string> => {
    const explained = await explainAt(front, { path })
    assert.doesNotMatch(JSON.stringify(explained), /sl-(key|sig|expires|path|id)=/)
    assert.ok(!JSON.stringify(explained).includes(sig({ path: path.replace(/\?.*/, '') })))
    const { outcome, code } = stepOf(explained, 'signature')
    return `${outcome} ${String(code)}`
  }
  assert.equal(await decided(good()), 'admitted undefined')
  assert.equal(await decided(PATH), 'refused signature_invalid')
  assert.equal(await decided(good({ expires: 1 })), 'refused signature_expired')
  assert.equal(await decided('/both/a'), 'none undefined')
  assert.equal(
    await decided(signed({ path: '/site/docs', scope: '/site/*' })),
    'admitted undefined',
  )
  const open = await explainAt(front, { path: '/files/a' })
  assert.ok(open.steps.every(({ step }) => step !== 'signature'))
})

test('any query and any cookie is an answer and never a bug', async () => {
  const piece = fc.tuple(
    fc.constantFrom('sl-key', 'sl-expires', 'sl-path', 'sl-ip', 'sl-id', 'sl-sig', 'sl%2d', 'x'),
    fc.constantFrom(
      '=',
      '',
      '==',
      '=%',
      '=%zz',
      '=%ff',
      '=k1',
      '=/*',
      '=%00',
      '=%0a',
      `=${inSeconds(60)}`,
    ),
    fc.string({ unit: fc.constantFrom('a', '%', '2', 'F', '*', '/', '.', '=', '+', 'é', ';') }),
  )
  const query = fc
    .array(piece, { maxLength: 8 })
    .map((all) => all.map((one) => one.join('')).join('&'))
  const wild = fc.asyncProperty(query, fc.boolean(), async (text, isCookie) => {
    const latin1 = Buffer.from(text).toString('latin1')
    const { status } = isCookie
      ? await get('/nets/a', { cookie: `sluice-signature=${latin1}` })
      : await get(`/nets/a?${latin1}`)
    // Some of it the parser does not take for an address.
    assert.ok(status === 403 || status === 400, String(status))
  })
  await fc.assert(wild, { numRuns: 300, seed: 7 })
})

test('nothing of a signature is in a log, in what S3 is asked, or in a metric', async () => {
  const once = signed({ path: '/signed/a', id: 'only-once-aN3' })
  assert.equal(await codeOf(once), '200')
  assert.equal(await codeOf(`${once}x`), INVALID)
  await front.sluice.logLine(
    ({ path, error }) => path === '/signed/a' && error === 'signature_invalid',
  )
  const metrics = await request(`${front.opsUrl}/metrics`)
  const said = [front.sluice.stdout(), front.sluice.stderr(), metrics.text]
  said.push(JSON.stringify(front.s3.requests))
  const secrets = ['only-once-aN3', 'sl-sig', SIGNING_SECRET, OTHER_SIGNING_SECRET]
  for (const secret of [...secrets, sig({ path: '/signed/a', id: 'only-once-aN3' })]) {
    assert.ok(!said.join().includes(secret), secret)
  }
})
