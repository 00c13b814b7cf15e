// The audit log in a file: it survives sudden ends and full disks, makes room for itself, and loses
// nothing while it does.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { hash } from 'node:crypto'
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { auditTo, createAuditFolder, recordsIn } from '../support/audit.ts'
import type { AuditFolder } from '../support/audit.ts'
import { openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import { scrape, untilMetrics } from '../support/metrics.ts'
import { openSluice } from '../support/sluice.ts'
import { until } from '../support/until.ts'

/** Requests that are refused, with addresses as long as may be: some 3 KB a record. */
async function ask(front: Front, count: number, name = 'x'): Promise<void> {
  const path = `/${name.repeat(1200 / name.length)}`
  const target = `${front.url}/files${path}`
  for (let done = 0; done < count; done += 50) {
    const batch = Array.from({ length: Math.min(50, count - done) }, () => request(target))
    await Promise.all(batch)
  }
}

async function end(front: Front): Promise<void> {
  front.sluice.kill('SIGTERM')
  const { code } = await front.sluice.exited
  assert.equal(code, 0, front.sluice.stderr())
}

function requestsIn(audit: AuditFolder): number {
  return audit.records().filter(({ kind }) => kind === 'request').length
}

test('a file that is full is moved aside, and nothing is lost, whatever thread served', async () => {
  using audit = createAuditFolder()
  const settings = { ...auditTo(audit, { max_file_size_mb: 1, max_backup_files: 9 }) }
  await using front = await openFront({ ...settings, server: { threads: 2 } })
  await ask(front, 1500)
  await end(front)
  const { code, stdout, stderr } = await audit.verify()
  assert.deepEqual([code, stderr, stdout], [0, '', 'ok: 1502 records, 1 to 1502\n'])
  assert.equal(requestsIn(audit), 1500)
  const files = audit.files()
  assert.ok(files.length >= 3, files.join(' '))
  for (const file of files) assert.ok(statSync(file).size <= 2 ** 20, file)
  for (const file of files.slice(0, -1)) {
    const last = recordsIn(readFileSync(file, 'utf8')).at(-1)
    const name = `audit-${String(last?.['seq']).padStart(12, '0')}-`
    assert.ok(file.includes(name), `${file} is not ${name}…`)
  }
  assert.equal(statSync(audit.path).mode & 0o777, 0o640)
})

test('only so many are kept, and what is left still verifies', async () => {
  using audit = createAuditFolder()
  const other = join(audit.folder, 'audit-of-somebody.log')
  await using front = await openFront({
    ...auditTo(audit, { max_file_size_mb: 1, max_backup_files: 1 }),
  })
  writeFileSync(other, '')
  await ask(front, 1500)
  await end(front)
  const kept = audit.files().filter((file) => file !== other)
  assert.equal(kept.length, 2)
  assert.ok(readdirSync(audit.folder).includes('audit-of-somebody.log'))
  assert.equal((await audit.verify()).code, 0)
  const first = recordsIn(readFileSync(kept[0] ?? '', 'utf8'))[0]
  assert.ok(Number(first?.['seq']) > 1)
})

/** A record as yesterday's program wrote it. */
function yesterdaysRecord(): string {
  const time = new Date(Date.now() - 86_400_000).toISOString()
  const text = `{"seq":1,"previous":"${'0'.repeat(64)}","kind":"start","time":"${time}"`
  return `${text},"hash":"${hash('sha256', text)}"}\n`
}

for (const [policy, files] of [
  ['daily', 2],
  ['size', 1],
] as const) {
  test(`with rotation_policy ${policy} a new day has ${files === 2 ? 'a' : 'no'} file of its own`, async () => {
    using audit = createAuditFolder()
    writeFileSync(audit.path, yesterdaysRecord())
    await using front = await openFront(auditTo(audit, { rotation_policy: policy }))
    await end(front)
    assert.equal(audit.files().length, files)
    const { stdout } = await audit.verify()
    assert.equal(stdout, 'ok: 3 records, 1 to 3\n')
  })
}

test('the chain goes on after a clean end, and after a sudden one in the middle of a line', async () => {
  using audit = createAuditFolder()
  const config = { buckets: bucketsOf(), ...auditTo(audit) }
  for (const signal of ['SIGTERM', 'SIGKILL', 'SIGTERM'] as const) {
    await using sluice = await openSluice(config)
    await request(`${sluice.url}/nowhere`)
    await until(
      'a record',
      async () => audit.records().at(-1),
      (last) => last?.['path'] === '/nowhere',
    )
    sluice.kill(signal)
    await sluice.exited
    if (signal === 'SIGKILL') appendFileSync(audit.path, '{"seq":7,"previous":"0123')
  }
  const kinds = audit.records().map(({ kind }) => kind)
  const life = ['start', 'request', 'end']
  assert.deepEqual(kinds, [...life, 'start', 'request', ...life])
  assert.equal((await audit.verify()).stdout, 'ok: 8 records, 1 to 8\n')
})

test('the chain goes on from the newest backup where there is no other file', async () => {
  using audit = createAuditFolder()
  const config = { buckets: bucketsOf(), ...auditTo(audit) }
  for (const round of [1, 2]) {
    await using sluice = await openSluice(config)
    sluice.kill('SIGTERM')
    await sluice.exited
    const backup = join(audit.folder, 'audit-000000000002-20260102T000000Z.log')
    if (round === 1) renameSync(audit.path, backup)
  }
  assert.equal((await audit.verify()).stdout, 'ok: 4 records, 1 to 4\n')
})

test('a file that is moved away is left alone, and another begins', async () => {
  using audit = createAuditFolder()
  await using front = await openFront(auditTo(audit))
  await request(`${front.url}/one`)
  await audit.record(({ path }) => path === '/one')
  const moved = join(audit.folder, 'audit.1.log')
  renameSync(audit.path, moved)
  await until(
    'a new file',
    async () => {
      await request(`${front.url}/two`)
      return readdirSync(audit.folder)
    },
    (names) => names.includes('audit.log'),
  )
  await end(front)
  const { code, stdout } = await audit.verify()
  assert.equal(code, 0, stdout)
})

test('a file that is no audit log is not touched, and neither is anything that is no file', async () => {
  using audit = createAuditFolder()
  writeFileSync(audit.path, 'precious\n')
  const config = { buckets: bucketsOf(), ...auditTo(audit) }
  await using sluice = await openSluice(config, { waitReady: false })
  const { code } = await sluice.exited
  assert.equal(code, 1)
  assert.match(sluice.stderr(), /audit\.log does not end with an audit record/)
  assert.equal(readFileSync(audit.path, 'utf8'), 'precious\n')
  const device = { buckets: bucketsOf(), ...auditTo(audit, { path: '/dev/full' }) }
  await using other = await openSluice(device, { waitReady: false })
  assert.equal((await other.exited).code, 1)
  assert.match(other.stderr(), /\/dev\/full is not a file/)
})

test('a full disk costs no request; what waits is written when there is room, whole lines alone', async () => {
  using audit = createAuditFolder()
  await using front = await openFront(auditTo(audit))
  const limit = (bytes: string): void => {
    execFileSync('prlimit', [`--pid=${front.sluice.pid}`, `--fsize=${bytes}:unlimited`])
  }
  await ask(front, 10)
  limit('20000')
  await ask(front, 50)
  await front.sluice.logLine((line) => line['event'] === 'audit' && line['state'] === 'failing')
  const { status } = await request(`${front.url}/health`)
  assert.equal(status, 200)
  const metrics = await scrape(front.opsUrl)
  assert.ok(metrics.sum('sluice_audit_records_total', { sink: 'file', outcome: 'failed' }) > 0)
  limit('unlimited')
  await front.sluice.logLine((line) => line['event'] === 'audit' && line['state'] === 'back')
  await end(front)
  assert.equal((await audit.verify()).stdout, 'ok: 63 records, 1 to 63\n')
})

test('what a full disk holds up beyond buffer_size is lost, counted, and told in the chain', async () => {
  using audit = createAuditFolder()
  await using front = await openFront(auditTo(audit, { buffer_size: '64KiB' }))
  const limit = (bytes: string): void => {
    execFileSync('prlimit', [`--pid=${front.sluice.pid}`, `--fsize=${bytes}:unlimited`])
  }
  limit('1')
  await ask(front, 200)
  const losing = await front.sluice.logLine(
    (line) => line['event'] === 'audit' && line['state'] === 'losing',
  )
  assert.equal(losing['level'], 'error')
  limit('unlimited')
  await front.sluice.logLine((line) => line['event'] === 'audit' && line['state'] === 'back')
  await request(`${front.url}/health`)
  const lost = await audit.record(({ kind }) => kind === 'lost')
  const metrics = await scrape(front.opsUrl)
  const dropped = metrics.sum('sluice_audit_records_total', { sink: 'file', outcome: 'dropped' })
  assert.deepEqual([lost['sink'], lost['count']], ['file', dropped])
  assert.equal(Number(lost['to']) - Number(lost['from']) + 1, dropped)
  await end(front)
  const { code, stdout } = await audit.verify()
  assert.equal(code, 0)
  assert.match(stdout, new RegExp(`the log itself tells of ${dropped} that were lost`))
})

test('what was lost is told in the chain at the end, where nothing came after it', async () => {
  using audit = createAuditFolder()
  await using front = await openFront(auditTo(audit, { buffer_size: '64KiB' }))
  const limit = (bytes: string): void => {
    execFileSync('prlimit', [`--pid=${front.sluice.pid}`, `--fsize=${bytes}:unlimited`])
  }
  limit('1')
  await ask(front, 200)
  await front.sluice.logLine((line) => line['event'] === 'audit' && line['state'] === 'losing')
  limit('unlimited')
  await end(front)
  const [lost, last] = audit.records().slice(-2)
  assert.deepEqual([lost?.['kind'], last?.['kind']], ['lost', 'end'])
  assert.equal((await audit.verify()).code, 0)
})

test('what still waits when the end comes is counted as lost, and the end comes', async () => {
  using audit = createAuditFolder()
  await using front = await openFront(auditTo(audit))
  execFileSync('prlimit', [`--pid=${front.sluice.pid}`, '--fsize=1:unlimited'])
  await ask(front, 5)
  await untilMetrics(
    front.opsUrl,
    'a failure',
    (metrics) => metrics.sum('sluice_audit_records_total', { outcome: 'failed' }) > 0,
  )
  await end(front)
  const told = front.sluice.logLines().findLast((line) => line['event'] === 'audit')
  assert.deepEqual([told?.['state'], told?.['lost']], ['losing', 5 + 1])
})

for (const [fsync, isForced] of [
  ['always', true],
  ['interval', true],
  ['never', false],
] as const) {
  test(`with fsync: ${fsync} the file is ${isForced ? 'forced' : 'not forced'} onto the disk`, async () => {
    using audit = createAuditFolder()
    const file = { fsync, ...(fsync === 'interval' ? { fsync_interval: '10ms' } : {}) }
    const count = await forcedTimes(audit, file)
    assert.equal(count > 3, isForced, `${count} times`)
  })
}

test('with a long fsync_interval it is forced at the beginning and at the end', async () => {
  using audit = createAuditFolder()
  assert.ok((await forcedTimes(audit, { fsync: 'interval', fsync_interval: '1h' })) <= 3)
})

/** During ten requests, one after the other. */
async function forcedTimes(audit: AuditFolder, file: object): Promise<number> {
  const trace = join(audit.folder, 'trace.json')
  const flags = `--trace-event-categories=node.fs.async --trace-event-file-pattern=${trace}`
  await using front = await openFront(auditTo(audit, file), { env: { NODE_OPTIONS: flags } })
  for (let number = 0; number < 10; number += 1) {
    await request(`${front.url}/${number}`)
    await audit.record(({ path }) => path === `/${number}`)
  }
  await end(front)
  const begun = readFileSync(trace, 'utf8').match(/"ph":"b"[^{}]*"name":"fdatasync"/g)
  return begun?.length ?? 0
}

function bucketsOf(): object[] {
  return [{ name: 'a', path_prefix: '/a', s3: { bucket: 'b', endpoint: 'http://127.0.0.1:9' } }]
}
