// What makes two requests the same, as strings. The validator stands in a slice's key, so a slice
// can only ever join bytes of its own version.

import { createHash } from 'node:crypto'

import type { ObjectHead } from '../exchange/object-head.ts'

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

export interface SliceKeys {
  readonly identity: string
  readonly objectKey: string
  /** Names the version of the bytes. */
  readonly validator: string
}

export function sliceKey({ identity, objectKey, validator }: SliceKeys, index: number): string {
  return `s${SEPARATOR}${identity}${SEPARATOR}${validator}${SEPARATOR}${index}${SEPARATOR}${objectKey}`
}

/** `receivedAt` keeps apart what nothing else tells apart. A weak tag may stand for other bytes. */
export function validatorOf(head: ObjectHead, receivedAt: number): string {
  const { etag, lastModified, size, versionId } = head
  const isStrong = etag !== undefined && !etag.startsWith('W/')
  const named = isStrong ? etag : `${etag ?? ''} ${lastModified ?? ''}`.trim()
  return `${versionId ?? ''} ${size ?? ''} ${named === '' ? `at ${receivedAt}` : named}`
}

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22)
}
