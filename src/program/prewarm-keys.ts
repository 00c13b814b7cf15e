// The keys that an order is about: those it names, or those that a listing finds, page by page, so that
// millions of them are never held at once.

import type { PrewarmOrder } from '../admin/admin.ts'
import type { ListPosition, ListQuestion } from '../origin/origin.ts'
import type { Listed } from './warm-part.ts'

/** It could not be listed to the end. */
export class ListingFailed extends Error {
  readonly reason: string

  constructor(reason: string) {
    super(`the listing failed: ${reason}`)
    this.reason = reason
  }
}

/** One batch after the other; throws `ListingFailed`. */
export async function* keysOf(
  { what }: PrewarmOrder,
  list: (question: ListQuestion) => Promise<Listed>,
): AsyncGenerator<readonly string[]> {
  if (what.kind === 'keys') {
    yield what.keys
    return
  }
  const { prefix, isRecursive, maxFiles = Number.POSITIVE_INFINITY } = what
  const delimiter = isRecursive ? undefined : '/'
  let left = maxFiles
  let from: ListPosition | undefined
  do {
    const page = await list({ prefix, delimiter, from })
    if (page.kind === 'forbidden') throw new ListingFailed('origin_forbidden')
    if (page.kind === 'invalid') throw new ListingFailed('invalid_request')
    if (page.kind === 'failed') throw new ListingFailed(page.reason)
    const keys = page.objects.slice(0, left).map(({ key }) => key)
    left -= keys.length
    from = page.next
    yield keys
  } while (from !== undefined && left > 0)
}
