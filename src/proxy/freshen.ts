// What a 304 changes in a stored head (RFC 9111 §3.2, §4.3.4): the fields it brings replace the
// stored ones, and what describes the stored bytes stays.

import type { CachingFields, ObjectHead } from '../exchange/object-head.ts'

/** A 304 that names another version than the one asked about says nothing of it (RFC 9111 §4.3.4). */
export function isConfirmed(held: ObjectHead | undefined, news: ObjectHead): boolean {
  if (held?.etag === undefined || news.etag === undefined) return true
  return withoutWeakness(held.etag) === withoutWeakness(news.etag)
}

function withoutWeakness(etag: string): string {
  return etag.startsWith('W/') ? etag.slice(2) : etag
}

export function mergeHeads(held: ObjectHead, news: ObjectHead): ObjectHead {
  return {
    ...held,
    lastModified: news.lastModified ?? held.lastModified,
    contentType: news.contentType ?? held.contentType,
    fields: mergeFields(held.fields, news.fields),
    metadata: mergeFields(held.metadata, news.metadata),
    caching: mergeCaching(held.caching, news.caching),
    redirectLocation: news.redirectLocation ?? held.redirectLocation,
  }
}

/** Some servers send a bare 304: what it does not speak of stays as it was. */
function mergeCaching(held: CachingFields, news: CachingFields): CachingFields {
  return {
    cacheControl: news.cacheControl ?? held.cacheControl,
    cdnCacheControl: news.cdnCacheControl ?? held.cdnCacheControl,
    pragma: news.pragma ?? held.pragma,
    expires: news.expires ?? held.expires,
    vary: news.vary ?? held.vary,
    date: news.date,
    age: news.age,
    hasSetCookie: news.hasSetCookie,
  }
}

/** The coding is of the stored bytes, which a 304 does not bring. */
const OF_THE_BYTES = new Set(['content-encoding'])

function mergeFields(held: readonly string[], news: readonly string[]): string[] {
  const fresh = new Map<string, readonly [string, string]>()
  for (let i = 0; i < news.length; i += 2) {
    const name = news[i] ?? ''
    if (!OF_THE_BYTES.has(name.toLowerCase()))
      fresh.set(name.toLowerCase(), [name, news[i + 1] ?? ''])
  }
  const merged: string[] = []
  for (let i = 0; i < held.length; i += 2) {
    const name = held[i] ?? ''
    const replacement = fresh.get(name.toLowerCase())
    merged.push(...(replacement ?? [name, held[i + 1] ?? '']))
    fresh.delete(name.toLowerCase())
  }
  for (const field of fresh.values()) merged.push(...field)
  return merged
}
