// What an object's answers have in common, with its text: written when it is served, and kept for the next
// answer where there are many, in bounded room. What is served every second is written a few times.

import { FieldBlock } from '../exchange/answer-head.ts'
import type { ObjectHead } from '../exchange/object-head.ts'
import { formatHttpDate } from '../http/date.ts'
import { Recent } from '../primitives/recent.ts'

interface Written {
  readonly dateAt: number
  readonly block: FieldBlock
}

/** In characters. */
const ROOM = 4 * 1024 * 1024
/** Of one, beside its text, which stands in the list of its fields as well. */
const RECORD = 300

export class WrittenFields {
  readonly #written = new Recent<Written, ObjectHead>(ROOM)

  /** With the `Date` of the answer that the head is of: one that is renewed has another. */
  of(head: ObjectHead, dateAt: number, fields: () => readonly string[]): FieldBlock {
    const known = this.#written.get(head)
    if (known?.dateAt === dateAt) return known.block
    const block = new FieldBlock([...fields(), 'Date', formatHttpDate(dateAt)])
    this.#written.offer(head, { dateAt, block }, 2 * block.text.length + RECORD)
    return block
  }
}
