// Buckets whose prefix has names in it, through the real port: who may read whose part, which object that
// is, and that nothing of one reaches another.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import * as fc from 'fast-check'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { explainAt, stepOf } from '../support/explained.ts'
import { bucketAt } from '../support/front.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { signed, SIGNING_SECRET } from '../support/signed.ts'
import { bearer, SECRET, token } from '../support/tokens.ts'
import { until } from '../support/until.ts'

let front: CachedFront

const tie = (operator: string, value: unknown, claim = 'tenant'): object => ({
  secret: SECRET,
  claims: [{ claim, operator, value }],
})
const auth = (jwt: object): object => ({ enabled: true, jwt })
const s3 = { key_prefix: 'tenants/{tenant}/' }

before(async () => {
  front = await openCachedFront(
    {},
    {
      buckets: (at) => [
        bucketAt(at, {
          name: 'u',
          path_prefix: '/u/{tenant}',
          s3,
          auth: auth(tie('equals', '{tenant}')),
          signed_urls: { enabled: true, keys: [{ id: 'k1', secret: SIGNING_SECRET }] },
        }),
        bucketAt(at, { name: 'admin', path_prefix: '/u/admin' }),
        bucketAt(at, {
          name: 'deep',
          path_prefix: '/u/{tenant}/public/{kind}',
          s3: {
            key_prefix: '{kind}/of-{tenant}/',
          },
        }),
        bucketAt(at, {
          name: 'in',
          path_prefix: '/in/{tenant}',
          s3,
          auth: auth(tie('in', ['{tenant}', 'root'])),
        }),
        bucketAt(at, {
          name: 'contains',
          path_prefix: '/contains/{tenant}',
          s3,
          auth: auth(tie('contains', '{tenant}', 'tenants')),
        }),
        bucketAt(at, {
          name: 'text',
          path_prefix: '/text/{tenant}',
          s3,
          auth: auth(tie('equals', 'org:{tenant}@{tenant}')),
        }),
        bucketAt(at, {
          name: 'any',
          path_prefix: '/any/{tenant}',
          s3,
          auth: auth({
            secret: SECRET,
            claims: [
              { claim: 'role', operator: 'exists' },
              {
                any_of: [
                  { claim: 'tenant', operator: 'equals', value: '{tenant}' },
                  { claim: 'role', operator: 'equals', value: 'support' },
                ],
              },
            ],
          }),
        }),
        bucketAt(at, {
          name: 'site',
          path_prefix: '/site/{tenant}',
          s3,
          index_document: 'index.html',
          error_document: { 404: '404.html' },
          spa: true,
        }),
      ],
    },
  )
  for (const tenant of ['acme', 'other', 'a%b', 'zoë', 'a b', '..x', 'admin', 'evil']) {
    for (const key of ['report.pdf', 'dir/deep.txt', 'index.html', '404.html']) {
      front.put(`tenants/${tenant}/${key}`, `${key} of ${tenant}`)
    }
  }
  // A folder's mark, as consoles make them, is nothing to be served.
  front.put('tenants/acme/', 'the mark of acme')
  front.put('report.pdf', 'of the admins')
  front.put('css/of-acme/main.css', 'public css of acme')
})
after(() => front[Symbol.asyncDispose]())

type Headers = Readonly<Record<string, string>>

function get(path: string, headers: Headers = {}): Promise<Answer> {
  return request(front.url + path, { headers })
}

const as = (claims: object): Headers => bearer(token({ claims }))
const acme = as({ sub: 'ann', tenant: 'acme' })

async function outcome(path: string, headers?: Headers): Promise<string> {
  const answer = await get(path, headers)
  if (answer.status === 200) return answer.text
  const body: { error: string } = JSON.parse(answer.text)
  return `${answer.status} ${body.error}`
}

const DENIED = '403 claims_denied'

test('a tenant reads its own part and no other', async () => {
  assert.equal(await outcome('/u/acme/report.pdf', acme), 'report.pdf of acme')
  assert.equal(await outcome('/u/acme/dir/deep.txt', acme), 'dir/deep.txt of acme')
  assert.equal(await outcome('/u/other/report.pdf', acme), DENIED)
  const other = as({ tenant: 'other' })
  assert.equal(await outcome('/u/other/report.pdf', other), 'report.pdf of other')
  assert.equal(await outcome('/u/acme/report.pdf'), '401 token_missing')
})

test('a refusal says who was refused, and how to come', async () => {
  const answer = await get('/u/other/report.pdf', acme)
  assert.match(String(answer.headers['www-authenticate']), /insufficient_scope/)
  const line = await front.sluice.logLine(
    ({ error, path }) => error === 'claims_denied' && path === '/u/other/report.pdf',
  )
  assert.equal(line['user'], 'ann')
})

describe('claims that fit no tenant let nobody in', () => {
  for (const [what, claims] of [
    ['none', {}],
    ['null', { tenant: null }],
    ['an empty text', { tenant: '' }],
    ['another case', { tenant: 'ACME' }],
    ['a part', { tenant: 'acm' }],
    ['more', { tenant: 'acme2' }],
    ['a space behind', { tenant: 'acme ' }],
    ['a list', { tenant: ['acme'] }],
    ['a mapping', { tenant: { acme: true } }],
    ['true', { tenant: true }],
    ['the name itself', { tenant: '{tenant}' }],
    ['an asterisk', { tenant: '*' }],
    ['a path', { tenant: 'acme/dir' }],
  ] as const) {
    test(what, async () => assert.equal(await outcome('/u/acme/report.pdf', as(claims)), DENIED))
  }
})

test('a number is not its text', async () => {
  assert.equal(await outcome('/u/42/x', as({ tenant: 42 })), DENIED)
  assert.equal(await outcome('/u/42/x', as({ tenant: '42' })), '404 not_found')
})

describe('an address that is spelt oddly is what it is decoded to', () => {
  for (const [path, expected] of [
    ['/u/acme%2f..%2fother/report.pdf', '400 invalid_path'],
    ['/u/acme/../other/report.pdf', '400 invalid_path'],
    ['/u/acme/%2e%2e/other/report.pdf', '400 invalid_path'],
    ['/u/acme%2Fdir/deep.txt', 'dir/deep.txt of acme'],
    ['/u/acme%2Fother/report.pdf', '404 not_found'],
    ['/u/%61cme/report.pdf', 'report.pdf of acme'],
    ['/%75/acme/report.pdf', 'report.pdf of acme'],
    ['/u%2Facme%2Freport.pdf', 'report.pdf of acme'],
    ['/u/acme%252Fother/report.pdf', DENIED],
    ['/u/acme%00/report.pdf', '400 invalid_path'],
    ['/u/acme%20/report.pdf', DENIED],
    ['/u//acme/report.pdf', '404 no_route'],
    ['//u/acme/report.pdf', '404 no_route'],
    ['/u/%2Facme/report.pdf', '404 no_route'],
    ['/u/ACME/report.pdf', DENIED],
    ['/u/acme%0A/report.pdf', DENIED],
    ['/u/..x/report.pdf', DENIED],
    ['/u/acme', '404 not_found'],
    ['/u/acme/', '404 not_found'],
    ['/u/', '404 no_route'],
    ['/u', '404 no_route'],
  ] as const) {
    test(`${path} gets ${expected}`, async () => assert.equal(await outcome(path, acme), expected))
  }
})

test('tenants have any name', async () => {
  for (const tenant of ['a%b', 'zoë', 'a b', '..x']) {
    const path = `/u/${encodeURIComponent(tenant)}/report.pdf`
    assert.equal(await outcome(path, as({ tenant })), `report.pdf of ${tenant}`)
    assert.equal(await outcome(path, acme), DENIED)
  }
})

test('a segment that is said outright goes before a name, and the longer before both', async () => {
  assert.equal(await outcome('/u/admin/report.pdf'), 'of the admins')
  assert.equal(await outcome('/u/acme/public/css/main.css'), 'public css of acme')
  assert.equal(await outcome('/u/acme/public'), '401 token_missing')
  assert.equal(await outcome('/u/acme/public//main.css'), '401 token_missing')
})

test('a claim may be one of several, or hold several, by whole names alone', async () => {
  assert.equal(await outcome('/in/acme/report.pdf', acme), 'report.pdf of acme')
  assert.equal(await outcome('/in/acme/report.pdf', as({ tenant: 'root' })), 'report.pdf of acme')
  assert.equal(
    await outcome('/in/acme/report.pdf', as({ tenant: ['x', 'acme'] })),
    'report.pdf of acme',
  )
  assert.equal(await outcome('/in/other/report.pdf', acme), DENIED)
  const both = as({ tenants: ['acme', 'zoë'] })
  assert.equal(await outcome('/contains/acme/report.pdf', both), 'report.pdf of acme')
  assert.equal(await outcome('/contains/other/report.pdf', both), DENIED)
  assert.equal(await outcome('/contains/acme/report.pdf', as({ tenants: 'acme-and-more' })), DENIED)
  assert.equal(await outcome('/contains/acme/report.pdf', as({ tenants: 'acme' })), DENIED)
})

test('a name may be a part of a text', async () => {
  assert.equal(
    await outcome('/text/acme/report.pdf', as({ tenant: 'org:acme@acme' })),
    'report.pdf of acme',
  )
  assert.equal(await outcome('/text/acme/report.pdf', as({ tenant: 'org:acme@other' })), DENIED)
})

test('rules of the token alone hold besides, and one of any_of is enough', async () => {
  const codeOf = (claims: object): Promise<string> => outcome('/any/acme/report.pdf', as(claims))
  assert.equal(await codeOf({ tenant: 'acme', role: 'x' }), 'report.pdf of acme')
  assert.equal(await codeOf({ tenant: 'other', role: 'support' }), 'report.pdf of acme')
  assert.equal(await codeOf({ tenant: 'other', role: 'x' }), DENIED)
  assert.equal(await codeOf({ tenant: 'acme' }), DENIED)
})

test('a cached object of one tenant reaches no other', async () => {
  const path = (tenant: string): string => `/u/${tenant}/index.html`
  const hit = ({ headers }: Answer): boolean => headers['x-cache'] === 'HIT'
  await until('a hit', () => get(path('acme'), acme), hit)
  const other = as({ tenant: 'other' })
  assert.equal(await outcome(path('acme'), other), DENIED)
  const first = await get(path('other'), other)
  assert.deepEqual([first.text, first.headers['x-cache']], ['index.html of other', 'MISS'])
  const again = await until('a hit', () => get(path('other'), other), hit)
  assert.equal(again.text, 'index.html of other')
})

test('a signature is for its path, and needs no claim', async () => {
  assert.equal(await outcome(signed({ path: '/u/acme/report.pdf' })), 'report.pdf of acme')
  const wide = signed({ path: '/u/acme/report.pdf', scope: '/u/acme/*' })
  assert.equal(await outcome(wide.replace('/u/acme/', '/u/other/')), '403 signature_invalid')
})

test('each part of a website has its own pages, and redirects into itself', async () => {
  assert.equal((await get('/site/acme/')).text, 'index.html of acme')
  assert.equal((await get('/site/acme')).headers.location, '/site/acme/')
  const lost = await get('/site/zo%C3%AB/none.css')
  assert.deepEqual([lost.status, lost.text], [404, '404.html of zoë'])
  const page = await get('/site/other/some/page', { accept: 'text/html' })
  assert.deepEqual([page.status, page.text], [200, 'index.html of other'])
})

test('purges name keys as they are behind what is fixed of key_prefix', async () => {
  const other = as({ tenant: 'other' })
  const look = async (tenant: string, headers: Headers): Promise<string> =>
    String((await get(`/u/${tenant}/dir/deep.txt`, headers)).headers['x-cache'])
  const warmed = async (): Promise<void> => {
    await until(
      'a hit',
      () => look('acme', acme),
      (cache) => cache === 'HIT',
    )
    await until(
      'a hit',
      () => look('other', other),
      (cache) => cache === 'HIT',
    )
  }
  for (const rule of [
    { bucket: 'u', key: 'acme/dir/deep.txt' },
    { bucket: 'u', prefix: 'acme/' },
    { bucket: 'u', pattern: 'acme/**' },
  ]) {
    await warmed()
    assert.equal((await front.purge(rule)).status, 200)
    assert.equal(await look('acme', acme), 'MISS', JSON.stringify(rule))
    assert.equal(await look('other', other), 'HIT', JSON.stringify(rule))
  }
  await warmed()
  const headers = bearer('Rk3v-9qLwPz7_tYd2XcB')
  const url = `${front.url}/u/acme/dir/deep.txt`
  assert.equal((await request(url, { method: 'PURGE', headers })).status, 200)
  assert.deepEqual([await look('acme', acme), await look('other', other)], ['MISS', 'HIT'])
})

test('what is fetched ahead for one tenant is found by that tenant', async () => {
  front.put('tenants/acme/ahead/x', 'x of acme')
  const body = JSON.stringify({ bucket: 'u', prefix: 'acme/ahead/' })
  assert.equal((await front.call('POST', '/admin/cache/prewarm', { body })).status, 202)
  const tasks = (): Promise<unknown> =>
    front.call('GET', '/admin/cache/prewarm').then(({ json }) => JSON.stringify(json))
  await until('its end', tasks, (text) => String(text).includes('"completed"'))
  const answer = await get('/u/acme/ahead/x', acme)
  assert.deepEqual([answer.text, answer.headers['x-cache']], ['x of acme', 'HIT'])
  assert.equal(await outcome('/u/acme/ahead/x', as({ tenant: 'other' })), DENIED)
})

test('an operator is told what the names stand for, and of the rule', async () => {
  const told = await explainAt(front, { path: '/u/zo%C3%AB/dir/deep.txt', headers: acme })
  assert.deepEqual(stepOf(told, 'route')['captured'], { tenant: 'zoë' })
  assert.equal(stepOf(told, 'access')['code'], 'claims_denied')
  const public_ = await explainAt(front, { path: '/u/acme/public/css/main.css' })
  assert.deepEqual(stepOf(public_, 'route')['captured'], { tenant: 'acme', kind: 'css' })
  assert.equal(stepOf(public_, 'plan')['key'], 'css/of-acme/main.css')
  const own = await explainAt(front, { path: '/u/acme/report.pdf', headers: acme })
  assert.equal(stepOf(own, 'plan')['key'], 'acme/report.pdf')
  const [replica] = stepOf(own, 'origin')['replicas'] as { object: string }[]
  assert.equal(replica?.object, 'tenants/acme/report.pdf')
})

test('whatever the path, a tenant never reads another’s object', async () => {
  const piece = fc.constantFrom(
    '/',
    'u',
    'acme',
    'other',
    '%2f',
    '%2F',
    '..',
    '.',
    '%2e',
    '//',
    'report.pdf',
    '%25',
    '%c3',
    '{tenant}',
    'tenants',
    '%5c',
    ';',
    '%00',
  )
  const paths = fc.array(piece, { minLength: 1, maxLength: 9 }).map((all) => `/u/${all.join('')}`)
  const holds = fc.asyncProperty(paths, async (path) => {
    const { status, text } = await get(path, acme)
    assert.ok(status < 500, `${path} ${status}`)
    assert.ok(status !== 200 || text.endsWith('of acme'), `${path} ${text}`)
  })
  await fc.assert(holds, { numRuns: 300, seed: 5 })
})
