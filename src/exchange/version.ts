// What tells the versions of an object apart. A strong tag does, and so does a date of what was a
// second old as it was sent (RFC 9110 §8.8.2.2). A weak tag alone may stand for other bytes.

import { parseHttpDate } from '../http/date.ts'
import type { ObjectHead } from './object-head.ts'

/** The one that an object can be asked for by (RFC 9110 §13.1.1). */
export function strongTag({ etag }: ObjectHead): string | undefined {
  return etag?.startsWith('W/') === true ? undefined : etag
}

/** Whether no other version of it answers like this one. */
export function isToldApart(head: ObjectHead): boolean {
  return strongTag(head) !== undefined || isDated(head)
}

function isDated({ lastModified, caching: { date } }: ObjectHead): boolean {
  if (lastModified === undefined) return false
  const modifiedAt = parseHttpDate(lastModified)
  const sentAt = date === undefined ? undefined : parseHttpDate(date)
  // Without a Date to tell, it is believed.
  return modifiedAt !== undefined && (sentAt === undefined || sentAt - modifiedAt >= 1000)
}

/** As far as they tell. A body too long for its length to be found out has the one that is known. */
export function isSameVersion(one: ObjectHead, other: ObjectHead): boolean {
  const isOneSize = one.size === undefined || other.size === undefined || one.size === other.size
  if (one.etag !== other.etag || !isOneSize) return false
  return strongTag(one) !== undefined || one.lastModified === other.lastModified
}
