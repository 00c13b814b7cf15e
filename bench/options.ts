// What to measure and for how long: the command line of the benchmark.

import { parseArgs } from 'node:util'

import { RIVALS, ROAD_NAMES, ROADS, SIZE_NAMES } from './roads.ts'
import type { RoadName, SizeName } from './roads.ts'

export const OTHERS = [...RIVALS, 'sluice-2'] as const
/** Who can be left out: the others are measured beside do-nothing, which is written like Sluice. */
export type Other = (typeof OTHERS)[number]

export interface Cell {
  readonly road: RoadName
  readonly sizes: readonly SizeName[]
}

export interface Options {
  readonly cells: readonly Cell[]
  readonly others: readonly Other[]
  readonly rounds: number
  readonly roundSeconds: number
  readonly warmUpSeconds: number
  /** Again while a server has been kept from its core; at most so often. */
  readonly mostWarmUps: number
  /** Have Sluice write a CPU profile. */
  readonly cpuProfile: boolean
}

export const USAGE = `npm run bench -- [--quick] [--road NAME] [--size NAME] [--server NAME] …

  --quick        two rounds of a second, 1KB on each road and 1MB from memory: four minutes on a quiet machine
  --road NAME    this road only; may be repeated:
${ROAD_NAMES.map((name) => `                   ${name.padEnd(8)} ${ROADS[name].story}`).join('\n')}
  --size NAME    this size only; may be repeated: ${SIZE_NAMES.join(' ')}
  --server NAME  do-nothing and sluice are always measured; of the others only
                 these; may be repeated: ${OTHERS.join(' ')}, or none
  --rounds N     rounds of each server, 1 to 100 (5)
  --seconds N    seconds of a round, 1 to 600 (3)
  --cpu-prof     Sluice writes CPU profiles beside the results, and is slower for it
  --help         this

npm run bench:micro measures the steps of a request alone. docs/benchmarks.md says how to read both.`

const QUICK_SIZES: Readonly<Partial<Record<RoadName, readonly SizeName[]>>> = {
  memory: ['1KB', '1MB'],
}

/** Undefined for whoever asks for help. Throws on what it does not know. */
export function readOptions(argv: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: 'boolean', default: false },
      road: { type: 'string', multiple: true, default: [] },
      size: { type: 'string', multiple: true, default: [] },
      server: { type: 'string', multiple: true, default: [...OTHERS] },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      'cpu-prof': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const { quick, rounds, seconds } = values
  const roundSeconds = seconds === undefined ? (quick ? 1 : 3) : whole('--seconds', seconds, 600)
  return {
    cells: cellsOf({ roads: values.road, sizes: values.size, quick }),
    others: values.server.filter((name) => name !== 'none').map(otherNamed),
    rounds: rounds === undefined ? (quick ? 2 : 5) : whole('--rounds', rounds, 100),
    roundSeconds,
    warmUpSeconds: quick ? 1 : 2,
    mostWarmUps: quick ? 1 : 3,
    cpuProfile: values['cpu-prof'],
  }
}

interface Wanted {
  readonly roads: readonly string[]
  readonly sizes: readonly string[]
  readonly quick: boolean
}

/** A size that is asked for is had on the roads that have it, in a quick run too. */
function cellsOf({ roads, sizes, quick }: Wanted): Cell[] {
  const names = roads.length === 0 ? ROAD_NAMES : roads.map(roadNamed)
  const wanted = sizes.map(sizeNamed)
  const cells = names.map((road) => {
    const standard = quick ? (QUICK_SIZES[road] ?? ['1KB']) : ROADS[road].sizes
    const chosen = ROADS[road].sizes.filter((size) => wanted.includes(size))
    return { road, sizes: sizes.length === 0 ? standard : chosen }
  })
  const measured = cells.filter((cell) => cell.sizes.length > 0)
  if (measured.length === 0) throw new Error('no such road has such a size')
  return measured
}

function roadNamed(name: string): RoadName {
  return oneOf(ROAD_NAMES, 'road', name)
}

function sizeNamed(name: string): SizeName {
  return oneOf(SIZE_NAMES, 'size', name)
}

function otherNamed(name: string): Other {
  return oneOf(OTHERS, 'server', name)
}

function oneOf<T extends string>(names: readonly T[], what: string, name: string): T {
  const found = names.find((one) => one.toLowerCase() === name.toLowerCase())
  if (found === undefined) throw new Error(`there is no ${what} ${name}: ${names.join(', ')}`)
  return found
}

function whole(option: string, text: string, most: number): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= most) return value
  throw new Error(`${option} is a whole number from 1 to ${most}, not ${text}`)
}
