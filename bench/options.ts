// What to measure and for how long: the command line of the benchmark.

import { parseArgs } from 'node:util'

export interface Size {
  readonly name: string
  readonly bytes: number
  readonly connections: number
}

export interface Options {
  readonly sizes: readonly Size[]
  readonly rounds: number
  readonly roundSeconds: number
  readonly warmUpSeconds: number
  /** Have Sluice write a CPU profile. */
  readonly cpuProfile: boolean
  /** Where the objects are served from: fetched every time, or kept in a tier. */
  readonly road: Road
  /** Beside the others a Sluice that asks who comes, from where and how often. */
  readonly guarded: boolean
}

export const ROADS = ['origin', 'memory', 'disk'] as const
export type Road = (typeof ROADS)[number]

export const USAGE = `npm run bench -- [--from origin] [--guarded] [--quick] [--only 1KB] [--cpu-prof]
  --from ROAD  origin (signed misses), memory or disk (hits)
  --guarded    beside do-nothing and Sluice a Sluice that asks for a JWT, three claims, an address and a limit
  --quick      one short round
  --only SIZE  1KB, 64KB, 1MB or 100MB; may be repeated
  --cpu-prof   Sluice writes a CPU profile beside the results, and is slower for it`

const KB = 1024

const SIZES: readonly Size[] = [
  { name: '1KB', bytes: KB, connections: 32 },
  { name: '64KB', bytes: 64 * KB, connections: 32 },
  { name: '1MB', bytes: KB * KB, connections: 16 },
  { name: '100MB', bytes: 100 * KB * KB, connections: 4 },
]

/** Throws on what it does not know. */
export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      from: { type: 'string', default: 'origin' },
      guarded: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      'cpu-prof': { type: 'boolean', default: false },
    },
  })
  const { quick, only, from, guarded, 'cpu-prof': cpuProfile } = values
  const sizes = only.length === 0 ? SIZES : only.map(sizeNamed)
  const road = roadNamed(from)
  const what = { sizes, cpuProfile, road, guarded }
  return quick
    ? { ...what, rounds: 1, roundSeconds: 2, warmUpSeconds: 2 }
    : { ...what, rounds: 3, roundSeconds: 4, warmUpSeconds: 3 }
}

function sizeNamed(name: string): Size {
  const found = SIZES.find((size) => size.name.toLowerCase() === name.toLowerCase())
  if (found === undefined) throw new Error(`there is no size ${name}`)
  return found
}

function roadNamed(name: string): Road {
  const found = ROADS.find((road) => road === name)
  if (found === undefined) throw new Error(`there is no road from ${name}`)
  return found
}
