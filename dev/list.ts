// One page of a listing: which keys and which groups of keys it holds, and where the next begins.

export interface ListQuery {
  readonly prefix: string
  readonly delimiter: string
  readonly maxKeys: number
  /** Only what comes after it. A group named here is passed over whole. */
  readonly after: string
}

export interface Page {
  readonly keys: readonly string[]
  readonly groups: readonly string[]
  /** The last thing on a page that is not the end. */
  readonly next: string | undefined
}

export function pageOf(allKeys: readonly string[], query: ListQuery): Page {
  const keys: string[] = []
  const groups: string[] = []
  let last: string | undefined
  for (const key of allKeys.toSorted(byBytes)) {
    if (!isWanted(key, query)) continue
    const group = groupOf(key, query)
    if (group !== undefined && group === last) continue
    if (keys.length + groups.length >= query.maxKeys) return { keys, groups, next: last }
    if (group === undefined) keys.push(key)
    else groups.push(group)
    last = group ?? key
  }
  return { keys, groups, next: undefined }
}

function isWanted(key: string, query: ListQuery): boolean {
  if (!key.startsWith(query.prefix)) return false
  if (query.after === '') return true
  const isPassedGroup = groupOf(query.after, query) === query.after && key.startsWith(query.after)
  return byBytes(key, query.after) > 0 && !isPassedGroup
}

/** What the key shares with its neighbours: all up to the first delimiter after the prefix. */
function groupOf(key: string, { prefix, delimiter }: ListQuery): string | undefined {
  const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
  return at < 0 ? undefined : key.slice(0, at + delimiter.length)
}

// S3 sorts by the bytes of the UTF-8, which JavaScript's order of UTF-16 units is not.
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
