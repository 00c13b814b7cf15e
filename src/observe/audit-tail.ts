// The end of a file of records: where the chain in it goes on, and what a sudden end left behind of a
// record that was being written.

import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'

import { parseRecord } from './audit-chain.ts'
import type { ReadRecord } from './audit-chain.ts'

/** More than the longest record. */
const TAIL_BYTES = 128 * 1024
const LINE_END = 0x0a

export interface Tail {
  /** Undefined: there is none. */
  readonly last: ReadRecord | undefined
  /** Of whole lines. */
  readonly bytes: number
}

/** Cuts off what is no whole line. Rejects where the last line is none of ours. */
export async function mendTail(file: FileHandle, path: string): Promise<Tail> {
  const { size } = await file.stat()
  const from = Math.max(0, size - TAIL_BYTES)
  const tail = Buffer.alloc(size - from)
  const { bytesRead } = await file.read(tail, 0, tail.byteLength, from)
  const end = tail.subarray(0, bytesRead).lastIndexOf(LINE_END)
  if (end < 0 && size > TAIL_BYTES) throw notOurs(path)
  const bytes = end < 0 ? 0 : from + end + 1
  if (bytes === 0 && size > 0 && !isTorn(tail)) throw notOurs(path)
  const begin = end < 0 ? 0 : tail.lastIndexOf(LINE_END, end - 1) + 1
  const last = end < 0 ? undefined : parseRecord(tail.toString('utf8', begin, end))
  if (end >= 0 && last === undefined) throw notOurs(path)
  if (bytes < size) await file.truncate(bytes)
  return { last, bytes }
}

/** Of a file that nobody writes to. */
export async function mendFile(path: string): Promise<Tail> {
  const handle = await open(path, 'r+')
  try {
    return await mendTail(handle, path)
  } finally {
    await handle.close()
  }
}

/** The beginning of a record, or the zeros that a file system leaves after a loss of power. */
function isTorn(piece: Buffer): boolean {
  return piece[0] === 0 || piece.toString('latin1', 0, 7) === '{"seq":'.slice(0, piece.byteLength)
}

function notOurs(path: string): Error {
  return new Error(`${path} does not end with an audit record: move it away, or name another file`)
}
