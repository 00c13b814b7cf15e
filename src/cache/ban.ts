// A purge is a ban: a rule with an instant. Whatever matches it and was received before it is a
// miss, or stale where the purge is soft, from the moment the ban exists.

export type BanRule =
  | { readonly kind: 'all' }
  | { readonly kind: 'bucket'; readonly bucket: string }
  | { readonly kind: 'key'; readonly bucket: string; readonly key: string }
  | { readonly kind: 'prefix'; readonly bucket: string | undefined; readonly prefix: string }
  /** `*` any text without '/', `**` any text, `?` one character. */
  | { readonly kind: 'glob'; readonly bucket: string | undefined; readonly pattern: string }
  | { readonly kind: 'tag'; readonly bucket: string | undefined; readonly tag: string }
  /** All that this node holds itself. Nobody orders it: it is declared where purges may have been missed. */
  | { readonly kind: 'held' }

export interface Ban {
  /** Unique in the fleet. */
  readonly id: string
  readonly rule: BanRule
  /** Epoch ms. */
  readonly at: number
  readonly isSoft: boolean
}

/** How long ago the origin may have been asked for what is kept: so long no ban from since then has retired. */
export const REMEMBERED_MS = 50_000

/** A ban from since then may have come and gone: whether this was purged nobody knows any more. */
export function isTooLate(askedAt: number, at: number): boolean {
  return at - askedAt > REMEMBERED_MS
}

/** As it was ordered, for the answer and the log. */
export function describeRule(rule: BanRule): object {
  switch (rule.kind) {
    case 'all':
      return { all: true }
    case 'bucket':
      return { bucket: rule.bucket, all: true }
    case 'glob':
      return { ...bucketOf(rule.bucket), pattern: rule.pattern }
    case 'key':
      return { bucket: rule.bucket, key: rule.key }
    case 'prefix':
      return { ...bucketOf(rule.bucket), prefix: rule.prefix }
    case 'tag':
      return { ...bucketOf(rule.bucket), tag: rule.tag }
    case 'held':
      return { held: true }
  }
}

function bucketOf(bucket: string | undefined): object {
  return bucket === undefined ? {} : { bucket }
}
