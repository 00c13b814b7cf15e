// What makes two requests the same, as strings. A slice's key names the version that it is of, so a
// slice can only ever join bytes of its own version; it is short, since it is looked up for each hit.

import { createHash } from 'node:crypto'

import type { ObjectHead } from '../exchange/object-head.ts'
import { isToldApart, strongTag } from '../exchange/version.ts'

const SEPARATOR = '\u0000'

/** `identity` is where the bucket's objects come from: two origins never share an entry. */
export function headKey(
  identity: string,
  objectKey: string,
  versionId: string | undefined,
): string {
  return `h${SEPARATOR}${identity}${SEPARATOR}${versionId ?? ''}${SEPARATOR}${objectKey}`
}

/** One of several representations that differ by request fields (RFC 9111 §4.1). */
export function variantKey(
  base: string,
  selecting: readonly (readonly [name: string, value: string])[],
): string {
  if (selecting.length === 0) return base
  return `${base}${SEPARATOR}${digest(JSON.stringify(selecting))}`
}

/**
 * A name is of one length, so that no two of them can run into each other. The first slice, which most
 * objects are all of, goes by the name alone: it is looked up as it is, and no text is made for it.
 */
export function sliceKey(bytesName: string, index: number): string {
  return index === 0 ? bytesName : `s${bytesName}${index}`
}

/** Names the bytes of one version of an object, where they come from. */
export function nameOfBytes(
  identity: string,
  objectKey: string,
  head: ObjectHead,
  receivedAt: number,
): string {
  const validator = validatorOf(head, receivedAt)
  return digest(`${identity}${SEPARATOR}${validator}${SEPARATOR}${objectKey}`)
}

/** `receivedAt` keeps apart what nothing else tells apart. */
function validatorOf(head: ObjectHead, receivedAt: number): string {
  const { etag, lastModified, size, versionId } = head
  const named = strongTag(head) ?? `${etag ?? ''} ${lastModified ?? ''}`.trim()
  const validator = isToldApart(head) ? named : `${named} at ${receivedAt}`.trim()
  return `${versionId ?? ''} ${size ?? ''} ${validator}`
}

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22)
}
