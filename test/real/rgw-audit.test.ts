// The audit log in a bucket of a real S3 server: what is there, what waits while the server is away, and
// what a program that ended leaves to the next.

import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'

import { createAuditFolder, recordsIn, verifyFiles } from '../support/audit.ts'
import type { AuditRecord } from '../support/audit.ts'
import { openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import { scrape, untilMetrics } from '../support/metrics.ts'
import { partMissing } from '../support/parts.ts'
import { openRgw } from '../support/rgw.ts'
import type { Rgw } from '../support/rgw.ts'
import { until } from '../support/until.ts'

const skip = partMissing('radosgw')
let rgw: Rgw
let home: string
let buckets = 0
const TESTS = 7

before(async () => {
  if (skip !== false) return
  rgw = await openRgw()
  // Before any gateway is killed: Ceph waits for it half a minute before it creates another bucket.
  for (let number = 1; number <= TESTS; number += 1) await rgw.createBucket(`audit-${number}`)
  home = mkdtempSync(join(tmpdir(), 'audit-s3-'))
})
after(async () => {
  await rgw?.close()
  if (home !== undefined) rmSync(home, { recursive: true })
})

interface Export {
  readonly bucket: string
  readonly spool: string
  readonly settings: { readonly audit_log: object }
}

function createExport(more: object = {}, s3: object = {}): Export {
  const bucket = `audit-${(buckets += 1)}`
  const spool = join(home, bucket)
  const s3_export = {
    bucket,
    endpoint: rgw.endpoint,
    access_key: rgw.accessKey,
    secret_key: rgw.secretKey,
    spool_path: spool,
    ...s3,
  }
  return {
    bucket,
    spool,
    settings: {
      audit_log: { enabled: true, outputs: ['s3', ...Object.keys(more)], s3_export, ...more },
    },
  }
}

interface Batch {
  readonly key: string
  readonly bytes: Buffer
}

async function batchesOf({ bucket }: Export): Promise<Batch[]> {
  const listed = await rgw.client.send(new ListObjectsV2Command({ Bucket: bucket }))
  const keys = (listed.Contents ?? []).flatMap(({ Key }) => Key ?? [])
  return Promise.all(
    keys.map(async (Key) => {
      const { Body } = await rgw.client.send(new GetObjectCommand({ Bucket: bucket, Key }))
      return { key: Key, bytes: Buffer.from((await Body?.transformToByteArray()) ?? []) }
    }),
  )
}

function recordsOf(batches: readonly Batch[]): AuditRecord[] {
  return batches
    .flatMap(({ key, bytes }) => {
      const text = key.endsWith('.gz') ? gunzipSync(bytes) : bytes
      return recordsIn(String(text))
    })
    .sort((one, other) => Number(one['seq']) - Number(other['seq']))
}

async function ask(front: Front, count: number, path = '/files/none'): Promise<void> {
  for (let done = 0; done < count; done += 1) await request(`${front.url}${path}`)
}

async function end(front: Front): Promise<void> {
  front.sluice.kill('SIGTERM')
  assert.equal((await front.sluice.exited).code, 0)
}

const seqs = (records: readonly AuditRecord[]): unknown[] => records.map(({ seq }) => seq)
const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1)

test(
  'records arrive in batches that verify, by prefix, day, program and number',
  { skip },
  async () => {
    const exported = createExport({}, { path_prefix: 'logs/', export_interval_seconds: 1 })
    await using front = await openFront({ ...exported.settings, server: { threads: 2 } })
    await ask(front, 20)
    await until(
      'a first batch',
      async () => recordsOf(await batchesOf(exported)).length,
      (length) => length > 0,
    )
    await ask(front, 10)
    await end(front)
    const batches = await batchesOf(exported)
    const records = recordsOf(batches)
    assert.deepEqual(seqs(records), upTo(32))
    assert.ok(batches.length >= 2)
    const { instance, time } = records[0] ?? {}
    const day = String(time).slice(0, 10).replaceAll('-', '/')
    for (const { key } of batches) {
      assert.ok(key.startsWith(`logs/${day}/${String(instance)}/0000`), key)
      assert.match(basename(key), /^\d{12}-\d{12}\.jsonl\.gz$/)
    }
    const files = batches.map(({ key, bytes }) => {
      const file = join(home, basename(key))
      writeFileSync(file, bytes)
      return file
    })
    const { code, stdout, stderr } = await verifyFiles(files.toReversed())
    assert.deepEqual([code, stdout, stderr], [0, 'ok: 32 records, 1 to 32\n', ''])
    assert.deepEqual(readdirSync(exported.spool), ['head.json'])
  },
)

test('with compression: none a batch is plain lines', { skip }, async () => {
  const exported = createExport({}, { compression: 'none' })
  await using front = await openFront(exported.settings)
  await ask(front, 3)
  await end(front)
  const [batch, ...others] = await batchesOf(exported)
  assert.deepEqual([basename(batch?.key ?? ''), others], ['000000000001-000000000005.jsonl', []])
  assert.match(String(batch?.bytes), /^\{"seq":1,/)
})

test(
  'while S3 is away records wait on disk, requests do not, and all arrive in the end',
  { skip },
  async () => {
    const exported = createExport({}, { export_interval_seconds: 1 })
    await using front = await openFront(exported.settings)
    await ask(front, 5)
    await rgw.kill()
    try {
      await ask(front, 5)
      const line = await front.sluice.logLine((found) => found['event'] === 'audit')
      assert.deepEqual([line['sink'], line['state'], line['lost']], ['s3', 'failing', 0])
      await ask(front, 5)
      const metrics = await scrape(front.opsUrl)
      const count = (outcome: string): number =>
        metrics.sum('sluice_audit_records_total', { sink: 's3', outcome })
      assert.ok(count('failed') > 0)
      assert.equal(count('dropped'), 0)
    } finally {
      await rgw.restart()
    }
    await untilMetrics(
      front.opsUrl,
      'what waited',
      (metrics) => metrics.sum('sluice_audit_records_total', { outcome: 'written' }) === 16,
    )
    await front.sluice.logLine((found) => found['event'] === 'audit' && found['state'] === 'back')
    await end(front)
    assert.deepEqual(seqs(recordsOf(await batchesOf(exported))), upTo(17))
  },
)

test(
  'what did not arrive before the end is sent by the next program, and the chain goes on',
  { skip },
  async () => {
    const exported = createExport()
    await rgw.kill()
    try {
      await using front = await openFront(exported.settings)
      await ask(front, 3)
      await end(front)
      await using killed = await openFront(exported.settings)
      await ask(killed, 3)
      const open = (): string[] =>
        readdirSync(exported.spool).filter((name) => name.startsWith('open_'))
      await until('a spool', async () => open().length, Boolean)
      // Until all three are on disk.
      await until(
        'the records',
        async () => recordsIn(readSpool(exported)).length,
        (length) => length >= 9,
      )
      killed.sluice.kill('SIGKILL')
      await killed.sluice.exited
    } finally {
      await rgw.restart()
    }
    await using last = await openFront(exported.settings)
    await end(last)
    const records = recordsOf(await batchesOf(exported))
    assert.deepEqual(seqs(records), upTo(11))
    const kinds = records.map(({ kind }) => kind)
    const asked = ['request', 'request', 'request']
    assert.deepEqual(kinds, ['start', ...asked, 'end', 'start', ...asked, 'start', 'end'])
  },
)

function readSpool({ spool }: Export): string {
  return readdirSync(spool)
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => readFileSync(join(spool, name), 'utf8'))
    .join('')
}

test('what the spool cannot hold waits in memory, and no request with it', { skip }, async () => {
  const exported = createExport({}, { max_spool_size_mb: 1, export_interval_seconds: 1 })
  await using front = await openFront(exported.settings)
  await rgw.kill()
  try {
    const long = `${front.url}/files/${'x'.repeat(1100)}`
    for (let round = 0; round < 10; round += 1) {
      await Promise.all(Array.from({ length: 50 }, () => request(long)))
    }
    const line = await front.sluice.logLine((found) => found['sink'] === 's3-spool')
    assert.match(String(line['reason']), /^the spool is full: /)
    assert.ok(Buffer.byteLength(readSpool(exported)) <= 2 ** 20)
    assert.equal((await request(`${front.url}/health`)).status, 200)
  } finally {
    await rgw.restart()
  }
  await untilMetrics(
    front.opsUrl,
    'all of them',
    (metrics) => metrics.sum('sluice_audit_records_total', { outcome: 'written' }) >= 502,
  )
  await end(front)
  assert.deepEqual(seqs(recordsOf(await batchesOf(exported))), upTo(503))
})

test('what S3 refuses is told in its words, and the secret key nowhere', { skip }, async () => {
  const secret = 'a wrong secret key of the tests'
  const exported = createExport({}, { secret_key: secret, export_interval_seconds: 1 })
  await using front = await openFront(exported.settings)
  const line = await front.sluice.logLine((found) => found['event'] === 'audit')
  assert.match(String(line['reason']), /403 SignatureDoesNotMatch/)
  assert.ok(!front.sluice.stdout().includes(secret))
})

test('the file and S3 hold one chain, which goes on from whatever is ahead', { skip }, async () => {
  using audit = createAuditFolder()
  const exported = createExport({ file: { path: audit.path } })
  await using front = await openFront(exported.settings)
  await ask(front, 2)
  await end(front)
  assert.deepEqual(recordsOf(await batchesOf(exported)), audit.records())
  rmSync(audit.path)
  mkdirSync(audit.folder, { recursive: true })
  await using next = await openFront(exported.settings)
  await end(next)
  assert.deepEqual(
    audit.records().map(({ seq, kind }) => [seq, kind]),
    [
      [5, 'start'],
      [6, 'end'],
    ],
  )
  assert.deepEqual(seqs(recordsOf(await batchesOf(exported))), upTo(6))
  assert.ok(existsSync(exported.spool))
})
