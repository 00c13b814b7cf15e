// The head of an answer. What of it leaves again and again has its text with it, for HTTP/1: each piece
// that a text is made of costs once more where it is written.

import { formatCacheStatus, xCache } from '../http/cache-status.ts'
import type { CacheOutcome } from '../http/cache-status.ts'

/** In the order in which it leaves. */
export interface AnswerHead {
  readonly status: number
  readonly block: FieldBlock | undefined
  readonly told: Told | undefined
  /** Flat name, value… */
  readonly fields: readonly string[]
}

/** All fields of a head, flat. */
export function flatFields({ block, told, fields }: Omit<AnswerHead, 'status'>): string[] {
  return [...(block?.fields ?? []), ...(told?.fields ?? []), ...fields]
}

/** Fields that leave together many times: their text is written once. */
export class FieldBlock {
  readonly fields: readonly string[]
  /** As HTTP/1 writes them, each with its line end. */
  readonly text: string
  readonly hasDate: boolean

  constructor(fields: readonly string[]) {
    let text = ''
    for (let index = 0; index < fields.length; index += 2) {
      text += `${fields[index]}: ${fields[index + 1]}\r\n`
    }
    this.fields = fields
    this.text = text
    this.hasDate = fields.includes('Date')
  }
}

/** What every answer tells of its request: which it is, and what the cache had to do with it (RFC 9211). */
export class Told {
  readonly #id: string
  readonly #outcome: CacheOutcome

  constructor(id: string, outcome: CacheOutcome) {
    this.#id = id
    this.#outcome = outcome
  }

  get fields(): readonly string[] {
    const status = formatCacheStatus(this.#outcome)
    return ['X-Request-ID', this.#id, 'Cache-Status', status, 'X-Cache', xCache(this.#outcome)]
  }

  get text(): string {
    const status = formatCacheStatus(this.#outcome)
    return `X-Request-ID: ${this.#id}\r\nCache-Status: ${status}\r\nX-Cache: ${xCache(this.#outcome)}\r\n`
  }
}
