// What of a bucket is kept, and for how long.

import { isValidHeaderName } from '../http/headers.ts'
import { formatDuration, formatSize } from '../primitives/units.ts'
import { duration, field, flag, integer, size, text, textOf } from './fields.ts'
import { documentedDefault, section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { faultOfTagPattern } from './tag-pattern.ts'
import { z } from './zod.ts'

export interface BucketCacheConfig {
  readonly enabled: boolean
  /** Where the origin says nothing. */
  readonly ttlMs: number
  readonly minTtlMs: number
  readonly maxTtlMs: number
  /** How long it is remembered that there is no object. */
  readonly negativeTtlMs: number
  readonly maxItemBytes: number
  /** The most its objects may take in memory, and on disk; undefined for as much as there is. */
  readonly maxBytes: number | undefined
  readonly staleWhileRevalidateMs: number
  readonly staleIfErrorMs: number
  /** How long the origin may take before what is stale is served; 0 for as long as it takes. */
  readonly staleIfSlowMs: number
  /** Request fields, in lower case, that every object differs by. */
  readonly vary: readonly string[]
  readonly tags: {
    /** Names below `x-amz-meta-`, in lower case. */
    readonly metadata: readonly string[]
    readonly pattern: string | undefined
  }
  /** Whether the origin's own caching fields count. */
  readonly respectOrigin: boolean
}

const year = 365 * 86_400_000
const mib = 1024 * 1024
const pib = mib * mib * 1024
const standard = { ttl: 3600, max_item_size: '1GiB' }

const lifetime = duration({ min: 0, max: year })

const vary = text({
  wanted: 'the name of a request header',
  test: (name) => isValidHeaderName(name) && name !== '*',
})

const metadataName = text({
  wanted: 'the name of an x-amz-meta- header, without that prefix',
  test: (name) => isValidHeaderName(name) && !/^x-amz-meta-/i.test(name),
  hintFor: (name) => {
    const bare = /^x-amz-meta-(.+)$/i.exec(name)?.[1]
    return bare === undefined ? undefined : `write ${bare}`
  },
})

const tagPattern = field({
  wanted: 'a regular expression whose first group is the tag, such as ^([^/]+)/',
  json: { type: 'string' },
  read: (input) => {
    const pattern = textOf(input)
    return pattern !== undefined && faultOfTagPattern(pattern) === undefined ? pattern : undefined
  },
  hintFor: (input) => faultOfTagPattern(textOf(input) ?? ''),
})

export const bucketCacheSchema = section(
  {
    enabled: flag().prefault(true),
    ttl: documentedDefault(lifetime, standard.ttl),
    ttl_seconds: integer(0, year / 1000).optional(),
    min_ttl: lifetime.prefault('0s'),
    max_ttl: lifetime.prefault('30d'),
    negative_ttl: lifetime.prefault('10s'),
    max_item_size: documentedDefault(size(0, pib), standard.max_item_size),
    max_item_size_mb: integer(0, 1024 * mib).optional(),
    max_size: size(mib, pib).optional(),
    stale_while_revalidate: lifetime.prefault('60s'),
    stale_if_error: lifetime.prefault('1d'),
    stale_if_slow: duration({ min: 0, max: 3_600_000 }).prefault('0s'),
    vary: z.array(vary).prefault([]),
    tags: section({
      metadata: z.array(metadataName).prefault([]),
      pattern: tagPattern.optional(),
    }).prefault({}),
    respect_origin: flag().prefault(true),
  },
  oneSpelling,
  ttlsInOrder,
)

export type BucketCacheSettings = z.output<typeof bucketCacheSchema>

function oneSpelling(settings: Loose): RuleProblem[] {
  const spellings = { ttl_seconds: 'ttl', max_item_size_mb: 'max_item_size' }
  return Object.entries(spellings)
    .filter(([alias, name]) => settings[alias] !== undefined && settings[name] !== undefined)
    .map(([alias, name]) => ({
      path: [alias],
      message: `is given twice: ${name} is the same setting`,
    }))
}

function ttlsInOrder({ min_ttl: min, max_ttl: max }: Loose): RuleProblem[] {
  if (typeof min !== 'number' || typeof max !== 'number' || min <= max) return []
  const message = `is above max_ttl (${formatDuration(min)} > ${formatDuration(max)})`
  return [{ path: ['min_ttl'], message }]
}

/** `sharedTtlMs` is what another section says for buckets that say nothing. */
export function toBucketCache(
  settings: BucketCacheSettings,
  sharedTtlMs = standard.ttl * 1000,
): BucketCacheConfig {
  const { ttl_seconds: seconds, max_item_size_mb: mebibytes } = settings
  return {
    enabled: settings.enabled,
    ttlMs: settings.ttl ?? (seconds === undefined ? sharedTtlMs : seconds * 1000),
    minTtlMs: settings.min_ttl,
    maxTtlMs: settings.max_ttl,
    negativeTtlMs: settings.negative_ttl,
    maxItemBytes: settings.max_item_size ?? (mebibytes ?? 1024) * mib,
    maxBytes: settings.max_size,
    staleWhileRevalidateMs: settings.stale_while_revalidate,
    staleIfErrorMs: settings.stale_if_error,
    staleIfSlowMs: settings.stale_if_slow,
    vary: lowerOnce(settings.vary),
    tags: { metadata: lowerOnce(settings.tags.metadata), pattern: settings.tags.pattern },
    respectOrigin: settings.respect_origin,
  }
}

function lowerOnce(names: readonly string[]): readonly string[] {
  return [...new Set(names.map((name) => name.toLowerCase()))]
}

export function printBucketCache(cache: BucketCacheConfig): object {
  const { metadata, pattern } = cache.tags
  return {
    enabled: cache.enabled,
    ttl: formatDuration(cache.ttlMs),
    min_ttl: formatDuration(cache.minTtlMs),
    max_ttl: formatDuration(cache.maxTtlMs),
    negative_ttl: formatDuration(cache.negativeTtlMs),
    max_item_size: formatSize(cache.maxItemBytes),
    ...(cache.maxBytes === undefined ? {} : { max_size: formatSize(cache.maxBytes) }),
    stale_while_revalidate: formatDuration(cache.staleWhileRevalidateMs),
    stale_if_error: formatDuration(cache.staleIfErrorMs),
    stale_if_slow: formatDuration(cache.staleIfSlowMs),
    vary: cache.vary,
    tags: { metadata, ...(pattern === undefined ? {} : { pattern }) },
    respect_origin: cache.respectOrigin,
  }
}
