// One version of one object as slices: which are held, which are arriving, and how the holes are
// filled. A run of contiguous holes is one question to the origin.

import { Cancellation } from '../primitives/cancel.ts'
import type { CancelSignal } from '../primitives/cancel.ts'
import type { StreamBody } from '../exchange/body.ts'
import { agree } from './agreement.ts'
import type { Agreement, AgreementPlace, Agreeing, Told } from './agreement.ts'
import { DistantReader } from './distant-reader.ts'
import { Fill } from './fill.ts'
import type { FillBuffer } from './fill-buffer.ts'
import { SLICES_OF_A_FILL } from './fill-memory.ts'
import type { FillMemory } from './fill-memory.ts'
import { sliceKey } from './key.ts'
import type { Circle, LeasedRun } from './lease.ts'
import type { LookupTally } from './lookup-tally.ts'
import type { EntryFacts } from './tier.ts'
import type { Found, Shelves } from './tiers.ts'

/** Asks the origin for bytes of this very version, absolute and inclusive. */
export type FetchRange = (first: number, last: number, signal: CancelSignal) => Promise<StreamBody>

export interface ObjectVersion {
  readonly bytesName: string
  readonly size: number
  readonly facts: EntryFacts
}

export interface SliceSettings {
  readonly sliceBytes: number
  /** The most one question to the origin asks for, in whole slices. */
  readonly spanSlices: number
}

/** Fills in progress, by the name of the bytes they bring. */
export type Fills = Map<string, Set<Fill>>

export interface SliceWorld {
  readonly tiers: Shelves
  readonly fills: Fills
  readonly memory: FillMemory
  readonly settings: SliceSettings
  readonly tally?: LookupTally
  /** Those who agree who fetches what. */
  readonly circles?: readonly Circle[]
}

/** A fill, and what others are told of it. */
interface Work {
  readonly fill: Fill
  told: readonly Told[]
}

export class ObjectSlices {
  readonly size: number
  readonly sliceBytes: number
  readonly #version: ObjectVersion
  readonly #world: SliceWorld
  readonly #fetch: FetchRange
  #agreeing: Agreeing | undefined

  constructor(version: ObjectVersion, world: SliceWorld, fetch: FetchRange) {
    this.size = version.size
    this.sliceBytes = world.settings.sliceBytes
    this.#version = version
    this.#world = world
    this.#fetch = fetch
  }

  /** Whether another fetches what was last wanted from here, and will be waited for. */
  get isAwaited(): Promise<boolean> | undefined {
    return this.#agreeing?.isAwaited
  }

  indexAt(position: number): number {
    return Math.floor(position / this.sliceBytes)
  }

  /** A held slice; a promise where a tier must be waited for. */
  held(index: number, at?: number): Found | undefined | Promise<Found | undefined> {
    const { tiers, tally } = this.#world
    const found = tiers.get(this.#keyOf(index), at)
    tally?.noteSoon(found)
    return found
  }

  /** Whether it is known to be held, without looking at it; what is purged is held no more. */
  isHeld(index: number): boolean {
    const { tiers } = this.#world
    const isPurged = tiers.bans.covering(this.#version.facts) !== undefined
    return !isPurged && tiers.isAtHand(this.#keyOf(index))
  }

  /** A fill that a reader at this slice can follow. */
  arriving(index: number, except?: Fill): Fill | undefined {
    for (const fill of this.#world.fills.get(this.#version.bytesName) ?? []) {
      if (fill !== except && fill.covers(index)) return fill
    }
    return undefined
  }

  /** Begins to fetch the run of holes at `index`, or says that there is no room to hold it. */
  fill(index: number, lastWanted: number): Fill | undefined {
    const run = { first: index, last: this.#runEnd(index, lastWanted) }
    const leaving = new Cancellation()
    const work = this.#begin(run, leaving)
    if (work === undefined) return undefined
    const circles = this.#circles()
    if (circles.length === 0) this.#fetchInto(work.fill, run, leaving)
    else {
      this.#agreeing = agree(run, circles, this.#agreementPlace(), leaving)
      void this.#agreeing.agreement.then((agreed) => this.#carryOut(agreed, work, run, leaving))
    }
    return work.fill
  }

  /**
   * Takes in bytes that are on their way already, from the start of a slice on, where there is room.
   * They are held for the rest of this turn of the event loop, in which readers may come.
   */
  adopt(open: () => StreamBody, first: number, last: number): boolean {
    const run = { first: this.indexAt(first), last: this.indexAt(last) }
    const work = this.#begin(run)
    if (work === undefined) return false
    const { fill } = work
    const { bytesName } = this.#version
    const circles = this.#circles()
    this.#tell(
      work,
      circles.map((circle) => ({ circle, lease: circle.leases.insist(bytesName, run) })),
    )
    const holder = { position: first, advance: () => undefined }
    fill.attach(holder)
    fill.start(open())
    setImmediate(() => fill.detach(holder))
    return true
  }

  /** Without the cache: these bytes, or the first span of them, at the reader's own pace. */
  passThrough(first: number, last: number, signal: CancelSignal): Promise<StreamBody> {
    const spanEnd = (this.indexAt(first) + this.#world.settings.spanSlices) * this.sliceBytes - 1
    return this.#fetch(first, Math.min(last, spanEnd), signal)
  }

  #fetchInto(fill: Fill, run: LeasedRun, leaving: Cancellation): void {
    const last = Math.min((run.last + 1) * this.sliceBytes, this.size) - 1
    this.#fetch(run.first * this.sliceBytes, last, leaving).then(
      (source) => fill.start(source),
      (error: unknown) => fill.fail(error instanceof Error ? error : new Error(String(error))),
    )
  }

  #carryOut({ last, told }: Agreement, work: Work, run: LeasedRun, leaving: Cancellation): void {
    const { fill } = work
    // Nothing was asked for them yet: where all have left, nothing is.
    fill.endBefore(fill.isRead ? last + 1 : run.first)
    if (fill.isEnded) {
      for (const { lease } of told) lease.release()
      return
    }
    this.#tell(work, told)
    this.#fetchInto(fill, { first: run.first, last }, leaving)
  }

  #circles(): readonly Circle[] {
    const { circles = [], tiers } = this.#world
    // In doubt nothing that others bring is believed.
    if (circles.length === 0 || tiers.isInDoubt) return []
    return circles.filter(({ leases, canShare }) => leases.isOn && canShare(this.size))
  }

  #agreementPlace(): AgreementPlace {
    const keyOf = (index: number): string => this.#keyOf(index)
    return { tiers: this.#world.tiers, name: this.#version.bytesName, keyOf }
  }

  #tell(work: Work, told: readonly Told[]): void {
    work.told = told
    if (told.length === 0) return
    const { fill } = work
    const onMore = (): void => told.forEach(({ lease }) => lease.goesOn())
    const reader = new DistantReader({ fill, sliceBytes: this.sliceBytes, onMore })
    for (const { lease } of told) lease.heed((index) => reader.want(index))
  }

  #begin({ first, last }: LeasedRun, leaving?: Cancellation): Work | undefined {
    const slices = Math.min(SLICES_OF_A_FILL, last - first + 1)
    const bytes = slices * Math.min(this.sliceBytes, this.size)
    const release = this.#world.memory.reserve(bytes)
    if (release === undefined) return undefined
    const fill = new Fill({
      sliceBytes: this.sliceBytes,
      buffers: this.#world.memory.buffers,
      size: this.size,
      firstIndex: first,
      lastIndex: last,
      isHeld: (index) => this.#isCoveredElsewhere(index, fill),
      onSlice: (index, slice) => {
        this.#keep(index, slice)
        for (const { circle, lease } of work.told) {
          lease.passed(index, this.#world.tiers.shared(this.#keyOf(index), circle))
        }
      },
      onEnd: (isCutOff) => {
        if (isCutOff) leaving?.cancel()
        for (const { lease } of work.told) lease.release()
      },
      onFree: () => {
        release()
        this.#forget(fill)
      },
    })
    const work: Work = { fill, told: [] }
    const { bytesName } = this.#version
    const fills = this.#world.fills.get(bytesName) ?? new Set()
    this.#world.fills.set(bytesName, fills.add(fill))
    return work
  }

  #keep(index: number, lender: FillBuffer): void {
    const { bytes } = lender
    const { facts } = this.#version
    this.#world.tiers.put(this.#keyOf(index), { kind: 'slice', ...facts, bytes, lender })
  }

  #forget(fill: Fill): void {
    const { bytesName } = this.#version
    const fills = this.#world.fills.get(bytesName)
    fills?.delete(fill)
    if (fills?.size === 0) this.#world.fills.delete(bytesName)
  }

  #runEnd(index: number, lastWanted: number): number {
    const limit = Math.min(lastWanted, index + this.#world.settings.spanSlices - 1)
    let end = index
    while (end < limit && !this.#isCoveredElsewhere(end + 1)) end += 1
    return end
  }

  #isCoveredElsewhere(index: number, own?: Fill): boolean {
    return this.isHeld(index) || this.arriving(index, own) !== undefined
  }

  #keyOf(index: number): string {
    return sliceKey(this.#version.bytesName, index)
  }
}
