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
  /** Where S3's website setting sends a browser that asks for this object. */
  readonly redirectLocation: string | undefined
}
