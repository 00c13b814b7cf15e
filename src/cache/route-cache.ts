// The cache as one bucket's requests see it: heads by name and variant, slices by version.

import type { IncomingHttpHeaders } from 'node:http'

import { selectingValues, selects } from '../http/vary.ts'
import type { FillMemory } from './fill-memory.ts'
import { inspect } from './inspect.ts'
import type { Inspected } from './inspect.ts'
import { digest, headKey, validatorOf, variantKey } from './key.ts'
import type { SliceKeys } from './key.ts'
import type { LookupTally } from './lookup-tally.ts'
import { ObjectSlices } from './object-slices.ts'
import type { FetchRange, Fills, SliceSettings } from './object-slices.ts'
import type { StoredHead } from './stored-head.ts'
import type { EntryFacts, TierName } from './tier.ts'
import type { Found, Tiers } from './tiers.ts'

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

export interface RouteIdentity {
  readonly bucket: string
  /** Names where the objects come from: routes of two origins share nothing. */
  readonly origin: string
}

interface RouteWorld {
  readonly tiers: Tiers
  readonly fills: Fills
  readonly memory: FillMemory
  readonly settings: SliceSettings
  readonly tally: LookupTally
}

export class RouteCache {
  readonly bucket: string
  readonly #origin: string
  readonly #world: RouteWorld

  constructor({ bucket, origin }: RouteIdentity, world: RouteWorld) {
    this.bucket = bucket
    this.#origin = digest(`${bucket}\n${origin}`)
    this.#world = world
  }

  get tally(): LookupTally {
    return this.#world.tally
  }

  get settings(): SliceSettings {
    return this.#world.settings
  }

  /** One name for all requests for one object: what coalescing goes by. */
  nameOf({ key, versionId }: ObjectName): string {
    return headKey(this.#origin, key, versionId)
  }

  lookup(name: ObjectName, headers: IncomingHttpHeaders): Lookup | Promise<Lookup> {
    const base = this.nameOf(name)
    const found = this.#world.tiers.get(base)
    if (found instanceof Promise) return found.then((late) => this.#select(base, late, headers))
    return this.#select(base, found, headers)
  }

  /**
   * Keeps a head, under the variant it is (RFC 9111 §4.1) and as the newest of its object. A ban
   * declared since `askedAt` covers it: the origin may have answered before that.
   */
  keep(name: ObjectName, stored: StoredHead, askedAt: number): void {
    const base = this.nameOf(name)
    const facts = this.#factsOf(name, stored, askedAt)
    const entry = { kind: 'head', stored, ...facts } as const
    this.#world.tiers.put(base, entry)
    if (stored.selecting.length > 0)
      this.#world.tiers.put(variantKey(base, stored.selecting), entry)
  }

  /** Whether it was purged while it was asked for. */
  isPurged(name: ObjectName, stored: StoredHead, askedAt: number): boolean {
    return this.#world.tiers.bans.covering(this.#factsOf(name, stored, askedAt)) !== undefined
  }

  async inspect(name: ObjectName): Promise<Inspected | undefined> {
    const { tiers, settings } = this.#world
    const base = this.nameOf(name)
    const found = await tiers.get(base)
    if (found?.entry.kind !== 'head') return undefined
    const { stored } = found.entry
    const { tier, staleSince: softPurgedAt } = found
    const sliceKeys = this.#sliceKeys(name, stored)
    const place = { tiers: tiers.all, headKey: base, sliceKeys, sliceBytes: settings.sliceBytes }
    return inspect({ stored, tier, softPurgedAt }, place)
  }

  /** When what was kept so far is written, or let go: who keeps more than that waits. */
  settled(): Promise<void> {
    return this.#world.tiers.settled()
  }

  forget(name: ObjectName): void {
    this.#world.tiers.remove(this.nameOf(name))
  }

  /** The bytes of one version; `fetch` gets those that are not held. */
  slicesOf(
    name: ObjectName,
    stored: StoredHead,
    fetch: FetchRange,
    askedAt = stored.receivedAt,
  ): ObjectSlices {
    const keys = this.#sliceKeys(name, stored)
    const facts = this.#factsOf(name, stored, askedAt)
    return new ObjectSlices({ keys, size: stored.head.size ?? 0, facts }, this.#world, fetch)
  }

  #sliceKeys({ key }: ObjectName, { head, receivedAt }: StoredHead): SliceKeys {
    const validator = validatorOf(head, receivedAt)
    return { identity: this.#origin, objectKey: key, validator }
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
