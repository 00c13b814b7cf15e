// What an answer is before it meets a socket: status, headers and a body. Nothing else can be one.

import type { Body } from './body.ts'
import type { FieldBlock } from './answer-head.ts'

export interface Reply {
  readonly status: number
  /** What is the same in all answers of its kind; `headers` follow. */
  readonly block?: FieldBlock | undefined
  /** Flat name, value, name, value… in latin1, as they will be written. */
  readonly headers: readonly string[]
  readonly body: Body
  /** Instead of those every answer carries, where an operator has a say in them. */
  readonly commonHeaders?: readonly string[] | undefined
  /** The Content-Length to state when it is not the body's own: a HEAD states the GET's. */
  readonly statedLength?: number | undefined
}

/** All that it says of itself. */
export function fieldsOf({ block, headers }: Reply): readonly string[] {
  return block === undefined ? headers : [...block.fields, ...headers]
}
