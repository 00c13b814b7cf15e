// What outlives the configurations of one thread. A configuration asks for what it needs by what that
// is; what the next one needs too is found again, and what none needs any more is let go.

import { readFileSync } from 'node:fs'

import { Commons } from '../primitives/commons.ts'
import { createKeySets, PolicyTally } from '../access/access.ts'
import type { Authenticator, Policy, Refreshed } from '../access/access.ts'
import { RedisNews } from '../cache/cache.ts'
import type { JwtConfig } from '../config/jwt.ts'
import { fingerprint } from '../config/transfer.ts'
import { FillMemory } from '../cache/cache.ts'
import { countUp } from '../exchange/counts.ts'
import type { OriginCounts } from '../exchange/counts.ts'
import { LoadGuard } from '../exchange/load-guard.ts'
import type { LoadGuardOptions } from '../exchange/load-guard.ts'
import { OriginTally, ReplicaStore } from '../origin/origin.ts'
import type { Origin, SharedReplicas } from '../origin/origin.ts'
import type { CachedOrigin } from '../proxy/proxy.ts'
import { LimitStore } from './limits.ts'

/** What bodies whose length is still to be found out may take of buckets that are not cached. */
const UNCACHED_ROOM_BYTES = 32 * 1024 * 1024

export interface LiveStoreOptions extends LoadGuardOptions {
  readonly shared: SharedReplicas
}

export class LiveStore {
  readonly replicas: ReplicaStore
  readonly origins = new Commons<Origin>((origin) => origin.retire())
  readonly cached = new Commons<CachedOrigin>(() => undefined)
  readonly authenticators = new Commons<Authenticator>((one) => one.close())
  readonly keySets = createKeySets()
  readonly policies = new Commons<Policy>((policy) => policy.close())
  readonly uncachedRoom = new FillMemory(UNCACHED_ROOM_BYTES)
  readonly redisNews = new RedisNews()
  readonly limits = new LimitStore(this.redisNews)
  readonly policyTally = new PolicyTally()
  /** What came of each time an issuer was asked for its keys. */
  readonly keyRefreshes = new Map<Refreshed, number>()
  /** By bucket; what was counted is not forgotten with the configuration it was counted under. */
  readonly #tallies = new Map<string, OriginTally>()

  readonly #numbers = new WeakMap<object, number>()
  #lastNumber = 0

  /** Who knows whether there is time for a request. */
  readonly guard: LoadGuard

  constructor(options: LiveStoreOptions) {
    this.replicas = new ReplicaStore(options.shared)
    this.guard = new LoadGuard(options)
  }

  readonly refreshed = (outcome: Refreshed): void => countUp(this.keyRefreshes, outcome)

  /** Another for each thing, and always the same. */
  numberOf(thing: object | undefined): number {
    if (thing === undefined) return 0
    const known = this.#numbers.get(thing)
    if (known !== undefined) return known
    this.#lastNumber += 1
    this.#numbers.set(thing, this.#lastNumber)
    return this.#lastNumber
  }

  /** Of those that are there, and of those that were. */
  originCounts(origins: ReadonlyMap<string, Origin>): readonly OriginCounts[] {
    return [...this.#tallies].map(
      ([bucket, tally]) => origins.get(bucket)?.counts() ?? countsOfGone(bucket, tally),
    )
  }

  tallyOf(bucket: string): OriginTally {
    const tally = this.#tallies.get(bucket) ?? new OriginTally()
    this.#tallies.set(bucket, tally)
    return tally
  }
}

function countsOfGone(bucket: string, tally: OriginTally): OriginCounts {
  const counts = tally.counts(bucket, new Map())
  const { won = 0, lost = 0 } = counts.hedges ?? {}
  return won + lost === 0 ? { ...counts, hedges: undefined } : counts
}

/** Keys that lie in files are others when the files are. */
export function identityOf(jwt: JwtConfig): string {
  const paths = [...jwt.publicKeys, ...jwt.keys].flatMap(({ path }) => path ?? [])
  return fingerprint([jwt, paths.map(contentOf)])
}

/** Whoever opens the key tells what is wrong with it. */
function contentOf(path: string): string {
  try {
    return readFileSync(path, 'base64')
  } catch {
    return ''
  }
}
