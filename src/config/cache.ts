// The cache that all buckets share: its layers, their sizes, and how objects are cut and fetched.

import { resolve } from 'node:path'

import { formatSize, parseSize } from '../primitives/units.ts'
import { field, flag, integer, number, size, text, textOf } from './fields.ts'
import { printRedis, redisSchema, toRedis } from './redis.ts'
import type { RedisConfig } from './redis.ts'
import { documentedDefault, section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { isMapping } from './tree.ts'
import { z } from './zod.ts'

export type { RedisConfig } from './redis.ts'

export type CacheLayer = (typeof layerNames)[number]

export interface CacheConfig {
  readonly enabled: boolean
  /** Fastest first: those listed that are enabled too. */
  readonly layers: readonly CacheLayer[]
  readonly sliceBytes: number
  /** The most one origin request asks for. */
  readonly fetchSpanBytes: number
  readonly fillMemoryBytes: number
  readonly memory: { readonly maxBytes: number; readonly maxItemBytes: number }
  readonly disk: { readonly folder: string; readonly maxBytes: number }
  /** Where it is, whether or not it is a layer. */
  readonly redis: RedisConfig | undefined
  readonly warming: WarmingConfig
}

/** What fetching ahead may ask of the origins, all its tasks together. */
export interface WarmingConfig {
  /** Objects at once. */
  readonly concurrency: number
  /** Objects begun in a second. */
  readonly perSecond: number
}

const layerNames = ['memory', 'disk', 'redis'] as const
const kib = 1024
const mib = 1024 * kib
const tib = mib * mib
const standardMemory = { max_cache_size_mb: 256 }

const layer = text({
  wanted: `one of ${layerNames.join(', ')}`,
  test: (name) => layerNames.some((known) => known === name),
})

const sliceSize = field({
  wanted: 'a size from 64KiB to 64MiB, a multiple of 4KiB',
  json: { type: ['string', 'integer'] },
  read: (input) => {
    const written = typeof input === 'number' ? input : textOf(input)
    const bytes = written === undefined ? undefined : parseSize(written)
    const isFitting = bytes !== undefined && bytes >= 64 * kib && bytes <= 64 * mib
    return isFitting && bytes % (4 * kib) === 0 ? bytes : undefined
  },
})

const memorySchema = section(
  {
    enabled: flag().prefault(true),
    max_cache_size_mb: documentedDefault(integer(1, mib), standardMemory.max_cache_size_mb),
    max_capacity: size(mib, tib).optional(),
    max_item_size_mb: integer(1, mib).prefault(10),
    ttl_seconds: integer(0, 31_536_000).optional(),
    default_ttl_seconds: integer(0, 31_536_000).optional(),
  },
  ({ max_capacity: alias, max_cache_size_mb: own }) =>
    alias === undefined || own === undefined ? [] : twice('max_capacity', 'max_cache_size_mb'),
  ({ default_ttl_seconds: alias, ttl_seconds: own }) =>
    alias === undefined || own === undefined ? [] : twice('default_ttl_seconds', 'ttl_seconds'),
)

function twice(name: string, other: string): RuleProblem[] {
  return [{ path: [name], message: `is given twice: ${other} is the same setting` }]
}

const diskSchema = section({
  enabled: flag().prefault(true),
  cache_dir: text({ wanted: 'the path of a folder' }).prefault('./.cache'),
  max_disk_cache_size_mb: integer(1, 1024 * mib).prefault(10_240),
})

const warmingSchema = section({
  concurrency: integer(1, 1000).prefault(10),
  rate_limit: number({ min: 0.01, max: 100_000 }).prefault(100),
})

export const cacheSchema = section(
  {
    enabled: flag().prefault(true),
    cache_layers: z.array(layer).prefault([...layerNames]),
    slice_size: sliceSize.prefault('1MiB'),
    fetch_span: size(64 * kib, 16 * 1024 * mib).prefault('64MiB'),
    fill_memory: size(mib, tib).prefault('256MiB'),
    memory: memorySchema.prefault({}),
    disk: diskSchema.prefault({}),
    redis: redisSchema.prefault({}),
    warming: warmingSchema.prefault({}),
  },
  layersDiffer,
  someLayer,
  roomForSlices,
)

export type CacheSettings = z.output<typeof cacheSchema>

function layersDiffer({ cache_layers: layers }: Loose): RuleProblem[] {
  const names: readonly unknown[] = Array.isArray(layers) ? layers : []
  return names.flatMap((name, index) => {
    const first = names.indexOf(name)
    const message = `is "${String(name)}", as cache_layers[${first}] is`
    return first === index ? [] : [{ path: ['cache_layers', index], message }]
  })
}

function someLayer(settings: Loose): RuleProblem[] {
  const { enabled, cache_layers: layers } = settings
  if (enabled !== true || !Array.isArray(layers) || layers.some((name) => !isLayerName(name)))
    return []
  if (layers.some((name) => isEnabled(settings[name]))) return []
  const message = layers.length === 0 ? 'is an empty list' : 'names no layer that is enabled'
  const hint = 'enable a layer it names, or say cache.enabled: false'
  return [{ path: ['cache_layers'], message, hint }]
}

function isLayerName(name: unknown): name is CacheLayer {
  return layerNames.some((known) => known === name)
}

// A layer that is not a mapping is another problem, told elsewhere.
function isEnabled(settings: unknown): boolean {
  return !isMapping(settings) || settings['enabled'] !== false
}

function roomForSlices({ slice_size: slice, ...more }: Loose): RuleProblem[] {
  const { fetch_span: span, fill_memory: memory } = more
  if (typeof slice !== 'number') return []
  const problems: RuleProblem[] = []
  if (typeof span === 'number' && span < slice) {
    problems.push({ path: ['fetch_span'], message: 'is below slice_size: it holds no slice' })
  }
  if (typeof memory === 'number' && memory < 2 * slice) {
    const message = 'is below twice slice_size: nothing could be stored'
    problems.push({ path: ['fill_memory'], message })
  }
  return problems
}

/** `folder` is the configuration file's: relative paths start there. */
export function toCache(settings: CacheSettings, folder: string): CacheConfig {
  const { memory, disk, warming } = settings
  return {
    enabled: settings.enabled,
    layers: settings.cache_layers.filter(isLayerName).filter((name) => settings[name].enabled),
    sliceBytes: settings.slice_size,
    fetchSpanBytes: settings.fetch_span,
    fillMemoryBytes: settings.fill_memory,
    memory: {
      maxBytes:
        memory.max_capacity ?? (memory.max_cache_size_mb ?? standardMemory.max_cache_size_mb) * mib,
      maxItemBytes: memory.max_item_size_mb * mib,
    },
    disk: {
      folder: resolve(folder, disk.cache_dir),
      maxBytes: disk.max_disk_cache_size_mb * mib,
    },
    redis: toRedis(settings.redis),
    warming: { concurrency: warming.concurrency, perSecond: warming.rate_limit },
  }
}

/** The lifetime of objects whose origin and bucket name none, in ms; undefined when not given. */
export function ttlOfMemory({ memory }: CacheSettings): number | undefined {
  const seconds = memory.ttl_seconds ?? memory.default_ttl_seconds
  return seconds === undefined ? undefined : seconds * 1000
}

function printMemorySize(bytes: number): object {
  return bytes % mib === 0
    ? { max_cache_size_mb: bytes / mib }
    : { max_capacity: formatSize(bytes) }
}

export function printCache(cache: CacheConfig): object {
  const has = (name: CacheLayer) => cache.layers.includes(name)
  return {
    enabled: cache.enabled,
    cache_layers: cache.layers,
    slice_size: formatSize(cache.sliceBytes),
    fetch_span: formatSize(cache.fetchSpanBytes),
    fill_memory: formatSize(cache.fillMemoryBytes),
    memory: {
      enabled: has('memory'),
      ...printMemorySize(cache.memory.maxBytes),
      max_item_size_mb: cache.memory.maxItemBytes / mib,
    },
    disk: {
      enabled: has('disk'),
      cache_dir: cache.disk.folder,
      max_disk_cache_size_mb: cache.disk.maxBytes / mib,
    },
    redis: printRedis(cache.redis),
    warming: { concurrency: cache.warming.concurrency, rate_limit: cache.warming.perSecond },
  }
}
