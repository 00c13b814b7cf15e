// The audit log as it is opened anew while it is written to.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import type { AuditLogConfig } from '../config/audit-log.ts'
import { parseRecord } from './audit-chain.ts'
import { AuditLog } from './audit.ts'

const home = mkdtempSync(join(tmpdir(), 'sluice-audit-'))
after(() => rmSync(home, { recursive: true }))
let count = 0

function newPath(): string {
  return join(home, `${(count += 1)}.log`)
}

function configFor(path: string, maxFileBytes = 2 ** 20): AuditLogConfig {
  const file = {
    path,
    maxFileBytes,
    maxBackupFiles: 5,
    rotation: 'size' as const,
    fsync: 'never' as const,
    fsyncIntervalMs: 1000,
    bufferBytes: 2 ** 20,
  }
  return { level: 'info', file, syslog: undefined, s3: undefined, idle: [] }
}

function open(config: AuditLogConfig | undefined): Promise<AuditLog> {
  return AuditLog.open({
    config,
    emit: () => {},
    random: () => 0.5,
    version: '1',
    hostname: 'host',
    pid: 1,
    uploader: () => () => Promise.reject(new Error('no S3 here')),
  })
}

const entry = (name: string): string =>
  `6"kind":"request","time":"2026-01-02T03:04:05Z","n":"${name}"`

/** Number and kind of each record, and the name of each request. */
function told(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const { seq, kind } = parseRecord(line) ?? {}
      return `${seq} ${/"n":"(\w+)"/.exec(line)?.[1] ?? kind}`
    })
}

test('opened anew in another file the chain goes on there, and nothing is lost between the two', async () => {
  const [one, other] = [newPath(), newPath()]
  const log = await open(configFor(one))
  log.take([entry('a')])
  const reopened = log.reopen(configFor(other))
  log.take([entry('b')])
  await reopened
  log.take([entry('c')])
  await log.close()
  assert.deepEqual(told(one), ['1 start', '2 a'])
  assert.deepEqual(told(other), ['3 b', '4 c', '5 end'])
})

test('opened anew with other settings of the same file it goes on in it', async () => {
  const path = newPath()
  const log = await open(configFor(path))
  log.take([entry('a')])
  await log.reopen(configFor(path, 2 ** 30))
  log.take([entry('b')])
  await log.close()
  assert.deepEqual(told(path), ['1 start', '2 a', '3 b', '4 end'])
})

test('what cannot be opened rejects, and all goes on as before', async () => {
  const path = newPath()
  const broken = newPath()
  mkdirSync(broken)
  const log = await open(configFor(path))
  await assert.rejects(log.reopen(configFor(broken)), /is not a file/)
  log.take([entry('a')])
  await log.close()
  assert.deepEqual(told(path), ['1 start', '2 a', '3 end'])
})

test('turned off it writes its end, and turned on again goes on where it was', async () => {
  const path = newPath()
  const log = await open(undefined)
  log.take([entry('never')])
  await log.reopen(configFor(path))
  log.take([entry('a')])
  await log.reopen(undefined)
  log.take([entry('never')])
  await log.reopen(configFor(path))
  await log.close()
  assert.deepEqual(told(path), ['1 start', '2 a', '3 end', '4 start', '5 end'])
})

test('in a file with a longer chain of another program it begins a file of its own', async () => {
  const [path, busy] = [newPath(), newPath()]
  const other = await open(configFor(busy))
  other.take(['a', 'b', 'c'].map(entry))
  await other.close()
  const log = await open(configFor(path))
  await log.reopen(configFor(busy))
  log.take([entry('own')])
  await log.close()
  assert.deepEqual(told(busy), ['2 own', '3 end'])
})

test('in a file that is behind, what it has not is told to be lost', async () => {
  const [path, behind] = [newPath(), newPath()]
  const other = await open(configFor(behind))
  await other.close()
  const log = await open(configFor(path))
  log.take(['a', 'b', 'c'].map(entry))
  await log.reopen(configFor(behind))
  await log.close()
  assert.deepEqual(told(behind), ['1 start', '2 end', '5 lost', '6 end'])
  assert.match(readFileSync(behind, 'utf8'), /"sink":"file","from":3,"to":4,"count":2/)
})

test('what threads could not hand over is told in the chain', async () => {
  const path = newPath()
  const log = await open(configFor(path))
  log.take([entry('a')], 7)
  await log.close()
  assert.deepEqual(told(path), ['1 start', '2 a', '3 lost', '4 end'])
  assert.match(readFileSync(path, 'utf8'), /"kind":"lost","time":"[^"]+","count":7/)
  const { sluice_audit_records_total: series = [] } = log.read()
  assert.deepEqual(
    series.map(({ labels, values }) => [...labels, ...values]),
    [
      ['file', 'written', 4],
      ['file', 'dropped', 7],
      ['file', 'failed', 0],
    ],
  )
})

test('zeros at the end of a file, as a loss of power leaves them, are cut off', async () => {
  const path = newPath()
  const log = await open(configFor(path))
  await log.close()
  writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(5000)]))
  const next = await open(configFor(path))
  await next.close()
  assert.deepEqual(told(path), ['1 start', '2 end', '3 start', '4 end'])
})
