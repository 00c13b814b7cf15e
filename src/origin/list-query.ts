// A listing as S3 is asked for it: ListObjectsV2, with keys encoded in the answer, since XML cannot
// hold every key.

import type { ListQuestion } from './listing.ts'
import { canonicalQuery } from './sign.ts'

/** The replica that is asked. */
export interface ListedReplica {
  readonly name: string
  readonly keyPrefix: string
}

export const MAX_PAGE_KEYS = 1000

export function listQuery(question: ListQuestion, { name, keyPrefix }: ListedReplica): string {
  const { prefix, delimiter, startAfter, from, maxKeys = MAX_PAGE_KEYS } = question
  const parameters: [string, string][] = [
    ['list-type', '2'],
    ['encoding-type', 'url'],
    ['max-keys', String(maxKeys)],
  ]
  if (keyPrefix + prefix !== '') parameters.push(['prefix', keyPrefix + prefix])
  if (delimiter !== undefined) parameters.push(['delimiter', delimiter])
  if (from === undefined && startAfter !== undefined) {
    parameters.push(['start-after', keyPrefix + startAfter])
  }
  if (from !== undefined) {
    // Another replica does not know the mark; it can begin after the same key.
    const isOwn = from.replica === name
    parameters.push(
      isOwn ? ['continuation-token', from.token] : ['start-after', keyPrefix + from.after],
    )
  }
  return canonicalQuery(parameters)
}
