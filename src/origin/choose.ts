// Which replica next: the best priority first, and among equals by the bucket's balance, in
// proportion to their weights.

import type { Balance } from '../config/s3.ts'
import type { Replica } from './replica.ts'

export type Choose = (candidates: readonly Replica[]) => Replica | undefined

/** What round robin owes each replica: whoever goes on from a copy leaves the turns as they are. */
export type Credit = Map<Replica, number>

/** `random` gives a number in [0, 1). */
export function createChooser(
  balance: Balance,
  random: () => number,
  credit: Credit = new Map(),
): Choose {
  const pick = createPick(balance, random, credit)
  return (candidates) => {
    const equals = ofBestPriority(candidates)
    return equals.length <= 1 ? equals[0] : pick(equals)
  }
}

function ofBestPriority(candidates: readonly Replica[]): readonly Replica[] {
  if (candidates.length <= 1) return candidates
  let best = Number.POSITIVE_INFINITY
  for (const { config } of candidates) best = Math.min(best, config.priority)
  return candidates.filter(({ config }) => config.priority === best)
}

function createPick(balance: Balance, random: () => number, credit: Credit): Choose {
  switch (balance) {
    case 'priority':
      return (equals) => equals[0]
    case 'round_robin':
      return createRoundRobin(credit)
    case 'random':
      return (equals) => pickRandom(equals, random)
    case 'least_inflight':
      return (equals) => pickLeast(equals, random, loadOf)
    case 'peak_ewma':
      return (equals) => pickLeast(equals, random, costOf)
  }
}

/** Smooth weighted round robin: heavy replicas are visited more often, never in a burst. */
function createRoundRobin(credit: Credit): Choose {
  return (equals) => {
    let total = 0
    let best: Replica | undefined
    let bestCredit = Number.NEGATIVE_INFINITY
    for (const replica of equals) {
      const earned = (credit.get(replica) ?? 0) + replica.config.weight
      credit.set(replica, earned)
      total += replica.config.weight
      if (earned > bestCredit) {
        best = replica
        bestCredit = earned
      }
    }
    if (best !== undefined) credit.set(best, bestCredit - total)
    return best
  }
}

function pickRandom(equals: readonly Replica[], random: () => number): Replica | undefined {
  const total = equals.reduce((sum, { config }) => sum + config.weight, 0)
  let point = random() * total
  for (const replica of equals) {
    point -= replica.config.weight
    if (point < 0) return replica
  }
  return equals.at(-1)
}

function pickLeast(
  equals: readonly Replica[],
  random: () => number,
  measure: (replica: Replica) => number,
): Replica | undefined {
  let least = Number.POSITIVE_INFINITY
  let ties: Replica[] = []
  for (const replica of equals) {
    const value = measure(replica)
    if (value > least) continue
    if (value < least) ties = []
    least = value
    ties.push(replica)
  }
  return pickRandom(ties, random)
}

function loadOf(replica: Replica): number {
  return replica.inFlight / replica.config.weight
}

/** Expected wait: latency times those already waiting. One not measured of late is tried gladly. */
function costOf(replica: Replica): number {
  return (replica.latencyMs() * (replica.inFlight + 1)) / replica.config.weight
}
