// What is known of an object besides its bytes.

export interface ObjectHead {
  /** The whole object's size; undefined where the origin would not say. */
  readonly size: number | undefined
  /** Raw, with quotes and any W/ prefix. */
  readonly etag: string | undefined
  readonly lastModified: string | undefined
  readonly contentType: string | undefined
  /** The other representation fields worth sending, flat name, value…, as they arrived. */
  readonly fields: readonly string[]
  /** User metadata (`x-amz-meta-*`), flat. */
  readonly metadata: readonly string[]
  /** Checksums of the whole object (`x-amz-checksum-*`), flat: true only of an unaltered body. */
  readonly checksums: readonly string[]
  readonly versionId: string | undefined
  /** What a cache is told, as it arrived. */
  readonly caching: CachingFields
  /** Where S3's website setting sends a browser that asks for this object. */
  readonly redirectLocation: string | undefined
}

export interface CachingFields {
  readonly cacheControl: string | undefined
  readonly cdnCacheControl: string | undefined
  readonly pragma: string | undefined
  readonly expires: string | undefined
  readonly date: string | undefined
  readonly age: string | undefined
  readonly vary: string | undefined
  readonly hasSetCookie: boolean
}

/** An answer that tells a cache nothing. */
export const NO_CACHING: CachingFields = {
  cacheControl: undefined,
  cdnCacheControl: undefined,
  pragma: undefined,
  expires: undefined,
  date: undefined,
  age: undefined,
  vary: undefined,
  hasSetCookie: false,
}

/** An object of which nothing is told. */
export const BARE_HEAD: ObjectHead = {
  size: undefined,
  etag: undefined,
  lastModified: undefined,
  contentType: undefined,
  fields: [],
  metadata: [],
  checksums: [],
  versionId: undefined,
  redirectLocation: undefined,
  caching: NO_CACHING,
}
