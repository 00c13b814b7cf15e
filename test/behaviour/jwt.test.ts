// A bucket that asks for a token, through the real port: what is let in, what is refused, with what.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { bearer, hmac, inSeconds, SECRET, token } from '../support/tokens.ts'
import { until } from '../support/until.ts'

const ADMIN_TOKEN = 'kf83nQ0sLw72bTz9'
const OTHER_SECRET = 'Own8zQ2xW6eR4tY1uI9oP3aS7dF5gH0jK'
let front: Front

before(async () => {
  const auth = { enabled: true }
  front = await openFront(
    {
      cache: { cache_layers: ['memory'] },
      admin: { token: ADMIN_TOKEN },
      jwt: { secret: SECRET, claims: [{ claim: 'role', operator: 'equals', value: 'reader' }] },
    },
    {
      buckets: (endpoint) => [
        bucketAt(endpoint, { name: 'private', auth }),
        bucketAt(endpoint, {
          name: 'own',
          auth: { enabled: true, jwt: { secret: OTHER_SECRET, algorithm: 'HS256' } },
        }),
        bucketAt(endpoint, {
          name: 'claims',
          auth: {
            enabled: true,
            jwt: {
              secret: SECRET,
              claims_verification: [
                { name: 'age', operator: 'gte', value: 18 },
                { claim: 'mail', operator: 'regex', value: '@corp\\.test$' },
                {
                  any_of: [
                    { claim: 'org.plan', operator: 'equals', value: 'paid' },
                    { claim: 'trial', operator: 'equals', value: true },
                  ],
                },
              ],
            },
          },
        }),
        bucketAt(endpoint, { name: 'off', auth: { enabled: false } }),
        bucketAt(endpoint, {
          name: 'parties',
          auth: {
            enabled: true,
            jwt: {
              secret: SECRET,
              issuer: ['https://one.test', 'https://two.test'],
              audience: 'sluice',
              leeway: '5s',
            },
          },
        }),
        bucketAt(endpoint, {
          name: 'sources',
          auth: {
            enabled: true,
            jwt: {
              secret: SECRET,
              token_sources: [
                { type: 'header', name: 'X-Auth-Token', prefix: 'Token ' },
                { type: 'query', name: 'jwt' },
                { type: 'cookie', name: 'session' },
              ],
            },
          },
        }),
      ],
    },
  )
  front.put('a', 'body')
})
after(() => front[Symbol.asyncDispose]())

function get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return request(front.url + path, { headers })
}

const isHit = ({ headers }: Answer): boolean => headers['x-cache'] === 'HIT'

async function codeOf(path: string, headers?: Readonly<Record<string, string>>): Promise<string> {
  const answer = await get(path, headers)
  if (answer.status === 200) return '200'
  const body: { error: string } = JSON.parse(answer.text)
  return `${answer.status} ${body.error}`
}

const reader = { sub: 'ann', role: 'reader' }

test('a bucket that asks for a token refuses whoever has none, and says how to come', async () => {
  const answer = await get('/private/a')
  assert.equal(answer.status, 401)
  assert.equal(answer.headers['www-authenticate'], 'Bearer realm="sluice"')
  assert.equal(answer.headers['cache-control'], 'no-store')
  assert.equal(await codeOf('/private/a'), '401 token_missing')
  assert.equal(await codeOf('/private/a', { authorization: 'Basic YTpi' }), '401 token_missing')
})

test('a good token is let in, the first time and every other', async () => {
  const headers = bearer(token({ claims: reader }))
  const first = await get('/private/a', headers)
  const again = await until('a hit', () => get('/private/a', headers), isHit)
  assert.deepEqual([first.status, first.text, again.text], [200, 'body', 'body'])
})

test('a bucket without auth, or with it off, asks nobody', async () => {
  assert.equal(await codeOf('/files/a'), '200')
  assert.equal(await codeOf('/off/a'), '200')
})

test('a cached private object is refused to whoever may not have it', async () => {
  const soon = inSeconds(-59)
  const expiring = bearer(token({ claims: { ...reader, exp: soon + 2 } }))
  assert.equal(await codeOf('/private/a', expiring), '200')
  assert.equal(await codeOf('/private/a'), '401 token_missing')
  const wrong = bearer(token({ claims: { sub: 'bob', role: 'guest' } }))
  assert.equal(await codeOf('/private/a', wrong), '403 claims_denied')
  // The token that fetched it is remembered, and not for longer than it lasts.
  const deadline = Date.now() + 10_000
  let code = '200'
  while (code === '200' && Date.now() < deadline) code = await codeOf('/private/a', expiring)
  assert.equal(code, '401 token_expired')
})

test('an expired token, a wrong one and one that allows too little are told apart', async () => {
  const expired = await get('/private/a', bearer(token({ claims: { ...reader, exp: 1 } })))
  assert.equal(expired.status, 401)
  assert.match(String(expired.headers['www-authenticate']), /error="invalid_token".*expired/)
  const forged = await get('/private/a', bearer(token({ claims: reader, sign: hmac('x') })))
  assert.equal(forged.status, 401)
  assert.match(String(forged.headers['www-authenticate']), /error="invalid_token".*not valid/)
  const denied = await get('/private/a', bearer(token()))
  assert.equal(denied.status, 403)
  assert.match(String(denied.headers['www-authenticate']), /error="insufficient_scope"/)
})

test('a bucket has rules of its own, and the global ones are none of its', async () => {
  const own = bearer(token({ sign: hmac(OTHER_SECRET) }))
  assert.equal(await codeOf('/own/a', own), '200')
  assert.equal(await codeOf('/own/a', bearer(token({ claims: reader }))), '401 token_invalid')
  assert.equal(await codeOf('/private/a', own), '401 token_invalid')
})

test('issuer, audience and leeway are held', async () => {
  const good = { iss: 'https://two.test', aud: ['other', 'sluice'] }
  const code = (claims: object): Promise<string> => codeOf('/parties/a', bearer(token({ claims })))
  assert.equal(await code(good), '200')
  assert.equal(await code({ ...good, aud: 'sluice' }), '200')
  assert.equal(await code({ ...good, iss: 'https://three.test' }), '401 token_invalid')
  assert.equal(await code({ aud: 'sluice' }), '401 token_invalid')
  assert.equal(await code({ ...good, aud: 'other' }), '401 token_invalid')
  assert.equal(await code({ iss: good.iss }), '401 token_invalid')
  assert.equal(await code({ ...good, exp: inSeconds(-1) }), '200')
  assert.equal(await code({ ...good, exp: inSeconds(-10) }), '401 token_expired')
  assert.equal(await code({ ...good, nbf: inSeconds(3) }), '200')
  assert.equal(await code({ ...good, nbf: inSeconds(60) }), '401 token_invalid')
})

test('a token is looked for in the configured places, in their order, and in no other', async () => {
  const good = token()
  const bad = token({ sign: hmac('x') })
  assert.equal(await codeOf('/sources/a', { 'x-auth-token': `Token ${good}` }), '200')
  assert.equal(await codeOf(`/sources/a?jwt=${good}`), '200')
  assert.equal(await codeOf('/sources/a', { cookie: `a=b; session=${good}` }), '200')
  assert.equal(await codeOf('/sources/a', bearer(good)), '401 token_missing')
  assert.equal(await codeOf('/sources/a', { 'x-auth-token': good }), '401 token_missing')
  assert.equal(
    await codeOf(`/sources/a?jwt=${good}`, { 'x-auth-token': `Token ${bad}` }),
    '401 token_invalid',
  )
  assert.equal(await codeOf(`/sources/a?jwt=${good}`, { cookie: `session=${bad}` }), '200')
})

test('the token of a query goes to no log, not to S3, and not into the key of the cache', async () => {
  const [one, other] = [token({ claims: { sub: 'q1' } }), token({ claims: { sub: 'q2' } })]
  front.put('query', 'body')
  const first = await get(`/sources/query?jwt=${one}`)
  assert.equal(first.headers['x-cache'], 'MISS')
  await until('a hit', () => get(`/sources/query?jwt=${other}`), isHit)
  assert.equal(await codeOf(`/sources/query?jwt=${one}x`), '401 token_invalid')
  const line = await front.sluice.logLine(
    ({ user, path }) => user === 'q2' && path === '/sources/query',
  )
  assert.equal(line['status'], 200)
  await front.sluice.logLine(({ error }) => error === 'token_invalid')
  const said = front.sluice.stdout() + front.sluice.stderr() + JSON.stringify(front.s3.requests)
  for (const word of [one, other, SECRET, OTHER_SECRET]) assert.ok(!said.includes(word))
})

test('the log says who came and who was refused, and never by what', async () => {
  await get('/private/a', bearer(token({ claims: { sub: 'carol', role: 'guest' } })))
  const line = await front.sluice.logLine(({ user }) => user === 'carol')
  assert.deepEqual([line['status'], line['error']], [403, 'claims_denied'])
})

test('an operator is told who would be let in and who not, and by what never', async () => {
  const explained = async (headers: Readonly<Record<string, string>>): Promise<string> => {
    const query = new URLSearchParams({ path: '/private/a' })
    for (const [name, value] of Object.entries(headers)) query.append('header', `${name}: ${value}`)
    const answer = await request(`${front.opsUrl}/admin/explain?${String(query)}`, {
      headers: bearer(ADMIN_TOKEN),
    })
    const { steps }: { steps: Record<string, unknown>[] } = JSON.parse(answer.text)
    const told = steps.find(({ step }) => step === 'access')
    return `${String(told?.['outcome'])} ${String(told?.['code'] ?? told?.['user'])} ${answer.text}`
  }
  const text = token({ claims: reader })
  assert.match(await explained(bearer(text)), /^admitted ann /)
  assert.match(await explained({}), /^refused token_missing /)
  assert.match(await explained(bearer(token({ claims: { exp: 1 } }))), /^refused token_expired /)
  assert.ok(!(await explained(bearer(text))).includes(text))
})

test('rules for claims are held, one of any_of among them, and by either spelling', async () => {
  const code = (claims: object): Promise<string> => codeOf('/claims/a', bearer(token({ claims })))
  const good = { age: 18, org: { plan: 'paid' }, mail: 'a@corp.test' }
  assert.equal(await code(good), '200')
  assert.equal(await code({ ...good, org: undefined, trial: true }), '200')
  assert.equal(await code({ ...good, org: { plan: 'free' } }), '403 claims_denied')
  assert.equal(await code({ ...good, age: 17 }), '403 claims_denied')
  assert.equal(await code({ ...good, mail: 'a@corp.test.evil' }), '403 claims_denied')
  assert.equal(await code({ ...good, mail: `${'a'.repeat(2000)}@corp.test` }), '403 claims_denied')
})

test('preflights and health are answered to anybody', async () => {
  const options = await request(`${front.url}/private/a`, { method: 'OPTIONS' })
  assert.equal(options.status, 204)
  assert.equal((await get('/health')).status, 200)
})
