// The bytes of an object, read piece by piece from any offset: held in memory, kept in a file, or
// made up as they are asked for, so that a huge object costs nothing to keep.

import { createCipheriv, createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

export interface ObjectBytes {
  readonly size: number
  /** From `start` up to, not including, `end`. */
  read(start: number, end: number): AsyncIterable<Buffer> | Iterable<Buffer>
}

const pieceBytes = 64 * 1024
/** What a piece is made from: encrypted, zeros are the bare key stream. */
const zeros = Buffer.alloc(pieceBytes + 16)

export function heldBytes(bytes: Uint8Array): ObjectBytes {
  const buffer = Buffer.from(bytes)
  return pieceWise(buffer.length, (start, end) => buffer.subarray(start, end))
}

export function fileBytes(path: string, size: number): ObjectBytes {
  return {
    size,
    read: (start, end) =>
      start === end
        ? []
        : createReadStream(path, { start, end: end - 1, highWaterMark: pieceBytes }),
  }
}

export function seededBytes(seed: string, size: number): ObjectBytes {
  return pieceWise(size, (start, end) => generateBytes(seed, start, end))
}

/** The same object with every bit turned over: what another version of it may look like. */
export function invertedBytes(bytes: ObjectBytes): ObjectBytes {
  return {
    size: bytes.size,
    async *read(start, end) {
      for await (const piece of bytes.read(start, end))
        yield Buffer.from(piece.map((byte) => byte ^ 0xff))
    },
  }
}

/** Bytes `start` to `end` of an endless text that only `seed` decides: an AES-CTR key stream. */
export function generateBytes(seed: string, start: number, end: number): Buffer {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16)
  const counter = Buffer.alloc(16)
  counter.writeBigUInt64BE(BigInt(Math.floor(start / 16)), 8)
  const lead = start % 16
  const length = lead + end - start
  const plain = length <= zeros.length ? zeros.subarray(0, length) : Buffer.alloc(length)
  return createCipheriv('aes-128-ctr', key, counter).update(plain).subarray(lead)
}

function pieceWise(size: number, cut: (start: number, end: number) => Buffer): ObjectBytes {
  return {
    size,
    *read(start, end) {
      for (let at = start; at < end; at += pieceBytes) yield cut(at, Math.min(at + pieceBytes, end))
    },
  }
}
