// What arrived, for a test to look at: the last ten thousand requests.

import type { Pair } from './target.ts'

export interface LoggedRequest {
  readonly method: string
  /** Path and query as they arrived. */
  readonly rawTarget: string
  readonly rawPath: string
  readonly query: readonly Pair[]
  /** Names in lower case; a repeated header's values are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>
  /** Names and values alternately, as they arrived. */
  readonly rawHeaders: readonly string[]
  readonly bucket: string
  readonly key: string
  /** Which connection it came by, named by the port of the other end. */
  readonly connection: number
  /** 0 until an answer begins, and for one that never does. */
  readonly status: number
  /** Of the body, handed to the connection. */
  readonly bytesSent: number
  readonly state: 'open' | 'finished' | 'aborted'
  readonly fault: string | undefined
}

export type Entry = { -readonly [Name in keyof LoggedRequest]: LoggedRequest[Name] }

const capacity = 10_000

export class RequestLog {
  #entries: Entry[] = []

  get entries(): readonly LoggedRequest[] {
    return this.#entries
  }

  add(entry: Entry): Entry {
    this.#entries.push(entry)
    if (this.#entries.length > capacity) this.#entries.shift()
    return entry
  }

  clear(): void {
    this.#entries = []
  }
}
