// Keys that an issuer has: had, had again, and kept while it is away.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import { openIssuer } from '../support/issuer.ts'
import type { Issuer } from '../support/issuer.ts'
import { bearer, encode, hmac, keyPair, pem, SECRET, signer, token } from '../support/tokens.ts'
import type { KeyPair } from '../support/tokens.ts'
import { until } from '../support/until.ts'

const [one, two, other] = [keyPair('rsa'), keyPair('P-256'), keyPair('rsa')]

function jwk({ publicKey }: KeyPair, more: object): object {
  return { ...publicKey.export({ format: 'jwk' }), use: 'sig', ...more }
}

const FIRST = { keys: [jwk(one, { kid: 'one', alg: 'RS256' })] }
const SECOND = { keys: [jwk(two, { kid: 'two' })] }

const byOne = (claims: object = { sub: 'ann' }): string =>
  token({ head: { alg: 'RS256', kid: 'one' }, claims, sign: signer('RS256', one) })
const byTwo = token({ head: { alg: 'ES256', kid: 'two' }, sign: signer('ES256', two) })

interface World extends AsyncDisposable {
  readonly front: Front
  readonly issuer: Issuer
  codeOf(token: string): Promise<string>
}

async function openWorld(prepare: (issuer: Issuer) => object, server: object = {}): Promise<World> {
  const issuer = await openIssuer()
  const jwt = prepare(issuer)
  const front = await openFront(
    { server },
    { buckets: (at) => [bucketAt(at, { name: 'private', auth: { enabled: true, jwt } })] },
  )
  front.put('a', 'body')
  return {
    front,
    issuer,
    codeOf: async (given) => {
      const answer = await request(`${front.url}/private/a`, { headers: bearer(given) })
      if (answer.status === 200) return '200'
      const { error }: { error: string } = JSON.parse(answer.text)
      return `${answer.status} ${error}`
    },
    [Symbol.asyncDispose]: async () => {
      await front[Symbol.asyncDispose]()
      await issuer.close()
    },
  }
}

function serving(keys: object): (issuer: Issuer) => object {
  return ({ url, answers }) => {
    answers.set('/jwks', keys)
    return { jwks_url: `${url}/jwks` }
  }
}

test('tokens are verified by the keys of the issuer, each with its own algorithm alone', async () => {
  await using world = await openWorld(serving({ keys: [...FIRST.keys, ...SECOND.keys] }))
  assert.equal(await world.codeOf(byOne()), '200')
  assert.equal(await world.codeOf(byTwo), '200')
  const ps = token({ head: { alg: 'PS256', kid: 'one' }, sign: signer('PS256', one) })
  assert.equal(await world.codeOf(ps), '401 token_invalid')
  const confused = token({ head: { alg: 'HS256', kid: 'one' }, sign: hmac(pem(one)) })
  assert.equal(await world.codeOf(confused), '401 token_invalid')
})

test('a shared secret, a private key and a key for other ends in a key set are of no use', async () => {
  const secret = 'oNpQ3v9Qw7Lr2Zt8Yp5Nc1Hb6Mf4Gd0Js7'
  const keys = [
    { kty: 'oct', kid: 'one', alg: 'HS256', k: encode(secret) },
    { ...one.privateKey.export({ format: 'jwk' }), kid: 'one' },
    jwk(one, { kid: 'one', use: 'enc' }),
    jwk(two, { kid: 'two', alg: 'RS256' }),
    'no key at all',
  ]
  await using world = await openWorld(serving({ keys }))
  assert.equal(await world.codeOf(byOne()), '401 token_invalid')
  assert.equal(await world.codeOf(byTwo), '401 token_invalid')
  const bySecret = token({ head: { alg: 'HS256', kid: 'one' }, sign: hmac(secret) })
  assert.equal(await world.codeOf(bySecret), '401 token_invalid')
})

test('an unknown kid has the keys asked for again, by one request, and not again at once', async () => {
  await using world = await openWorld(serving(FIRST))
  const { issuer, codeOf } = world
  assert.equal(await codeOf(byOne()), '200')
  issuer.answers.set('/jwks', SECOND)
  const codes = await Promise.all(Array.from({ length: 8 }, () => codeOf(byTwo)))
  assert.deepEqual(new Set(codes), new Set(['200']))
  assert.equal(issuer.asked.length, 2)
  // What the key that is gone had verified is forgotten with it.
  assert.equal(await codeOf(byOne()), '401 token_invalid')
  for (const kid of ['three', '../../etc/passwd', "' OR 1=1 --", '__proto__']) {
    const forged = token({ head: { alg: 'RS256', kid }, sign: signer('RS256', other) })
    assert.equal(await codeOf(forged), '401 token_invalid')
  }
  assert.equal(issuer.asked.length, 2)
})

test('the keys are had again at intervals, and a key that is gone opens nothing', async () => {
  await using world = await openWorld((issuer) => ({
    ...serving(FIRST)(issuer),
    jwks_refresh_interval_secs: 1,
  }))
  assert.equal(await world.codeOf(byOne()), '200')
  world.issuer.answers.set('/jwks', SECOND)
  // The old key alone is shown: it is the interval, and no unknown kid, that brings the new set.
  await until(
    'the old key to be refused',
    () => world.codeOf(byOne()),
    (code) => code === '401 token_invalid',
  )
})

test('while the issuer is down, the keys last had stay good', async () => {
  await using world = await openWorld((issuer) => ({
    ...serving(FIRST)(issuer),
    jwks_refresh_interval_secs: 1,
  }))
  const { issuer, front, codeOf } = world
  assert.equal(await codeOf(byOne()), '200')
  issuer.answers.set('/jwks', { no: 'keys' })
  const line = await front.sluice.logLine(({ event }) => event === 'key-set')
  assert.deepEqual([line['state'], line['reason']], ['failed', 'what came is no key set'])
  assert.equal(await codeOf(byOne()), '200')
  assert.equal(await codeOf(byOne({ sub: 'never seen' })), '200')
})

test('while no key was ever had, nobody is let in, and it is nobody’s fault', async () => {
  await using world = await openWorld((issuer) => {
    const jwt = serving(FIRST)(issuer)
    issuer.answers.set('/jwks', 503)
    return jwt
  })
  const { front, issuer, codeOf } = world
  const answer = await request(`${front.url}/private/a`, { headers: bearer(byOne()) })
  assert.equal(answer.status, 503)
  assert.equal(answer.headers['retry-after'], '1')
  assert.equal(await codeOf(byOne()), '503 policy_unavailable')
  assert.equal((await request(`${front.url}/private/a`)).status, 401)
  issuer.answers.set('/jwks', FIRST)
  await until(
    'the keys to be had',
    () => codeOf(byOne()),
    (code) => code === '200',
  )
  const told = await front.sluice.logLine(({ state }) => state === 'loaded')
  assert.equal(told['level'], 'info')
})

test('the keys are found by the document of the issuer, if it is its own', async () => {
  const discovering = (said: (url: string) => string) => (issuer: Issuer) => {
    const { url, answers } = issuer
    answers.set('/realm/keys', FIRST)
    answers.set('/realm/.well-known/openid-configuration', {
      issuer: said(`${url}/realm`),
      jwks_uri: `${url}/realm/keys`,
    })
    return { issuer: `${url}/realm`, issuer_discovery: true }
  }
  await using good = await openWorld(discovering((url) => url))
  const iss = `${good.issuer.url}/realm`
  assert.equal(await good.codeOf(byOne({ iss })), '200')
  assert.equal(await good.codeOf(byOne({ iss: 'https://other.test' })), '401 token_invalid')
  assert.equal(await good.codeOf(byOne()), '401 token_invalid')

  await using bad = await openWorld(discovering(() => 'https://other.test'))
  assert.equal(
    await bad.codeOf(byOne({ iss: `${bad.issuer.url}/realm` })),
    '503 policy_unavailable',
  )
})

test('each of several threads has the keys', async () => {
  await using world = await openWorld((issuer) => ({ ...serving(FIRST)(issuer), secret: SECRET }), {
    threads: 2,
  })
  assert.equal(await world.codeOf(token()), '200')
  const codes = await Promise.all(Array.from({ length: 12 }, () => world.codeOf(byOne())))
  assert.deepEqual(new Set(codes), new Set(['200']))
  assert.equal(await world.codeOf(byTwo), '401 token_invalid')
})
