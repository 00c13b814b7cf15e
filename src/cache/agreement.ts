// Which slices of a run of holes are fetched here, where others may be fetching the same: other threads
// of this process, or other nodes.

import type { CancelSignal } from '../primitives/cancel.ts'
import type { Circle, Lease, LeasedRun } from './lease.ts'
import type { Shelves } from './tiers.ts'

export interface AgreementPlace {
  readonly tiers: Shelves
  /** Of the version that the slices belong to. */
  readonly name: string
  readonly keyOf: (index: number) => string
}

/** What one circle was told. */
export interface Told {
  readonly circle: Circle
  readonly lease: Lease
}

export interface Agreement {
  /** The last slice that is ours to fetch; before the first of the run, where that one is here now. */
  readonly last: number
  readonly told: readonly Told[]
}

export interface Agreeing {
  /** Whether another fetches the first of the run: known before that one has it. */
  readonly isAwaited: Promise<boolean>
  readonly agreement: Promise<Agreement>
}

/** What is known not to be anywhere is not looked for far ahead. */
const MAX_LOOKED_FOR = 64
/** How often one may wait for another that then has not brought it. */
const MAX_WAITS = 2

/**
 * The nearest circle first: only who has its lease asks in the next. Never rejects. Stops waiting when
 * it is not wanted any more.
 */
export function agree(
  run: LeasedRun,
  circles: readonly Circle[],
  place: AgreementPlace,
  leaving: CancelSignal,
): Agreeing {
  const [circle, ...others] = circles
  if (circle === undefined) return { isAwaited: NOT_AWAITED, agreement: alone(run) }
  const nearest = agreeIn({ ...place, circle }, run, leaving)
  if (others.length === 0) return nearest
  const further = nearest.agreement.then(({ last, told }): Agreeing => {
    if (last < run.first) return { isAwaited: NOT_AWAITED, agreement: nearest.agreement }
    const { isAwaited, agreement } = agree({ first: run.first, last }, others, place, leaving)
    const both = agreement.then((agreed) => ({ ...agreed, told: [...told, ...agreed.told] }))
    return { isAwaited, agreement: both }
  })
  return {
    isAwaited: nearest.isAwaited.then((is) => is || further.then(({ isAwaited }) => isAwaited)),
    agreement: further.then(({ agreement }) => agreement),
  }
}

const NOT_AWAITED = Promise.resolve(false)

async function alone({ last }: LeasedRun): Promise<Agreement> {
  return { last, told: [] }
}

interface Place extends AgreementPlace {
  readonly circle: Circle
}

function agreeIn(place: Place, run: LeasedRun, leaving: CancelSignal): Agreeing {
  const claimed = place.circle.leases.claim(place.name, run)
  // In this order: what its holder has let go since the last look is there by now.
  const held = firstHeld(run, place)
  return {
    isAwaited: claimed.then(({ kind }) => kind === 'taken'),
    agreement: settle(),
  }

  async function settle(): Promise<Agreement> {
    const claim = await claimed
    if (claim.kind === 'off') return alone(run)
    if (claim.kind === 'taken') return waited(run, place, leaving)
    return granted(run, place, claim, await held)
  }
}

async function granted(
  { first }: LeasedRun,
  place: Place,
  { lease, last }: { readonly lease: Lease; readonly last: number },
  held: number,
): Promise<Agreement> {
  const told = [{ circle: place.circle, lease }]
  const end = Math.min(last, held - 1)
  if (end >= first) return { last: end, told }
  if (!(await isHere(first, place))) return { last, told }
  lease.release()
  return { last: first - 1, told: [] }
}

async function waited(run: LeasedRun, place: Place, signal: CancelSignal): Promise<Agreement> {
  const { circle, name } = place
  const { first } = run
  const isThere = async (): Promise<boolean> =>
    (await firstHeld({ first, last: first }, place)) === first
  for (let waits = 1; ; waits += 1) {
    const isPatient = await circle.leases.wait(name, first, { signal, isThere })
    if (await isHere(first, place)) return { last: first - 1, told: [] }
    if (!isPatient || waits === MAX_WAITS) break
    // In vain. One of those who waited goes on, and the others wait for that one.
    const claim = await circle.leases.claim(name, run)
    if (claim.kind === 'off') return alone(run)
    if (claim.kind === 'granted') return granted(run, place, claim, await firstHeld(run, place))
  }
  // Too long: all that is wanted is now fetched here, and whoever comes may wait for it.
  return { last: run.last, told: [{ circle, lease: circle.leases.insist(name, run) }] }
}

/**
 * The first that others have kept; Infinity for none. What was known at once to be kept is not in the
 * run: there only the first is looked for again.
 */
async function firstHeld(run: LeasedRun, { circle, keyOf }: Place): Promise<number> {
  const { tiers } = circle
  if (tiers.some((tier) => tier.has?.(keyOf(run.first)) === true)) return run.first
  const asked = tiers.find(({ haveAll }) => haveAll !== undefined)
  if (asked === undefined) return Number.POSITIVE_INFINITY
  const length = Math.min(MAX_LOOKED_FOR, run.last - run.first + 1)
  const keys = Array.from({ length }, (_, offset) => keyOf(run.first + offset))
  const held = (await asked.haveAll?.(keys).catch(() => [])) ?? []
  const offset = held.indexOf(true)
  return offset < 0 ? Number.POSITIVE_INFINITY : run.first + offset
}

/** It is brought nearer by being looked at. */
async function isHere(index: number, { tiers, keyOf }: AgreementPlace): Promise<boolean> {
  return (await tiers.get(keyOf(index))) !== undefined
}
