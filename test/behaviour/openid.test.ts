// Tokens of a real OpenID provider, found by its discovery document or by the URL of its keys: through the
// rotation of its keys, and through its absence.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import { AUDIENCE, openOpenId } from '../support/openid.ts'
import type { OpenId } from '../support/openid.ts'
import { bearer } from '../support/tokens.ts'
import { until } from '../support/until.ts'

interface World extends AsyncDisposable {
  readonly front: Front
  readonly openId: OpenId
  codeOf(token: string): Promise<string>
  /** How often the keys were asked for. */
  looks(): number
}

type Section = (openId: OpenId) => object

const SECTIONS: readonly (readonly [name: string, section: Section])[] = [
  ['issuer_discovery', ({ url }) => ({ issuer: url, issuer_discovery: true })],
  ['jwks_url', ({ url }) => ({ issuer: url, jwks_url: `${url}/jwks` })],
]

async function openWorld(
  section: Section,
  prepare: (openId: OpenId) => Promise<void> | void = () => undefined,
): Promise<World> {
  const openId = await openOpenId('k1')
  await prepare(openId)
  const claims = [{ claim: 'scope', operator: 'equals', value: 'read' }]
  const jwt = { audience: AUDIENCE, claims, ...section(openId) }
  const front = await openFront(
    { jwt },
    { buckets: (at) => [bucketAt(at, { name: 'private', auth: { enabled: true } })] },
  )
  front.put('a', 'body')
  return {
    front,
    openId,
    looks: () => openId.asked.filter((path) => path === '/jwks').length,
    codeOf: async (given) => {
      const answer = await request(`${front.url}/private/a`, { headers: bearer(given) })
      if (answer.status === 200) return '200'
      const { error }: { error: string } = JSON.parse(answer.text)
      return `${answer.status} ${error}`
    },
    [Symbol.asyncDispose]: async () => {
      await front[Symbol.asyncDispose]()
      await openId[Symbol.asyncDispose]()
    },
  }
}

for (const [name, section] of SECTIONS) {
  test(`${name}: a provider’s token is admitted, and one for somebody else is not`, async () => {
    await using world = await openWorld(section)
    assert.equal(await world.codeOf(await world.openId.token()), '200')
    await using stranger = await openWorld(section)
    assert.equal(await world.codeOf(await stranger.openId.token()), '401 token_invalid')
    const elsewhere = await openWorld((openId) => ({ ...section(openId), audience: 'urn:other' }))
    await using _closed = elsewhere
    assert.equal(await elsewhere.codeOf(await elsewhere.openId.token()), '401 token_invalid')
  })

  test(`${name}: after a rotation the keys are had once, whoever asks, and old tokens stay good`, async () => {
    await using world = await openWorld(section)
    const { openId, codeOf, looks } = world
    const old = await openId.token()
    const unseen = await openId.token()
    assert.equal(await codeOf(old), '200')
    assert.equal(looks(), 1)
    openId.useKeys('k2', 'k1')
    const young = await Promise.all(Array.from({ length: 8 }, () => openId.token()))
    const codes = await Promise.all(young.map(codeOf))
    assert.deepEqual(new Set(codes), new Set(['200']))
    assert.equal(looks(), 2)
    assert.deepEqual([await codeOf(old), await codeOf(unseen)], ['200', '200'])
    assert.equal(looks(), 2)
  })

  test(`${name}: a second rotation within 30 s is not looked for, and forgers cost the provider nothing`, async () => {
    await using world = await openWorld(section)
    const { openId, codeOf, looks } = world
    assert.equal(await codeOf(await openId.token()), '200')
    openId.useKeys('k2')
    assert.equal(await codeOf(await openId.token()), '200')
    openId.useKeys('k3', 'k2')
    for (let time = 0; time < 5; time += 1) {
      assert.equal(await codeOf(await openId.token()), '401 token_invalid')
    }
    assert.equal(looks(), 2)
  })

  test(`${name}: while the provider is away its known keys go on, and it finds its place again`, async () => {
    await using world = await openWorld((openId) => ({
      ...section(openId),
      jwks_refresh_interval_secs: 1,
    }))
    const { openId, codeOf, front } = world
    const tokens = [await openId.token(), await openId.token()]
    assert.equal(await codeOf(tokens[0] ?? ''), '200')
    await openId.leave()
    await front.sluice.logLine(({ event, state }) => event === 'key-set' && state === 'failed')
    assert.deepEqual(await Promise.all(tokens.map(codeOf)), ['200', '200'])
    openId.useKeys('k2')
    await openId.comeBack()
    const young = await openId.token()
    await until(
      'the new key',
      () => codeOf(young),
      (code) => code === '200',
    )
    // The key that is gone verifies nothing any more, remembered or not.
    assert.deepEqual(await Promise.all(tokens.map(codeOf)), [
      '401 token_invalid',
      '401 token_invalid',
    ])
  })

  test(`${name}: where the keys were never had it is 503 until the provider is back`, async () => {
    let given = ''
    await using world = await openWorld(section, async (openId) => {
      given = await openId.token()
      await openId.leave()
    })
    const answer = await request(`${world.front.url}/private/a`, { headers: bearer(given) })
    assert.equal(answer.status, 503)
    assert.equal(JSON.parse(answer.text).error, 'policy_unavailable')
    assert.match(answer.headers['retry-after'] ?? '', /^[1-9]\d*$/)
    assert.equal((await request(`${world.front.url}/files/a`)).status, 200)
    await world.openId.comeBack()
    await until(
      'the keys',
      () => world.codeOf(given),
      (code) => code === '200',
    )
  })
}
