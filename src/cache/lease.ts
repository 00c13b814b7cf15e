// Who fetches what, agreed in a circle: of the threads of a process, or of the nodes of a fleet, that
// share a place for what they keep. Who is first takes a lease, and who comes after waits for what the
// first one brings. Only a courtesy: nobody waits long, and whoever has waited in vain fetches for
// itself.

import type { CancelSignal } from '../primitives/cancel.ts'
import type { Tier } from './tier.ts'

/** Neighbouring slices, both ends included. */
export interface LeasedRun {
  readonly first: number
  readonly last: number
}

/** What stands for a head, which is one thing. */
export const HEAD_RUN: LeasedRun = { first: 0, last: 0 }

/** Those who agree. */
export interface Circle {
  readonly leases: Leases
  /** Where each of them finds what another has kept. */
  readonly tiers: readonly Tier[]
  /** Whether the slices of such an object are kept there. */
  readonly canShare: (objectBytes: number) => boolean
}

export interface Leases {
  /** False: there is nobody to agree with, or no way to, and nothing is to be asked here. */
  readonly isOn: boolean
  /** Never rejects. Sent before this returns. */
  claim(name: string, run: LeasedRun): Promise<Claim>
  /** Whatever others do: it is on its way already, or has been waited for. */
  insist(name: string, run: LeasedRun): Lease
  /** Whether another fetches it. Leaves no trace. */
  isTaken(name: string, index: number): Promise<boolean>
  /**
   * Until the other has ended, or it is there: true. False where patience is at its end. Never
   * rejects.
   */
  wait(name: string, index: number, until: WaitEnd): Promise<boolean>
}

export type Claim =
  /** From the first of the run on, those that nobody else fetches. */
  | { readonly kind: 'granted'; readonly lease: Lease; readonly last: number }
  /** Another fetches the first of them. */
  | { readonly kind: 'taken' }
  /** There is nothing to wait for, and nobody is to wait for this. */
  | { readonly kind: 'off' }

export interface WaitEnd {
  readonly signal: CancelSignal | undefined
  readonly isThere?: () => Promise<boolean>
}

/** Renewed until it is released; ends by itself where whoever has it dies. */
export interface Lease {
  /** The slices up to this one are fetched, and others can find them when `kept` has settled. */
  passed(index: number, kept: Promise<void> | undefined): void
  /** There is more of what comes next: who waits for it is to be patient. */
  goesOn(): void
  /** `want` is called with a slice that others wait for, where that is known. */
  heed(want: (index: number) => void): void
  /** When what has passed is kept. For so long after it nobody waits for another lease of this name. */
  release(openMs?: number): void
}
