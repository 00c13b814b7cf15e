// The cache as one bucket's requests see it: heads by name and variant, slices by version.

import type { IncomingHttpHeaders } from 'node:http'

import type { ObjectHead } from '../exchange/object-head.ts'
import { selectingValues, selects } from '../http/vary.ts'
import { isTooLate } from './ban.ts'
import { FillMemory, SLICES_OF_A_FILL } from './fill-memory.ts'
import { inspect } from './inspect.ts'
import type { Inspected } from './inspect.ts'
import { digest, headKey, nameOfBytes, variantKey } from './key.ts'
import type { Circle } from './lease.ts'
import { LookupTally } from './lookup-tally.ts'
import { ObjectSlices } from './object-slices.ts'
import type { FetchRange, Fills, SliceSettings } from './object-slices.ts'
import type { StoredHead } from './stored-head.ts'
import type { EntryFacts, TierName } from './tier.ts'
import type { Found, Seen, Shelves } from './tiers.ts'

export interface Lookup {
  readonly stored: StoredHead | undefined
  readonly tier: TierName | undefined
  /** When a soft purge covered it. */
  readonly softPurgedAt: number | undefined
  /** Something is stored for the object, but for other requests (RFC 9111 §4.1). */
  readonly hasOtherVariants: boolean
}

export interface ObjectName {
  readonly key: string
  readonly versionId: string | undefined
}

/** What is kept for a request, and what is only there. */
export interface Shelved {
  readonly lookup: Lookup
  /** What each tier has, purged or not. */
  readonly seen: readonly Seen[]
  /** Purges may have been missed: nothing of it is believed. */
  readonly isInDoubt: boolean
}

export interface RouteIdentity {
  readonly bucket: string
  /** Names where the objects come from: routes of two origins share nothing. */
  readonly origin: string
}

export interface RouteWorld {
  readonly tiers: Shelves
  readonly fills: Fills
  readonly memory: FillMemory
  readonly settings: SliceSettings
  readonly tally: LookupTally
  /** Those who agree who fetches what, the nearest first. */
  readonly circles?: readonly Circle[]
}

export interface WantedHead {
  /** Of the request that it is for. */
  readonly headers: IncomingHttpHeaders
  readonly isWanted: (lookup: Lookup) => boolean
}

/** What another has kept of an object. */
export interface FoundElsewhere {
  readonly stored: StoredHead
  readonly askedAt: number
}

export class RouteCache {
  readonly bucket: string
  readonly #identity: RouteIdentity
  readonly #origin: string
  /** What the key of a head begins with, in one piece, since it is looked up for each hit. */
  readonly #heads: string
  readonly #world: RouteWorld

  constructor(identity: RouteIdentity, world: RouteWorld) {
    const { bucket, origin } = identity
    this.bucket = bucket
    this.#identity = identity
    // Of slices of one length nothing can be made of those of another.
    this.#origin = digest(`${bucket}\n${origin}\n${world.settings.sliceBytes}`)
    this.#heads = Buffer.from(headKey(this.#origin, '', undefined)).toString()
    this.#world = world
  }

  get tally(): LookupTally {
    return this.#world.tally
  }

  get settings(): SliceSettings {
    return this.#world.settings
  }

  /** The same for whoever must leave no trace: it finds what a request would, and begins nothing. */
  untouched(): RouteCache {
    const { tiers, settings } = this.#world
    return new RouteCache(this.#identity, {
      tiers: tiers.untouched(),
      fills: new Map(),
      memory: new FillMemory(0),
      tally: new LookupTally([]),
      settings,
    })
  }

  /** As much as one request may ask for: all that it wants, where there is no room to keep it. */
  get grid(): SliceSettings {
    const { settings, memory } = this.#world
    const hasRoom = memory.hasRoomFor(SLICES_OF_A_FILL * settings.sliceBytes)
    return hasRoom ? settings : { ...settings, spanSlices: Infinity }
  }

  /** One name for all requests for one object: what coalescing goes by. */
  nameOf({ key, versionId }: ObjectName): string {
    if (versionId === undefined) return this.#heads + key
    return headKey(this.#origin, key, versionId)
  }

  /** What the bytes that such a head describes are to be found by. */
  nameOfBytes({ key }: ObjectName, head: ObjectHead, receivedAt: number): string {
    return nameOfBytes(this.#origin, key, head, receivedAt)
  }

  lookup(name: ObjectName, headers: IncomingHttpHeaders, at?: number): Lookup | Promise<Lookup> {
    const base = this.nameOf(name)
    const found = this.#world.tiers.get(base, at)
    if (found instanceof Promise) return found.then((late) => this.#select(base, late, headers))
    return this.#select(base, found, headers)
  }

  /**
   * Keeps a head, under the variant it is (RFC 9111 §4.1) and as the newest of its object. A ban
   * declared since `askedAt` covers it: the origin may have answered before that. Where nobody knows
   * all of these any more it is not kept, and the answer is false. Its slices are, however long their
   * download takes: they are found only by a head of their version that was kept.
   */
  keep(name: ObjectName, stored: StoredHead, askedAt: number): boolean {
    if (isTooLate(askedAt, stored.receivedAt)) return false
    const base = this.nameOf(name)
    const facts = this.#factsOf(name, stored, askedAt)
    const entry = { kind: 'head', stored, ...facts } as const
    this.#world.tiers.put(base, entry)
    if (stored.selecting.length > 0)
      this.#world.tiers.put(variantKey(base, stored.selecting), entry)
    return true
  }

  /** Those whose heads could be had, and are believed just now. */
  get circles(): readonly Circle[] {
    const { circles = [], tiers } = this.#world
    return tiers.isInDoubt ? [] : circles.filter(({ leases }) => leases.isOn)
  }

  /** What a lease on the head of an object goes by. */
  leaseName(name: ObjectName): string {
    return digest(this.nameOf(name))
  }

  /** Settles when others can find the head that was kept last, or never will. */
  shared(name: ObjectName, circle: Circle): Promise<void> | undefined {
    return this.#world.tiers.shared(this.nameOf(name), circle)
  }

  /** What others have kept meanwhile, for a request with these fields, if it is wanted. */
  async lookElsewhere(
    name: ObjectName,
    circle: Circle,
    { headers, isWanted }: WantedHead,
  ): Promise<FoundElsewhere | undefined> {
    const found = await this.#world.tiers.getShared(this.nameOf(name), circle, (it) => {
      const lookup = lookupOf(it)
      const { stored } = lookup
      return stored !== undefined && selects(stored.selecting, headers) && isWanted(lookup)
    })
    if (found?.entry.kind !== 'head') return undefined
    return { stored: found.entry.stored, askedAt: found.entry.receivedAt }
  }

  /** Whether it was purged while it was asked for. */
  isPurged(name: ObjectName, stored: StoredHead, askedAt: number): boolean {
    return this.#world.tiers.bans.covering(this.#factsOf(name, stored, askedAt)) !== undefined
  }

  /** Whether all that was had of it by then is purged. */
  isPurgedSince({ key: objectKey }: ObjectName, receivedAt: number): boolean {
    const ofNothing = { tags: [], objectBytes: 0, keepUntil: receivedAt }
    const facts = { bucket: this.bucket, objectKey, receivedAt, ...ofNothing }
    return this.#world.tiers.bans.covering(facts) !== undefined
  }

  /** What is kept of an object, for any request or for that of a lookup. Leaves no trace. */
  async inspect(name: ObjectName, lookup?: Lookup): Promise<Inspected | undefined> {
    const { stored, tier, softPurgedAt } = lookup ?? (await this.#newest(name))
    if (stored === undefined || tier === undefined) return undefined
    const place = {
      tiers: this.#world.tiers.all,
      seen: await this.#world.tiers.look(
        this.#headKey(name, lookup === undefined ? [] : stored.selecting),
      ),
      bytesName: stored.bytesName,
      sliceBytes: this.settings.sliceBytes,
    }
    return inspect({ stored, tier, softPurgedAt }, place)
  }

  /** What a lookup would find, and what else is there under its name. Leaves no trace. */
  async peek(name: ObjectName, headers: IncomingHttpHeaders): Promise<Shelved> {
    const untouched = this.untouched()
    return {
      lookup: await untouched.lookup(name, headers),
      seen: await this.#world.tiers.look(this.nameOf(name)),
      isInDoubt: this.#world.tiers.isInDoubt,
    }
  }

  async #newest(name: ObjectName): Promise<Lookup> {
    const found = await this.#world.tiers.untouched().get(this.nameOf(name))
    return found === undefined ? MISSING : lookupOf(found)
  }

  #headKey(name: ObjectName, selecting: StoredHead['selecting']): string {
    return variantKey(this.nameOf(name), selecting)
  }

  /** When what was kept so far is written, or let go: who keeps more than that waits. */
  settled(): Promise<void> {
    return this.#world.tiers.settled()
  }

  /** The newest of an object, and the one that turned out to be of no use. */
  forget(name: ObjectName, stored?: StoredHead): void {
    const base = this.nameOf(name)
    this.#world.tiers.remove(base)
    if (stored !== undefined && stored.selecting.length > 0)
      this.#world.tiers.remove(variantKey(base, stored.selecting))
  }

  /** The bytes of one version; `fetch` gets those that are not held. */
  slicesOf(
    name: ObjectName,
    stored: StoredHead,
    fetch: FetchRange,
    askedAt = stored.receivedAt,
  ): ObjectSlices {
    const facts = this.#factsOf(name, stored, askedAt)
    const { bytesName, head } = stored
    return new ObjectSlices({ bytesName, size: head.size ?? 0, facts }, this.#world, fetch)
  }

  #factsOf(
    { key }: ObjectName,
    { head, tags, keepUntil }: StoredHead,
    receivedAt: number,
  ): EntryFacts {
    const objectBytes = head.size ?? 0
    return { bucket: this.bucket, objectKey: key, tags, objectBytes, receivedAt, keepUntil }
  }

  #select(
    base: string,
    found: Found | undefined,
    headers: IncomingHttpHeaders,
  ): Lookup | Promise<Lookup> {
    this.tally.note(found)
    if (found?.entry.kind !== 'head') return MISSING
    const { stored } = found.entry
    if (selects(stored.selecting, headers)) return lookupOf(found)
    const names = stored.selecting.map(([name]) => name)
    const other = this.#world.tiers.get(variantKey(base, selectingValues(names, headers)))
    return other instanceof Promise ? other.then(orOtherVariant) : orOtherVariant(other)
  }
}

const MISSING: Lookup = {
  stored: undefined,
  tier: undefined,
  softPurgedAt: undefined,
  hasOtherVariants: false,
}

function orOtherVariant(found: Found | undefined): Lookup {
  return found === undefined ? { ...MISSING, hasOtherVariants: true } : lookupOf(found)
}

function lookupOf({ entry, tier, staleSince }: Found): Lookup {
  if (entry.kind !== 'head') return MISSING
  return { stored: entry.stored, tier, softPurgedAt: staleSince, hasOtherVariants: false }
}
