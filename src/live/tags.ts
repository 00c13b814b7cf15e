// The tags of an object, by which it can be purged: from its metadata, since S3 sends no header of
// its own for them, and from its key.

import type { BucketCacheConfig } from '../config/bucket-cache.ts'
import type { ObjectHead } from '../exchange/object-head.ts'

export type TagsOf = (head: ObjectHead, key: string) => readonly string[]

export function taggerFor({ metadata, pattern }: BucketCacheConfig['tags']): TagsOf {
  if (metadata.length === 0 && pattern === undefined) return () => []
  const names = new Set(metadata.map((name) => `x-amz-meta-${name}`))
  const compiled = pattern === undefined ? undefined : new RegExp(pattern, 'u')
  return (head, key) => {
    const tags = new Set<string>()
    for (let i = 0; i < head.metadata.length; i += 2) {
      if (!names.has(head.metadata[i] ?? '')) continue
      for (const tag of (head.metadata[i + 1] ?? '').split(/[\s,]+/)) if (tag !== '') tags.add(tag)
    }
    const tag = compiled?.exec(key)?.[1]
    if (tag !== undefined && tag !== '') tags.add(tag)
    return [...tags]
  }
}
