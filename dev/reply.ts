// An answer before it is on the wire.

import type { ObjectBytes } from './object-bytes.ts'

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: ReplyBody
}

export type ReplyBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'bytes'
      readonly source: ObjectBytes
      readonly start: number
      /** Exclusive. */
      readonly end: number
    }
