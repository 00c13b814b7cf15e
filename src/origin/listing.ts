// A listing's question and one page of its answer, in keys as the bucket's clients know them: the
// key prefix of a replica is neither asked for nor told.

export interface ListQuestion {
  /** What the keys begin with; '' for all. */
  readonly prefix: string
  /** Keys that have it after the prefix are told as a group, by what they share up to it. */
  readonly delimiter?: string | undefined
  /** Names up to this one are not told; where there is no `from`. */
  readonly startAfter?: string | undefined
  /** Where the page before this one ended. */
  readonly from?: ListPosition | undefined
  /** The most a page tells, groups included; S3 allows a thousand. */
  readonly maxKeys?: number | undefined
}

/** Plain data, to be handed back as it came. */
export interface ListPosition {
  /** The last that was told, key or group. */
  readonly after: string
  /** S3's own mark of the place, which only the replica that gave it understands. */
  readonly token: string
  readonly replica: string
}

export interface ListedObject {
  readonly key: string
  readonly size: number
  /** Raw, with its quotes. */
  readonly etag: string | undefined
  /** As S3 writes it, ISO 8601. */
  readonly lastModified: string | undefined
  readonly storageClass: string | undefined
}

export interface ListPage {
  readonly kind: 'page'
  readonly objects: readonly ListedObject[]
  /** Groups, each ending with the delimiter. */
  readonly prefixes: readonly string[]
  /** Undefined: there is no more. */
  readonly next: ListPosition | undefined
}

/** Failures are thrown. `invalid`: S3 does not take the question, whoever is asked. */
export type ListAnswer = ListPage | { readonly kind: 'forbidden' } | { readonly kind: 'invalid' }
