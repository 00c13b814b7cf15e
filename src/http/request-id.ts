// Request ids: a caller's own when it is harmless to repeat, else 128 random bits in 22 characters.

import { randomFillSync } from 'node:crypto'

const ID_BYTES = 16
const POOLED_IDS = 256
const MAX_LENGTH = 128

/** Random bytes drawn in bulk: one draw an id would cost several times the id. */
export interface RandomPool {
  readonly bytes: Buffer
  readonly fill: (bytes: Buffer) => void
  used: number
}

export function createRandomPool(fill: (bytes: Buffer) => void = randomFillSync): RandomPool {
  const bytes = Buffer.alloc(POOLED_IDS * ID_BYTES)
  return { bytes, fill, used: bytes.length }
}

export function createRequestId(random: RandomPool): string {
  if (random.used === random.bytes.length) {
    random.fill(random.bytes)
    random.used = 0
  }
  const start = random.used
  random.used += ID_BYTES
  return random.bytes.toString('base64url', start, random.used)
}

/** The caller's id when it is `[A-Za-z0-9_-]{1,128}`; anything else could speak in a log or a header. */
export function acceptRequestId(value: string | undefined): string | undefined {
  if (value === undefined || value === '' || value.length > MAX_LENGTH) return undefined
  for (let index = 0; index < value.length; index++) {
    if (!isIdCharacter(value.charCodeAt(index))) return undefined
  }
  return value
}

function isIdCharacter(code: number): boolean {
  const lower = code | 0x20
  if (lower >= 0x61 && lower <= 0x7a) return true
  return (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x5f
}
