// What the server keeps of an object, and how one is made from what a test puts.

import { createHash } from 'node:crypto'

import { heldBytes, seededBytes } from './object-bytes.ts'
import type { ObjectBytes } from './object-bytes.ts'

/** Bytes to hold, or a size and a seed from which they are made up (`generateBytes`). */
export type PutBody = Uint8Array | { readonly size: number; readonly seed: string }

export interface PutOptions {
  readonly contentType?: string
  readonly cacheControl?: string
  readonly contentDisposition?: string
  readonly contentEncoding?: string
  readonly contentLanguage?: string
  readonly expires?: string
  readonly websiteRedirectLocation?: string
  /** Without the `x-amz-meta-` prefix. Text outside latin1 goes out as its UTF-8 bytes. */
  readonly metadata?: Readonly<Record<string, string>>
  /** By algorithm (`crc32`, `sha256`, …), in base64; sent when asked for, never checked. */
  readonly checksums?: Readonly<Record<string, string>>
  readonly storageClass?: string
  readonly lastModified?: Date
  /** Instead of the MD5 of the bytes; quotes are added when it has none. */
  readonly etag?: string
  /** Stored as a multipart upload in parts of this many bytes. */
  readonly partBytes?: number
}

export interface StoredObject {
  readonly kind: 'object'
  /** `null` where the bucket keeps no versions. */
  readonly versionId: string
  readonly bytes: ObjectBytes
  readonly etag: string
  readonly lastModified: Date
  readonly storageClass: string
  /** Headers to answer with as they are. */
  readonly headers: Readonly<Record<string, string>>
  readonly checksums: Readonly<Record<string, string>>
  readonly partBytes: number | undefined
}

export interface DeleteMarker {
  readonly kind: 'delete-marker'
  readonly versionId: string
  readonly lastModified: Date
}

export interface Identity {
  readonly versionId: string
  readonly now: number
}

export function createObject(body: PutBody, options: PutOptions, id: Identity): StoredObject {
  return {
    kind: 'object',
    versionId: id.versionId,
    bytes: body instanceof Uint8Array ? heldBytes(body) : seededBytes(body.seed, body.size),
    etag: quote(options.etag ?? etagOf(body, options.partBytes)),
    lastModified: options.lastModified ?? new Date(id.now),
    storageClass: options.storageClass ?? 'STANDARD',
    headers: headersOf(options),
    checksums: options.checksums ?? {},
    partBytes: options.partBytes,
  }
}

export function md5(text: Uint8Array | string): string {
  return createHash('md5').update(text).digest('hex')
}

function etagOf(body: PutBody, partBytes: number | undefined): string {
  const size = body instanceof Uint8Array ? body.length : body.size
  // Nobody waits for the MD5 of gigabytes: what makes the bytes names them as well.
  const digest = body instanceof Uint8Array ? md5(body) : md5(`${body.seed}:${body.size}`)
  return partBytes === undefined ? digest : `${digest}-${Math.ceil(size / partBytes)}`
}

function quote(etag: string): string {
  return etag.includes('"') ? etag : `"${etag}"`
}

function headersOf(options: PutOptions): Record<string, string> {
  const entries: [string, string | undefined][] = [
    ['Content-Type', options.contentType ?? 'binary/octet-stream'],
    ['Cache-Control', options.cacheControl],
    ['Content-Disposition', options.contentDisposition],
    ['Content-Encoding', options.contentEncoding],
    ['Content-Language', options.contentLanguage],
    ['Expires', options.expires],
    ['x-amz-website-redirect-location', options.websiteRedirectLocation],
    ['x-amz-storage-class', options.storageClass],
  ]
  for (const [name, value] of Object.entries(options.metadata ?? {})) {
    entries.push([`x-amz-meta-${name}`, value])
  }
  const headers: Record<string, string> = {}
  for (const [name, value] of entries) {
    if (value !== undefined) headers[name] = Buffer.from(value, 'utf8').toString('latin1')
  }
  return headers
}
