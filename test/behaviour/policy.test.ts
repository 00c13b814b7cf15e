// Who may have what, decided by the policies of the project in an Open Policy Agent.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { callAt, TOKEN } from '../support/cached-front.ts'
import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { openOpa } from '../support/opa.ts'
import type { OpaServer } from '../support/opa.ts'
import { bearer, SECRET, token } from '../support/tokens.ts'

const ALL_DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']
const hours = (days: readonly string[]): object => ({
  require: ['hours'],
  hours: { zone: 'UTC', days, from: '00:00', to: '24:00' },
})
const RULES = {
  always: { prefix: '/always', ...hours(ALL_DAYS) },
  never: { prefix: '/never', ...hours([]) },
}
const WITH_TOKENS = ['downloads', 'documents', 'tenants', 'always', 'never']
const WITHOUT_TOKENS = ['gallery', 'unheard-of']
let opa: OpaServer
let front: Front

before(async () => {
  opa = await openOpa({ rules: RULES })
  const authorization = {
    type: 'opa',
    url: opa.url,
    policy_path: 'sluice/authz/decision',
    timeout_ms: 10_000,
    input: ['time'],
  }
  front = await openFront(
    {
      jwt: { secret: SECRET },
      cache: { cache_layers: ['memory'] },
      admin: { token: TOKEN },
      server: { trusted_proxies: ['127.0.0.1'] },
    },
    {
      buckets: (at) => [
        ...WITH_TOKENS.map((name) =>
          bucketAt(at, { name, authorization, auth: { enabled: true } }),
        ),
        ...WITHOUT_TOKENS.map((name) => bucketAt(at, { name, authorization })),
        bucketAt(at, {
          name: 'plain',
          authorization: { ...authorization, policy_path: 'sluice/authz/allow' },
        }),
        bucketAt(at, {
          name: 'nothing',
          authorization: { ...authorization, policy_path: 'sluice/no/such/rule' },
        }),
      ],
    },
  )
  for (const key of ['a', 'free/a', 'press/a', 'finance/a', 'sales/a', 'handbook/a', 'acme/a'])
    front.put(key, `bytes of ${key}`)
  front.put('thumbnails/a', 'bytes')
})
after(async () => {
  await front?.[Symbol.asyncDispose]()
  await opa?.close()
})

/** Somebody without claims has no token. */
function ask(path: string, claims?: object, more: object = {}): Promise<Answer> {
  const headers = claims === undefined ? {} : bearer(token({ claims: { sub: 'ann', ...claims } }))
  return request(`${front.url}${path}`, { headers: { ...headers, ...more } })
}

function codeOf({ status, text }: Answer): string {
  if (status === 200) return '200'
  const { error }: { error: string } = JSON.parse(text)
  return `${status} ${error}`
}

const DENIED = '403 policy_denied'
const cases: readonly [what: string, path: string, claims: object | undefined, code: string][] = [
  ['the role', '/downloads/a', { role: 'customer' }, '200'],
  ['one of several roles', '/downloads/a', { roles: ['x', 'staff'] }, '200'],
  ['another role', '/downloads/a', { role: 'stranger' }, DENIED],
  ['no role', '/downloads/a', {}, DENIED],
  ['no token', '/downloads/a', undefined, '401 token_missing'],
  ['what is public, with a token', '/downloads/free/a', {}, '200'],
  ['what is public, without one', '/gallery/thumbnails/a', undefined, '200'],
  ['what is not public, without a token', '/gallery/a', undefined, DENIED],
  ['its own department', '/documents/finance/a', { department: 'finance' }, '200'],
  ['another department', '/documents/finance/a', { department: 'sales' }, DENIED],
  ['another department, in escapes', '/documents/%66inance%2Fa', { department: 'sales' }, DENIED],
  ['what is for all departments', '/documents/handbook/a', { department: 'sales' }, '200'],
  ['an overseer', '/documents/sales/a', { role: 'auditor' }, '200'],
  ['its own tenant', '/tenants/acme/a', { tenant: 'acme' }, '200'],
  ['another tenant', '/tenants/acme/a', { tenant: 'globex' }, DENIED],
  ['within working hours', '/always/a', {}, '200'],
  ['outside working hours', '/never/a', {}, DENIED],
  ['a bucket without rules', '/unheard-of/a', undefined, DENIED],
  ['a rule that is true or false', '/plain/a', undefined, DENIED],
  ['a rule that there is none of', '/nothing/a', undefined, DENIED],
]

for (const [what, path, claims, code] of cases) {
  test(`${what} gets ${code}`, async () => {
    assert.equal(codeOf(await ask(path, claims)), code)
    // As it is remembered.
    assert.equal(codeOf(await ask(path, claims)), code)
  })
}

test('the reason stands in the log, and in nothing that a client sees', async () => {
  const claims = { department: 'marketing' }
  const no = await ask('/documents/finance/a', claims, { 'x-request-id': 'why-not' })
  assert.equal(no.status, 403)
  assert.doesNotMatch(no.text + no.rawHeaders.join(), /department|opa|rego/i)
  assert.equal(no.headers['cache-control'], 'no-store')
  const line = await front.sluice.logLine(({ request_id: id }) => id === 'why-not')
  const { policy, policy_reason: reason, error, user } = line
  assert.deepEqual(
    { policy, reason, error, user },
    {
      policy: 'deny',
      reason: 'departments: belongs to another department',
      error: 'policy_denied',
      user: 'ann',
    },
  )
  await ask('/gallery/thumbnails/a', undefined, { 'x-request-id': 'why' })
  const yes = await front.sluice.logLine(({ request_id: id }) => id === 'why')
  assert.deepEqual(
    [yes['policy'], yes['policy_reason'], yes['user']],
    ['allow', 'public', undefined],
  )
})

test('a cached private object is for those alone whom the policy lets have it', async () => {
  const finance = { sub: 'bob', department: 'finance' }
  const sales = { sub: 'cid', department: 'sales' }
  await ask('/documents/finance/a', finance)
  const hit = await ask('/documents/finance/a', finance)
  assert.deepEqual([hit.status, hit.headers['x-cache']], [200, 'HIT'])
  for (const claims of [sales, {}, undefined, { ...finance, department: ['finance'] }]) {
    const no = await ask('/documents/finance/a', claims)
    assert.ok(no.status === 403 || no.status === 401, no.text)
    assert.doesNotMatch(no.text, /bytes of/)
  }
  assert.equal((await ask('/documents/sales/a', finance)).status, 403)
  assert.equal((await ask('/documents/sales/a', sales)).status, 200)
  assert.equal((await ask('/documents/finance/a', finance)).headers['x-cache'], 'HIT')
})

test('S3 clients, pages and HEAD are refused in their own way', async () => {
  const xml = await request(`${front.url}/gallery/a`, { headers: { 'x-amz-date': 'now' } })
  assert.match(xml.text, /<Code>AccessDenied<\/Code>/)
  const page = await request(`${front.url}/gallery/a`, { headers: { accept: 'text/html' } })
  assert.match(page.text, /policy_denied/)
  const head = await request(`${front.url}/gallery/a`, { method: 'HEAD' })
  assert.deepEqual([head.status, head.body.length], [403, 0])
})

test('explain tells what the policy decides, and why', async () => {
  const explained = async (path: string): Promise<Record<string, unknown>> => {
    const { json } = await callAt(front.opsUrl, 'GET', `/admin/explain?path=${path}`)
    const steps = json['steps'] as Record<string, unknown>[]
    return steps.find(({ step }) => step === 'authorization') ?? {}
  }
  const yes = await explained('/gallery/thumbnails/a')
  assert.deepEqual([yes['outcome'], yes['reason']], ['admitted', 'The policy allows it (public).'])
  const { outcome, code, status, reason } = await explained('/gallery/a')
  assert.deepEqual(
    { outcome, code, status, reason },
    {
      outcome: 'refused',
      code: 'policy_denied',
      status: 403,
      reason: 'The policy does not allow this. (roles: needs another role)',
    },
  )
  const none = await explained('/nothing/a')
  assert.match(String(none['reason']), /\(the policy says nothing of it \(undefined\)\)/)
})
