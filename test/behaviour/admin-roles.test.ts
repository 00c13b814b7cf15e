// Who may give which orders: viewers look, purgers purge and fetch ahead, operators do everything; by
// tokens and by claims, on the operations listener and for PURGE on the main port.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { openIssuer } from '../support/issuer.ts'
import { scrape, untilMetrics } from '../support/metrics.ts'
import { bearer, hmac, inSeconds, keyPair, SECRET, signer, token } from '../support/tokens.ts'
import { until } from '../support/until.ts'

const VIEWER = 'v7Kq-2mZx9Rt4Lw8Yb1Nc'
const PURGER = 'p3Hs-6fGd0Js7Mv5Qe2Xk'
const OPERATOR = 'o9Wc-1rTz8Ub4Ip6Da3Lf'
const MASTER = 'm5Ny-7gEj2Ka0Hv9Sx4Qo'

const roleIs = (value: string): object => ({ claim: 'role', operator: 'equals', value })
const jwt = { secret: SECRET, issuer: 'https://issuer.test', admin_claims: [roleIs('admin')] }
const admin = {
  token: MASTER,
  roles: {
    viewer: { token: VIEWER, claims: [roleIs('watcher')] },
    purger: { token: PURGER, claims: [roleIs('editor')] },
    operator: { token: OPERATOR, claims: [roleIs('chief')] },
  },
}

function claimed(role: string, more: object = {}): string {
  return token({ claims: { iss: 'https://issuer.test', sub: 'ann', role, ...more } })
}

let front: Front
before(async () => {
  front = await openFront({
    jwt,
    admin,
    cache: { enabled: true, cache_layers: ['memory'] },
    server: { threads: 2 },
  })
  front.put('a', 'body')
})
after(() => front?.[Symbol.asyncDispose]())

function call(method: string, path: string, given?: string, body?: object): Promise<Answer> {
  const headers = given === undefined ? {} : bearer(given)
  return request(front.opsUrl + path, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

function codeOf({ status, text }: Answer): string {
  const { error }: { error?: string } = JSON.parse(text)
  return error === undefined ? String(status) : `${status} ${error}`
}

const LOOKS = [
  '/admin/cache/stats',
  '/admin/cache/stats/files',
  '/admin/cache/prewarm',
  '/admin/explain?path=/files/a',
  '/admin/auth',
  '/admin/routes',
  '/admin/replicas',
  '/admin/config',
]

/** What each may, from the least to the most. */
const HOLDERS: readonly (readonly [holder: string, token: string, mayPurge: boolean])[] = [
  ['the viewer’s token', VIEWER, false],
  ['a viewer by claims', claimed('watcher'), false],
  ['the purger’s token', PURGER, true],
  ['a purger by claims', claimed('editor'), true],
  ['the operator’s token', OPERATOR, true],
  ['an operator by claims', claimed('chief'), true],
  ['admin.token', MASTER, true],
  ['an operator by jwt.admin_claims', claimed('admin'), true],
]

for (const [holder, given, mayPurge] of HOLDERS) {
  const order = mayPurge ? '200' : '403 claims_denied'
  test(`${holder} looks at everything${mayPurge ? ', purges and prewarms' : ', and no more'}`, async () => {
    for (const path of LOOKS) assert.equal(codeOf(await call('GET', path, given)), '200', path)
    const purge = await call('POST', '/admin/cache/purge', given, { bucket: 'files', key: 'x' })
    assert.equal(codeOf(purge), order)
    const warm = await call('POST', '/admin/cache/prewarm', given, { bucket: 'files', keys: ['a'] })
    assert.equal(codeOf(warm), mayPurge ? '202' : '403 claims_denied')
    const { task_id = 'none' }: { task_id?: string } = JSON.parse(warm.text)
    const end = await call('DELETE', `/admin/cache/prewarm/${task_id}`, given)
    assert.equal(codeOf(end), order)
    const main = await request(`${front.url}/files/a`, { method: 'PURGE', headers: bearer(given) })
    assert.equal(codeOf(main), order)
    if (!mayPurge) {
      for (const refused of [purge, warm, end, main]) {
        assert.equal(refused.headers['www-authenticate'], 'Bearer error="insufficient_scope"')
      }
    }
  })
}

const STRANGERS: readonly (readonly [what: string, token: string | undefined, code: string])[] = [
  ['nothing', undefined, '401 token_missing'],
  ['a wrong token', 'nobody-has-this-token', '401 token_invalid'],
  ['the beginning of a token', MASTER.slice(0, -1), '401 token_invalid'],
  ['a token and more', `${VIEWER}x`, '401 token_invalid'],
  ['a token in other letters', VIEWER.toUpperCase(), '401 token_invalid'],
  [
    'a forged token',
    token({ sign: hmac('another secret of 32 bytes or so') }),
    '401 token_invalid',
  ],
  ['an expired token', claimed('admin', { exp: inSeconds(-3600) }), '401 token_expired'],
  ['another issuer’s token', token({ claims: { role: 'admin' } }), '401 token_invalid'],
  ['a token without a role', claimed('reader'), '403 claims_denied'],
]

for (const [what, given, code] of STRANGERS) {
  test(`whoever shows ${what} is answered ${code}, whatever is called`, async () => {
    for (const path of ['/admin/cache/stats', '/admin/nothing-here', '/admin/auth']) {
      const answer = await call('GET', path, given)
      assert.equal(codeOf(answer), code)
      assert.match(answer.headers['www-authenticate'] ?? '', /^Bearer/)
    }
    const headers = given === undefined ? {} : bearer(given)
    const main = await request(`${front.url}/files/a`, { method: 'PURGE', headers })
    assert.equal(codeOf(main), code)
    assert.match(main.headers['www-authenticate'] ?? '', /^Bearer/)
  })
}

test('a token in the query, in a cookie or under another scheme gives no role', async () => {
  const path = `/admin/cache/stats?token=${MASTER}&access_token=${MASTER}`
  assert.equal(codeOf(await call('GET', path)), '401 token_missing')
  for (const headers of [
    { cookie: `token=${MASTER}` },
    { 'x-auth-token': MASTER },
    { authorization: `Basic ${MASTER}` },
    { authorization: MASTER },
  ]) {
    const answer = await request(`${front.opsUrl}/admin/cache/stats`, { headers })
    assert.equal(codeOf(answer), '401 token_missing')
  }
})

test('without any credential there is no /admin, and PURGE is a method like any other', async () => {
  await using bare = await openFront()
  const answer = await request(`${bare.opsUrl}/admin/auth`, { headers: bearer(MASTER) })
  assert.equal(codeOf(answer), '404 no_route')
  const purge = await request(`${bare.url}/files/a`, { method: 'PURGE', headers: bearer(MASTER) })
  assert.equal(codeOf(purge), '405 method_not_allowed')
})

test('a role’s token alone, without admin.token, is a credential', async () => {
  await using only = await openFront({ admin: { roles: { viewer: { token: VIEWER } } } })
  const stats = `${only.opsUrl}/admin/cache/stats`
  assert.equal(codeOf(await request(stats, { headers: bearer(VIEWER) })), '200')
  assert.equal(codeOf(await request(stats, { headers: bearer(MASTER) })), '401 token_invalid')
})

test('rules that open a bucket make nobody an operator, and are not asked of one', async () => {
  const claims = [roleIs('reader')]
  await using both = await openFront({ jwt: { ...jwt, claims } })
  const stats = `${both.opsUrl}/admin/cache/stats`
  const ask = async (role: string): Promise<string> =>
    codeOf(await request(stats, { headers: bearer(claimed(role)) }))
  assert.equal(await ask('reader'), '403 claims_denied')
  assert.equal(await ask('admin'), '200')
})

test('roles by the keys of an issuer wait for its keys, and say so while there are none', async () => {
  await using issuer = await openIssuer()
  issuer.answers.set('/jwks', 503)
  const remote = { jwks_url: `${issuer.url}/jwks`, admin_claims: [roleIs('admin')] }
  await using one = await openFront({
    jwt: remote,
    admin: { token: MASTER },
    server: { threads: 2 },
    cache: { enabled: true, cache_layers: ['memory'] },
  })
  const stats = `${one.opsUrl}/admin/cache/stats`
  const key = keyPair('P-256')
  const head = { alg: 'ES256', kid: 'one' }
  const given = token({ head, claims: { role: 'admin' }, sign: signer('ES256', key) })
  const ask = (): Promise<Answer> => request(stats, { headers: bearer(given) })
  const early = await ask()
  assert.equal(codeOf(early), '503 policy_unavailable')
  assert.match(early.headers['retry-after'] ?? '', /^[1-9]\d*$/)
  assert.equal(codeOf(await request(stats, { headers: bearer(MASTER) })), '200')
  issuer.answers.set('/jwks', {
    keys: [{ ...key.publicKey.export({ format: 'jwk' }), kid: 'one' }],
  })
  await until('the keys', ask, ({ status }) => status === 200)
  const path = `${one.url}/files/a`
  const purge = (): Promise<Answer> => request(path, { method: 'PURGE', headers: bearer(given) })
  assert.equal(codeOf(await purge()), '200')
  assert.ok(
    (await scrape(one.opsUrl)).sum('sluice_jwks_refreshes_total', { outcome: 'failed' }) > 0,
  )
  const changed = { outcome: 'changed' }
  assert.ok((await scrape(one.opsUrl)).sum('sluice_jwks_refreshes_total', changed) > 0)
})

describe('the log', () => {
  test('tells who called for what, from where, and what came of it', async () => {
    await using quiet = await openFront({
      jwt,
      admin,
      server: { trusted_proxies: ['127.0.0.1'] },
      cache: { enabled: true, cache_layers: ['memory'] },
    })
    const ask = (path: string, given: string, id: string, method = 'GET'): Promise<Answer> =>
      request(path, {
        method,
        headers: { ...bearer(given), 'x-request-id': id, 'x-forwarded-for': '192.0.2.7' },
      })
    const ops = `${quiet.opsUrl}/admin`
    await ask(`${ops}/cache/stats`, claimed('admin'), 'one')
    await ask(`${ops}/cache/purge/files/some/key`, PURGER, 'two', 'POST')
    await ask(`${ops}/cache/purge/files`, VIEWER, 'three', 'POST')
    await ask(`${ops}/cache/info`, OPERATOR, 'four')
    await ask(`${ops}/auth`, 'nobody-has-this-token', 'five')
    await ask(`${ops}/auth`, claimed('reader'), 'six')
    await ask(`${quiet.url}/files/by/address`, MASTER, 'seven', 'PURGE')
    await ask(`${quiet.url}/elsewhere`, MASTER, 'eight', 'PURGE')
    await quiet.sluice.logLine(
      (line) => line['event'] === 'admin' && line['request_id'] === 'eight',
    )
    const told = quiet.sluice.logLines().filter(({ event }) => event === 'admin')
    const key = (text: string): string => JSON.stringify({ bucket: 'files', key: text })
    const expected = [
      ['one', 'operator', 'jwt:ann', 'stats', undefined, 'done', 200, undefined],
      ['two', 'purger', 'token:purger', 'purge', key('some/key'), 'done', 200, undefined],
      ['three', 'viewer', 'token:viewer', 'purge', undefined, 'refused', 403, 'claims_denied'],
      ['four', 'operator', 'token:operator', 'info', undefined, 'failed', 400, 'invalid_request'],
      ['five', undefined, undefined, 'unknown', undefined, 'refused', 401, 'token_invalid'],
      ['six', undefined, 'jwt:ann', 'unknown', undefined, 'refused', 403, 'claims_denied'],
      ['seven', 'operator', 'token:operator', 'purge', key('by/address'), 'done', 200, undefined],
      ['eight', 'operator', 'token:operator', 'purge', undefined, 'failed', 404, 'no_route'],
    ]
    const names = ['request_id', 'role', 'subject', 'call', 'rule', 'outcome', 'status', 'error']
    assert.deepEqual(
      told.map((line) => names.map((name) => line[name])),
      expected,
    )
    assert.ok(told.every((line) => line['client_ip'] === '192.0.2.7'))
  })

  test('is not filled by whoever guesses tokens; the guesses count', async () => {
    const before = (await scrape(front.opsUrl)).sum('sluice_refusals_total', {
      code: 'token_invalid',
    })
    const lines = (): number =>
      front.sluice.logLines().filter(({ error }) => error === 'token_invalid').length
    const written = lines()
    for (let guess = 0; guess < 100; guess += 1) {
      assert.equal((await call('GET', '/admin/auth', `guess-number-${guess}`)).status, 401)
    }
    await untilMetrics(front.opsUrl, 'the guesses to count', (now) => {
      return now.sum('sluice_refusals_total', { code: 'token_invalid' }) === before + 100
    })
    assert.ok(lines() - written <= 40, `${lines() - written} lines`)
    const summary = await front.sluice.logLine(({ event }) => event === 'admin-refused')
    assert.ok(Number(summary['count']) > 0)
  })
})
