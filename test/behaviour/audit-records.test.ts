// What an audit log says of each request and of each call of an operator, and what it never says.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { auditTo, createAuditFolder } from '../support/audit.ts'
import type { AuditFolder, AuditRecord } from '../support/audit.ts'
import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { download, rawExchange, request } from '../support/http.ts'
import { scrape } from '../support/metrics.ts'
import { inSeconds, SECRET, token as tokenOf } from '../support/tokens.ts'

const TOKEN = 'Rk3v-9qLwPz7_tYd2XcB'
const ADMIN = { Authorization: `Bearer ${TOKEN}` }
let audit: AuditFolder
let front: Front

before(async () => {
  audit = createAuditFolder()
  front = await openFront(
    { ...auditTo(audit), admin: { token: TOKEN }, jwt: { secret: SECRET } },
    { buckets: (endpoint) => [bucketAt(endpoint, { name: 'closed', auth: { enabled: true } })] },
  )
  front.put('a.txt', 'hello')
  front.put('large', { size: 64 * 2 ** 20, seed: 'large' })
})
after(async () => {
  await front?.[Symbol.asyncDispose]()
  audit[Symbol.dispose]()
})

let requests = 0

async function recordOf(
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<AuditRecord> {
  const id = `request-${(requests += 1)}`
  await request(front.url + path, {
    ...options,
    headers: { ...options.headers, 'X-Request-ID': id },
  })
  return recordWith(id)
}

function recordWith(id: string): Promise<AuditRecord> {
  return audit.record((record) => record['request_id'] === id)
}

test('a record says what the access log says, what was decided, and its place in the chain', async () => {
  const record = await recordOf('/files/a.txt?x=1', { headers: { 'User-Agent': 'tester/1.0' } })
  const { seq, previous, hash, time, duration_ms, ttfb_ms, kind, ...facts } = record
  const line = await front.sluice.logLine((found) => found['request_id'] === record['request_id'])
  const { level, msg, time: logged, duration_ms: lasted, ttfb_ms: began, ...said } = line
  assert.deepEqual([level, msg], ['info', 'request'])
  assert.deepEqual(facts, { ...said, decision: 'allowed', user_agent: 'tester/1.0' })
  assert.deepEqual([kind, duration_ms, ttfb_ms], ['request', lasted, began])
  assert.ok(Math.abs(Date.parse(String(time)) - Date.parse(String(logged))) < 10_000)
  assert.ok(Number(seq) > 1)
  assert.match(String(previous) + String(hash), /^[0-9a-f]{128}$/)
})

test('the first record tells which program began, and each names the one before it', async () => {
  await recordOf('/files/a.txt')
  const [first, ...others] = audit.records()
  assert.deepEqual([first?.['seq'], first?.['kind']], [1, 'start'])
  assert.match(String(first?.['instance']), /^[\w.-]+-[0-9a-f]{8}$/)
  assert.equal(first?.['pid'], front.sluice.pid)
  let before = first
  for (const record of others) {
    assert.equal(record['previous'], before?.['hash'])
    assert.equal(record['seq'], Number(before?.['seq']) + 1)
    before = record
  }
})

const DECIDED: readonly (readonly [
  what: string,
  path: string,
  method: string,
  ...facts: readonly unknown[],
])[] = [
  ['a HEAD', '/files/a.txt', 'HEAD', 'allowed', undefined, 200, 0],
  ['what is not there', '/files/none', 'HEAD', 'allowed', 'not_found', 404, 0],
  ['no route', '/nowhere', 'HEAD', 'denied', 'no_route', 404, 0],
  ['no token', '/closed/a.txt', 'HEAD', 'denied', 'token_missing', 401, 0],
  ['a bad path', '/files/%2e%2e/x', 'HEAD', 'denied', 'invalid_path', 400, 0],
  ['a method', '/files/a.txt', 'DELETE', 'denied', 'method_not_allowed', 405, undefined],
  ['a health check', '/health', 'HEAD', 'allowed', undefined, 200, 0],
]

for (const [what, path, method, decision, reason, status, bytes] of DECIDED) {
  test(`a record of ${what} says what was decided`, async () => {
    const record = await recordOf(path, { method })
    assert.deepEqual(
      [record['decision'], record['reason'], record['status'], record['method']],
      [decision, reason, status, method],
    )
    if (bytes !== undefined) assert.equal(record['bytes'], bytes)
  })
}

test('who had a token is named', async () => {
  const headers = {
    Authorization: `Bearer ${tokenOf({ claims: { sub: 'alice', exp: inSeconds(3600) } })}`,
  }
  const record = await recordOf('/closed/a.txt', { headers })
  assert.deepEqual([record['decision'], record['user']], ['allowed', 'alice'])
})

test('a download whose client left is told with what was really sent', async () => {
  const id = 'left'
  const headers = { 'X-Request-ID': id }
  await download(`${front.url}/files/large`, { headers, abortAfter: 1024 })
  const record = await recordWith(id)
  assert.deepEqual([record['aborted'], record['decision']], [true, 'allowed'])
  assert.ok(Number(record['bytes']) < 64 * 2 ** 20)
})

test('what the parser refuses has its record', async () => {
  await rawExchange(front.port, 'GET / HTTP/1.1\r\nHost: x\r\nBroken\x01Header: x\r\n\r\n')
  const record = await audit.record(({ reason, path }) => {
    return reason === 'invalid_request' && path === undefined
  })
  assert.deepEqual(
    [record['decision'], record['status'], record['client_ip']],
    ['denied', 400, '127.0.0.1'],
  )
  assert.match(String(record['request_id']), /^[\w-]{8,}$/)
})

test('user agent and referer come without queries and passwords', async () => {
  const record = await recordOf('/files/a.txt', {
    headers: {
      'User-Agent': 'bot/1 (+https://bot.example/why?id=hunter2)',
      Referer: 'https://me:hunter2@shop.example/cart?session=hunter2#hunter2',
    },
  })
  assert.deepEqual(
    [record['user_agent'], record['referer']],
    ['bot/1 (+https://bot.example/why)', 'https://shop.example/cart'],
  )
})

test('a record is bounded, whatever a client sends', async () => {
  const headers = { 'User-Agent': 'é"'.repeat(2500), Referer: `http://x/${'\\'.repeat(3000)}` }
  const id = 'huge'
  await request(`${front.url}/files/${'%22'.repeat(1000)}`, {
    headers: { ...headers, 'X-Request-ID': id },
  })
  const record = await recordWith(id)
  assert.ok(Buffer.byteLength(JSON.stringify(record)) < 6 * 1024)
})

test('a call of an operator tells who asked for what, and what came of it', async () => {
  const asked = async (id: string, path: string, options: object): Promise<AuditRecord> => {
    const headers = { ...ADMIN, 'X-Request-ID': id }
    await request(front.opsUrl + path, { headers, ...options })
    return audit.record((record) => record['request_id'] === id && record['kind'] === 'admin')
  }
  const facts = (record: AuditRecord): unknown[] =>
    ['call', 'asked', 'role', 'subject', 'status', 'decision', 'outcome'].map(
      (name) => record[name],
    )
  const good = await asked('looked', '/admin/routes?', {})
  const who = ['operator', 'token:operator']
  assert.deepEqual(facts(good), ['routes', 'GET /admin/routes', ...who, 200, 'allowed', 'done'])
  const wrong = await asked('wrong', '/admin/routes?x=hunter2', {})
  assert.deepEqual(facts(wrong), ['routes', 'GET /admin/routes', ...who, 400, 'allowed', 'failed'])
  const explained = await asked('explained', '/admin/explain?path=/files/a.txt%3Ftoken=hunter2', {})
  assert.equal(explained['rule'], '{"path":"/files/a.txt"}')
  const headers = { Authorization: 'Bearer hunter2-hunter2', 'X-Request-ID': 'guessed' }
  const guess = await asked('guessed', '/admin/config', { headers })
  assert.deepEqual(
    [guess['decision'], guess['reason'], guess['asked'], guess['role']],
    ['denied', 'token_invalid', 'GET /admin/config', undefined],
  )
})

test('every refused call is there, though the log tells only some', async () => {
  const calls = Array.from({ length: 60 }, (_, index) => `guess-${index}`)
  for (const id of calls) {
    await request(`${front.opsUrl}/admin/config`, { headers: { 'X-Request-ID': id } })
  }
  await audit.record((record) => record['request_id'] === 'guess-59')
  const kept = audit.records().filter((record) => calls.includes(String(record['request_id'])))
  assert.equal(kept.length, 60)
  const told = front.sluice.logLines().filter((line) => calls.includes(String(line['request_id'])))
  assert.ok(told.length <= 20)
})

test('no record holds a token, a signature, a cookie or a query', async () => {
  const secrets = [
    TOKEN,
    SECRET,
    'hunter2',
    tokenOf({ claims: { sub: 'bob', exp: inSeconds(3600) } }),
  ]
  const [, , , token = ''] = secrets
  const headers = {
    Authorization: `Bearer ${token}`,
    Cookie: 'session=hunter2; sl-sig=hunter2',
    'X-Amz-Security-Token': 'hunter2',
    Referer: `http://x/?token=${token}`,
    'X-Forwarded-For': 'hunter2',
  }
  const targets = [
    '/closed/a.txt',
    `/closed/a.txt?token=${token}&sl-sig=hunter2`,
    `/files/a.txt?X-Amz-Signature=hunter2`,
    `/files/%zz?token=hunter2`,
  ]
  for (const target of targets) await recordOf(target, { headers })
  await rawExchange(
    front.port,
    `GET http://u:hunter2@x/../a?token=hunter2 HTTP/1.1\r\nHost: x\r\nX-Request-ID: odd\r\nConnection: close\r\n\r\n`,
  )
  await recordWith('odd')
  for (const secret of secrets) assert.ok(!audit.text().includes(secret), secret)
})

test('what was written is counted', async () => {
  await recordOf('/files/a.txt')
  const metrics = await scrape(front.opsUrl)
  const count = (outcome: string): number =>
    metrics.sum('sluice_audit_records_total', { sink: 'file', outcome })
  assert.equal(count('written'), audit.records().length)
  assert.deepEqual([count('dropped'), count('failed')], [0, 0])
})

test('the chain verifies', async () => {
  const { code, stdout, stderr } = await audit.verify()
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /^ok: \d+ records, 1 to \d+\nthe last record is not that of an end/)
})

test('log_level: warn keeps what was refused or failed, and what operators do', async () => {
  using own = createAuditFolder()
  const settings = { ...auditTo(own, {}, { log_level: 'warn' }), admin: { token: TOKEN } }
  await using other = await openFront(settings)
  other.put('a.txt', 'hello')
  for (const path of ['a.txt', 'none', 'a.txt']) await request(`${other.url}/files/${path}`)
  await request(`${other.opsUrl}/admin/routes`, { headers: ADMIN })
  other.sluice.kill('SIGTERM')
  await other.sluice.exited
  const kept = own.records().map(({ kind, status }) => [kind, status])
  assert.deepEqual(kept, [
    ['start', undefined],
    ['request', 404],
    ['admin', 200],
    ['end', undefined],
  ])
})

test('log_level: error keeps what failed', async () => {
  using own = createAuditFolder()
  await using other = await openFront(auditTo(own, {}, { log_level: 'error' }))
  await request(`${other.url}/files/none`)
  await other.s3.close()
  await request(`${other.url}/files/none`)
  other.sluice.kill('SIGTERM')
  await other.sluice.exited
  const kept = own.records().map(({ kind, status }) => [kind, status])
  assert.deepEqual(kept, [
    ['start', undefined],
    ['request', 503],
    ['end', undefined],
  ])
})

test('without audit_log nothing is written', async () => {
  using own = createAuditFolder()
  const { audit_log: settings } = auditTo(own)
  await using other = await openFront({ audit_log: { ...settings, enabled: false } })
  await request(`${other.url}/files/none`)
  other.sluice.kill('SIGTERM')
  await other.sluice.exited
  assert.deepEqual(own.files(), [])
})
