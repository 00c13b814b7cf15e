// `sluice audit verify`, as an operator uses it on the files of a program that ran.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'

import { auditTo, createAuditFolder, verifyFiles } from '../support/audit.ts'
import type { AuditFolder } from '../support/audit.ts'
import { openFront } from '../support/front.ts'
import { request } from '../support/http.ts'
import { runSluice } from '../support/sluice.ts'

let audit: AuditFolder
let lines: string[]

before(async () => {
  audit = createAuditFolder()
  await using front = await openFront(auditTo(audit))
  for (let number = 1; number <= 8; number += 1) await request(`${front.url}/${number}`)
  front.sluice.kill('SIGTERM')
  await front.sluice.exited
  lines = readFileSync(audit.path, 'utf8').split('\n').slice(0, -1)
})
after(() => audit[Symbol.dispose]())

function written(name: string, text: string | Uint8Array): string {
  const file = join(audit.folder, name)
  writeFileSync(file, text)
  return file
}

async function verdictOn(changed: readonly string[]): Promise<unknown[]> {
  const file = written('changed', `${changed.join('\n')}\n`)
  const { code, stdout, stderr } = await verifyFiles([file])
  return [code, stdout, stderr.replaceAll(file, 'FILE')]
}

test('a whole log is ok', async () => {
  assert.deepEqual(await verdictOn(lines), [0, 'ok: 10 records, 1 to 10\n', ''])
})

test('a changed line is found', async () => {
  const changed = lines.with(4, (lines[4] ?? '').replace('"denied"', '"allowed"'))
  assert.notDeepEqual(changed, lines)
  assert.deepEqual(await verdictOn(changed), [1, '', 'FILE:5: record 5 was changed\n'])
})

test('a removed line is found', async () => {
  const fault = 'FILE:5: record 5 is missing before it\n'
  assert.deepEqual(await verdictOn(lines.toSpliced(4, 1)), [1, '', fault])
})

test('swapped lines are found', async () => {
  const [a = '', b = ''] = lines.slice(4)
  const fault = 'FILE:5: record 6 is out of order: record 5 comes after it\n'
  assert.deepEqual(await verdictOn(lines.toSpliced(4, 2, b, a)), [1, '', fault])
})

test('lines that are missing at the end are told by the missing end', async () => {
  const [code, stdout] = await verdictOn(lines.slice(0, 7))
  assert.equal(code, 0)
  assert.match(String(stdout), /^ok: 7 records, 1 to 7\nthe last record is not that of an end/)
})

test('several files are read as they follow each other, gzipped or not, whatever their names', async () => {
  const files = [
    written('b', `${lines.slice(3, 6).join('\n')}\n`),
    written('c', gzipSync(`${lines.slice(0, 3).join('\n')}\n`)),
    written('a', `${lines.slice(6).join('\n')}\n`),
  ]
  const { code, stdout } = await verifyFiles(files)
  assert.deepEqual([code, stdout], [0, 'ok: 10 records, 1 to 10\n'])
  const two = files.slice(1)
  const without = await verifyFiles(two)
  assert.equal(without.code, 1)
  assert.equal(without.stderr, `${two[1]}:1: records 4 to 6 are missing before it\n`)
})

test('what is no audit log is not ok', async () => {
  const other = await verifyFiles([written('other', '{"seq":1}\n')])
  assert.deepEqual([other.code, other.stdout], [1, ''])
  const none = await verifyFiles([written('none', '')])
  assert.deepEqual([none.code, none.stderr], [1, 'sluice: there are no records\n'])
  const absent = await verifyFiles([join(audit.folder, 'absent')])
  assert.equal(absent.code, 1)
  assert.match(absent.stderr, /ENOENT/)
})

test('a command that is not understood says what is', async () => {
  for (const args of [['audit'], ['audit', 'check'], ['audit', 'verify']]) {
    const { code, stderr } = await runSluice(args)
    assert.equal(code, 1)
    assert.match(stderr, /sluice audit verify FILE…/)
  }
})
