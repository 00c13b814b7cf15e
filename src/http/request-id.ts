// Request ids: a caller's own when it is harmless to repeat, else 120 random bits, drawn anew for
// every 4096 ids, and which of the 4096 it is.

import { randomBytes } from 'node:crypto'

const RANDOM_BYTES = 15
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const BITS = 6
const IDS_PER_DRAW = 1 << (2 * BITS)
const MAX_LENGTH = 128

export class RequestIds {
  readonly #draw: (size: number) => Buffer
  #prefix = ''
  #next = IDS_PER_DRAW

  constructor(draw: (size: number) => Buffer = randomBytes) {
    this.#draw = draw
  }

  /** To draw for each would cost more than all else that is done for a cache hit's header. */
  create(): string {
    if (this.#next === IDS_PER_DRAW) {
      this.#prefix = this.#draw(RANDOM_BYTES).toString('base64url')
      this.#next = 0
    }
    const which = this.#next++
    const tail = ALPHABET.charAt(which >> BITS) + ALPHABET.charAt(which & (2 ** BITS - 1))
    return this.#prefix + tail
  }
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
