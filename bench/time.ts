// How long steps take, alone. They take turns in many short rounds, in processor time of this thread
// where that can be had: what else the machine does moves them little, and all of them alike.

import { lowerQuartile } from './summary.ts'

export interface Step {
  readonly name: string
  /** Undefined where it has no budget of its own, only its share of the whole request's. */
  readonly budgetNs: number | undefined
  /** One call, of which there are `BATCH` in a row that differ by their turn. */
  readonly run: (turn: number) => unknown
}

/** A step that is waited for, and that is another one every time: a round begins with `open`. */
export interface FirstStep {
  readonly name: string
  readonly budgetNs: number | undefined
  readonly open: () => (turn: number) => unknown
  readonly turns: number
}

export interface Timing {
  readonly name: string
  readonly budgetNs: number | undefined
  /** The first quartile of the rounds. */
  readonly ns: number
}

export const BATCH = 1000
const ROUNDS = 21
const ROUND_US = 10_000
const FIRST_ROUNDS = 9
/** The compiler has seen by then what it is going to see. */
const WARM_UP_ROUNDS = 5

/** Keeps results alive: a loop whose results nobody uses may be left out by the compiler. */
let kept: unknown

export function timeSteps(steps: readonly Step[]): Timing[] {
  const rounds = steps.map((): number[] => [])
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
    for (const [index, step] of steps.entries()) {
      const ns = timeRound(step)
      if (round >= 0) rounds[index]?.push(ns)
    }
  }
  return steps.map(({ name, budgetNs }, index) => {
    return { name, budgetNs, ns: lowerQuartile(rounds[index] ?? []) }
  })
}

function timeRound({ run }: Step): number {
  const startedAt = threadUs()
  let calls = 0
  let elapsedUs = 0
  while (elapsedUs < ROUND_US) {
    for (let turn = 0; turn < BATCH; turn += 1) kept = run(turn)
    calls += BATCH
    elapsedUs = threadUs() - startedAt
  }
  return (elapsedUs * 1000) / calls
}

/** With the threads that work for it: what is waited for is done there. */
export async function timeFirst({ name, budgetNs, open, turns }: FirstStep): Promise<Timing> {
  const rounds: number[] = []
  for (let round = 0; round < FIRST_ROUNDS; round += 1) {
    const run = open()
    const before = process.cpuUsage()
    for (let turn = 0; turn < turns; turn += 1) kept = await run(turn)
    const { user, system } = process.cpuUsage(before)
    rounds.push(((user + system) * 1000) / turns)
  }
  return { name, budgetNs, ns: lowerQuartile(rounds) }
}

export function nothingWasTimed(): boolean {
  return kept === undefined
}

function threadUs(): number {
  const { user, system } = process.threadCpuUsage()
  return user + system
}
