// Asking the origin about an object as one of several threads, and of several nodes: who is first asks,
// and the others take what that one keeps. What cannot be kept for others is nothing to wait for, and
// they are told.

import type { IncomingHttpHeaders } from 'node:http'

import type { CancelSignal } from '../primitives/cancel.ts'
import { now } from '../primitives/clock.ts'
import { HEAD_RUN } from '../cache/cache.ts'
import type { Circle, Lease, Lookup, ObjectName, RouteCache, StoredHead } from '../cache/cache.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { Taken } from './object-intake.ts'

export interface SharedAsking {
  readonly name: ObjectName
  readonly headers: IncomingHttpHeaders
  /** The stale head that is to be renewed. */
  readonly held: StoredHead | undefined
  /** Whether it would answer the request, without another question. */
  readonly isAnswer: (lookup: Lookup) => boolean
  readonly signal: CancelSignal | undefined
}

/** So long nobody waits for an object whose last answer was of no use to others. */
const LASTING_MS = 30_000
/** Where the next may well be: the origin failed, or there was no room. */
const BRIEF_MS = 1000

/** How often one may wait for another who then has nothing to show for it. */
const MAX_WAITS = 2

/** The nearest circle first: only who has its lease asks in the next. */
export function askTogether(
  cache: RouteCache,
  asking: SharedAsking,
  ask: () => Promise<Taken>,
): Promise<Taken> {
  const askAll = cache.circles.reduceRight(
    (further, circle) => () => agreeAndAsk(circle, cache, asking, further),
    ask,
  )
  return askAll()
}

async function agreeAndAsk(
  circle: Circle,
  cache: RouteCache,
  asking: SharedAsking,
  ask: () => Promise<Taken>,
): Promise<Taken> {
  const { leases } = circle
  const name = cache.leaseName(asking.name)
  for (let isPatient = true, waits = 0; ; waits += 1) {
    // In this order: what its holder has let go since the last look is there by now.
    const claimed = leases.claim(name, HEAD_RUN)
    const found = await lookElsewhere(circle, cache, asking)
    const claim = await claimed
    if (found !== undefined) {
      if (claim.kind === 'granted') claim.lease.release()
      return found
    }
    if (claim.kind === 'granted') return askUnder({ circle, ...claim }, cache, asking, ask)
    if (claim.kind === 'off' || !isPatient || waits === MAX_WAITS) return ask()
    isPatient = await leases.wait(name, HEAD_RUN.first, { signal: asking.signal })
  }
}

async function lookElsewhere(
  circle: Circle,
  cache: RouteCache,
  { name, headers, held, isAnswer }: SharedAsking,
): Promise<Taken | undefined> {
  const found = await cache.lookElsewhere(name, circle, { headers, isWanted: isAnswer })
  if (found === undefined) return undefined
  const { stored } = found
  const isFreshened = held !== undefined && isSameVersion(held, stored)
  return { kind: 'stored', ...found, isFreshened, isKept: true, isElsewhere: true }
}

function isSameVersion({ head: held }: StoredHead, { head }: StoredHead): boolean {
  return held.etag !== undefined && held.etag === head.etag && held.size === head.size
}

async function askUnder(
  { circle, lease }: { readonly circle: Circle; readonly lease: Lease },
  cache: RouteCache,
  { name, signal }: SharedAsking,
  ask: () => Promise<Taken>,
): Promise<Taken> {
  try {
    const taken = await ask()
    lease.passed(HEAD_RUN.first, cache.shared(name, circle))
    lease.release(useless(taken))
    return taken
  } catch (error) {
    // That all have left who wanted it here is no reason for others not to wait for each other.
    if (signal?.isCancelled === true) lease.release()
    else lease.release(error instanceof Refusal ? LASTING_MS : BRIEF_MS)
    throw error
  }
}

/** For how long the answers are taken to be of no use to others. */
function useless(taken: Taken): number {
  if (taken.kind === 'unstored') return taken.isLasting ? LASTING_MS : BRIEF_MS
  const { isKept, stored } = taken
  return isKept && !stored.isAlwaysValidated && stored.freshUntil > now() ? 0 : LASTING_MS
}
