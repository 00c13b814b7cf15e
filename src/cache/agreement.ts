// Which slices of a run of holes this node fetches, where other nodes may be fetching the same.

import type { CancelSignal } from '../primitives/cancel.ts'
import type { Lease, LeasedRun, Leases } from './lease.ts'
import type { Shelves } from './tiers.ts'

export interface AgreementPlace {
  readonly leases: Leases
  readonly tiers: Shelves
  /** Of the version that the slices belong to. */
  readonly name: string
  readonly keyOf: (index: number) => string
}

export interface Agreement {
  /** The last slice that is ours to fetch; before the first of the run, where that one is here now. */
  readonly last: number
  readonly lease: Lease | undefined
}

export interface Agreeing {
  /** Whether another node fetches the first of the run: known before that one has it. */
  readonly isAwaited: Promise<boolean>
  readonly agreement: Promise<Agreement>
}

/** What is known not to be anywhere is not looked for far ahead. */
const MAX_LOOKED_FOR = 64

/** Never rejects. Stops waiting when it is not wanted any more. */
export function agree(run: LeasedRun, place: AgreementPlace, leaving: CancelSignal): Agreeing {
  // In this order: what its holder has let go since the last look is there by now.
  const claimed = place.leases.claim(place.name, run)
  const held = firstHeld(run, place)
  return {
    isAwaited: claimed.then(({ kind }) => kind === 'taken'),
    agreement: settle(),
  }

  async function settle(): Promise<Agreement> {
    const claim = await claimed
    if (claim.kind === 'off') return { last: run.last, lease: undefined }
    if (claim.kind === 'taken') return waited(run, place, leaving)
    const { lease, last } = claim
    const end = Math.min(last, (await held) - 1)
    if (end >= run.first) return { last: end, lease }
    if (await isHere(run.first, place)) {
      lease.release()
      return { last: run.first - 1, lease: undefined }
    }
    return { last, lease }
  }
}

async function waited(
  run: LeasedRun,
  place: AgreementPlace,
  signal: CancelSignal,
): Promise<Agreement> {
  const { leases, name } = place
  const isThere = async (): Promise<boolean> =>
    (await firstHeld(only(run.first), place)) === run.first
  await leases.wait(name, run.first, { signal, isThere })
  if (await isHere(run.first, place)) return { last: run.first - 1, lease: undefined }
  // In vain, or too long: all that is wanted is now fetched here, and whoever comes may wait for it.
  return { last: run.last, lease: leases.insist(name, run) }
}

function only(index: number): LeasedRun {
  return { first: index, last: index }
}

/** The first that other nodes have kept; Infinity for none. */
async function firstHeld(run: LeasedRun, { tiers, keyOf }: AgreementPlace): Promise<number> {
  const shared = tiers.all.find(({ leases }) => leases !== undefined)
  const length = Math.min(MAX_LOOKED_FOR, run.last - run.first + 1)
  const keys = Array.from({ length }, (_, offset) => keyOf(run.first + offset))
  const held = (await shared?.haveAll?.(keys).catch(() => [])) ?? []
  const offset = held.indexOf(true)
  return offset < 0 ? Number.POSITIVE_INFINITY : run.first + offset
}

/** It is brought nearer by being looked at. */
async function isHere(index: number, { tiers, keyOf }: AgreementPlace): Promise<boolean> {
  return (await tiers.get(keyOf(index))) !== undefined
}
