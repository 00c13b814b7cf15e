// The ways an answer can take, each with the sizes that tell something there, and what is asked on it.

import { GUARD } from './guard.ts'

const KB = 1024

export interface Size {
  readonly bytes: number
  readonly connections: number
}

export const SIZE_NAMES = ['1KB', '64KB', '1MB', '64MB'] as const
export type SizeName = (typeof SIZE_NAMES)[number]

export const SIZES: Readonly<Record<SizeName, Size>> = {
  '1KB': { bytes: KB, connections: 32 },
  '64KB': { bytes: 64 * KB, connections: 32 },
  '1MB': { bytes: KB * KB, connections: 16 },
  '64MB': { bytes: 64 * KB * KB, connections: 4 },
}

/** In the order of the table. */
export const ROAD_NAMES = [
  'memory',
  'disk',
  'redis',
  'miss',
  'guarded',
  'range',
  '304',
  'tls',
  'log',
] as const
export type RoadName = (typeof ROAD_NAMES)[number]

/** What people put there instead. */
export const RIVALS = ['nginx', 'nginx-tuned', 'varnish'] as const
export type Rival = (typeof RIVALS)[number]

export interface Road {
  readonly sizes: readonly SizeName[]
  /** What it is, for whoever reads the table. */
  readonly story: string
  /** Where Sluice finds it; undefined: nowhere, it asks the origin each time. */
  readonly layer: 'memory' | 'disk' | 'redis' | undefined
  /** Who has no such road, and gets a dash. */
  readonly without: readonly Rival[]
}

const MEMORY = { layer: 'memory', without: [] } as const

export const ROADS: Readonly<Record<RoadName, Road>> = {
  memory: { ...MEMORY, sizes: SIZE_NAMES, story: 'hits in memory' },
  disk: { sizes: SIZE_NAMES, story: 'hits on disk', layer: 'disk', without: ['varnish'] },
  redis: {
    sizes: ['1KB', '64KB', '1MB'],
    story: 'hits in Redis',
    layer: 'redis',
    without: RIVALS,
  },
  miss: {
    sizes: SIZE_NAMES,
    story: 'fetched each time; signed by Sluice alone',
    layer: undefined,
    without: [],
  },
  guarded: {
    ...MEMORY,
    sizes: ['1KB', '64KB'],
    story: 'hits in memory, behind a JWT, three claims, networks and a limit',
    without: RIVALS,
  },
  range: { ...MEMORY, sizes: ['1KB', '64KB'], story: 'a range of that size, of 1MB in memory' },
  '304': { ...MEMORY, sizes: ['1KB'], story: 'If-None-Match, and it has not changed' },
  tls: { ...MEMORY, sizes: SIZE_NAMES, story: 'hits in memory over TLS', without: ['varnish'] },
  log: {
    ...MEMORY,
    sizes: ['1KB', '64KB'],
    story: 'hits in memory, a JSON line for each',
    without: ['varnish'],
  },
}

/** What a request is, and what a right answer to it. */
export interface Ask {
  readonly size: SizeName
  readonly path: string
  /** As `Name: value`. */
  readonly headers: readonly string[]
  readonly connections: number
  readonly status: number
  readonly bodyBytes: number
}

export interface Stored {
  readonly path: string
  readonly etag: string
}

/** Where a range is had from, and where in it. */
const RANGED_BYTES = SIZES['1MB'].bytes
const RANGE_FIRST = 300_000

/** Of the object that a question of this size is about. */
export function objectBytes(road: RoadName, size: SizeName): number {
  return road === 'range' ? RANGED_BYTES : SIZES[size].bytes
}

export function askOf(road: RoadName, size: SizeName, { path, etag }: Stored): Ask {
  const { bytes, connections } = SIZES[size]
  const plain = { size, path, connections, headers: [], status: 200, bodyBytes: bytes }
  switch (road) {
    case 'range':
      return {
        ...plain,
        headers: [`Range: bytes=${RANGE_FIRST}-${RANGE_FIRST + bytes - 1}`],
        status: 206,
      }
    case '304':
      return { ...plain, headers: [`If-None-Match: ${etag}`], status: 304, bodyBytes: 0 }
    case 'guarded':
      return { ...plain, headers: GUARD.headers }
    case 'memory':
    case 'disk':
    case 'redis':
    case 'miss':
    case 'tls':
    case 'log':
      return plain
  }
}
