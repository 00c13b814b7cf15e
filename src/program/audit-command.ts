// `sluice audit verify`: whether the records in some files, of the audit log or of its export to S3, are
// one chain in which nothing was changed, taken out or moved.

import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'

import { parseRecord, Verifier } from '../observe/observe.ts'
import type { Verdict } from '../observe/observe.ts'
import type { Terminal } from './admin-client.ts'

/** A record is never as long. */
const MOST_LINE_BYTES = 1024 * 1024
const LINE_END = 0x0a

/** Returns the exit code. */
export async function auditVerifyCommand(
  files: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const verifier = new Verifier()
  try {
    for (const file of await inOrder(files)) await verifyFile(file, verifier)
  } catch (error) {
    terminal.err(`sluice: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  }
  const verdict = verifier.verdict()
  if (verdict.kind === 'whole') {
    for (const line of wordsOf(verdict)) terminal.out(line)
    return 0
  }
  if (verdict.kind === 'empty') terminal.err('sluice: there are no records')
  else terminal.err(`${verdict.at.file}:${verdict.at.line}: ${verdict.fault}`)
  return 1
}

function wordsOf(verdict: Extract<Verdict, { kind: 'whole' }>): string[] {
  const { records, first, last, lost, isTorn, isEnded } = verdict
  const lines = [`ok: ${records} ${records === 1 ? 'record' : 'records'}, ${first} to ${last}`]
  if (lost > 0) lines.push(`the log itself tells of ${lost} that were lost`)
  if (isTorn) lines.push('the last line is not whole: the program was ended while it wrote')
  else if (!isEnded) {
    lines.push('the last record is not that of an end: the program runs, or was ended suddenly')
  }
  return lines
}

async function verifyFile(file: string, verifier: Verifier): Promise<void> {
  let number = 0
  for await (const { text, isWhole } of linesOf(file)) {
    number += 1
    verifier.read(text, { file, line: number }, isWhole)
  }
}

/** As their first records follow each other, so that names need not sort; else as they were given. */
async function inOrder(files: readonly string[]): Promise<readonly string[]> {
  const begun = await Promise.all(files.map(async (file) => ({ file, seq: await firstOf(file) })))
  const isKnown = begun.every(({ seq }) => !Number.isNaN(seq))
  const sorted = begun.toSorted((one, other) => one.seq - other.seq)
  return (isKnown ? sorted : begun).map(({ file }) => file)
}

/** 0 of a file without lines. */
async function firstOf(file: string): Promise<number> {
  for await (const { text } of linesOf(file)) return parseRecord(text)?.seq ?? Number.NaN
  return 0
}

interface Line {
  readonly text: string
  readonly isWhole: boolean
}

async function* linesOf(file: string): AsyncGenerator<Line> {
  const handle = await open(file, 'r')
  try {
    const bytes = handle.createReadStream({ autoClose: false, start: 0 })
    const plain = (await isGzip(handle)) ? unpacked(bytes, file) : bytes
    yield* split(plain, file)
  } finally {
    await handle.close()
  }
}

async function* split(bytes: Readable, file: string): AsyncGenerator<Line> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const part of bytes) {
    rest = Buffer.concat([rest, part])
    let from = 0
    for (let end = rest.indexOf(LINE_END); end >= 0; end = rest.indexOf(LINE_END, from)) {
      yield { text: rest.toString('utf8', from, end), isWhole: true }
      from = end + 1
    }
    rest = rest.subarray(from)
    if (rest.byteLength > MOST_LINE_BYTES) throw new Error(`${file} holds no lines of records`)
  }
  if (rest.byteLength > 0) yield { text: rest.toString('utf8'), isWhole: false }
}

async function isGzip(handle: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0)
  return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
}

function unpacked(bytes: Readable, file: string): Readable {
  const plain = createGunzip()
  bytes.on('error', (error) => plain.destroy(error))
  plain.on('error', (error) => (error.message = `${file}: ${error.message}`))
  return bytes.pipe(plain)
}
