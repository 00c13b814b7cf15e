// An object had as a GET would have it, for nobody: through the cache, which keeps of it what it may,
// beside the clients who ask for it at the same time. Its bytes are thrown away, no faster than the
// cache can keep them.

import type { CancelSignal } from '../primitives/cancel.ts'
import { now } from '../primitives/clock.ts'
import type { CacheOutcome } from '../http/cache-status.ts'
import { readConditions } from '../http/conditional.ts'
import { parseTarget } from '../http/path.ts'
import { discardBody } from '../exchange/body.ts'
import type { Body, StreamBody } from '../exchange/body.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { RefusalCode } from '../exchange/refusal.ts'
import { createTrail, OriginFailure } from '../origin/origin.ts'
import type { CachedOrigin, CacheVisit } from './cached-origin.ts'
import { ObjectChanged } from './object-changed.ts'
import type { Plan } from './plan.ts'
import { refusalFrom } from './refuse.ts'

/** What became of it: plain data. */
export type Warmed =
  | { readonly kind: 'done'; readonly bytes: number }
  /** All of it was held, and fresh. */
  | { readonly kind: 'skipped' }
  /** It may not be kept, or there was no room for it. */
  | { readonly kind: 'unstored' }
  | { readonly kind: 'failed'; readonly reason: RefusalCode }

const MAX_LOOKS = 2
/** Fresh, and for what is stale the origin's word: not what a client would be content with. */
const INSISTING = { 'cache-control': 'min-fresh=0' }

/** Lets go of everything when it is cancelled. */
export async function warm(
  cached: CachedOrigin,
  key: string,
  signal: CancelSignal,
): Promise<Warmed> {
  for (let look = 1; ; look += 1) {
    try {
      if (!isReachable(key)) throw new Refusal('invalid_path')
      return await warmOnce(cached, key, signal)
    } catch (error) {
      if (error instanceof ObjectChanged && look < MAX_LOOKS) continue
      return { kind: 'failed', reason: refusalFrom(error).code }
    }
  }
}

/** Some keys that S3 keeps no client can name. */
function isReachable(key: string): boolean {
  if (!key.isWellFormed()) return false
  const target = parseTarget(`/${encodeURIComponent(key)}`)
  return target.kind === 'path' && target.path === `/${key}`
}

async function warmOnce(cached: CachedOrigin, key: string, signal: CancelSignal): Promise<Warmed> {
  const trail = createTrail()
  const facts: CacheVisit['facts'] = { cache: undefined }
  const visit: CacheVisit = { arrival: { receivedAt: now() }, leaving: signal, facts }
  const { body } = await cached.obtain(planFor(key), { headers: INSISTING, exchange: visit, trail })
  const outcome = facts.cache
  if (!isKept(outcome)) {
    discardBody(body)
    if (outcome?.isStale === true) throw new Refusal('origin_failed')
    return { kind: 'unstored' }
  }
  const bytes = await readAway(body, cached, signal)
  await cached.settled()
  const isHeld = outcome?.kind === 'hit' && trail.attempts === 0
  return isHeld ? { kind: 'skipped' } : { kind: 'done', bytes }
}

function isKept(outcome: CacheOutcome | undefined): boolean {
  if (outcome === undefined) return false
  return outcome.kind === 'hit' ? !outcome.isStale : outcome.isStored && outcome.isStale !== true
}

function planFor(key: string): Plan {
  return {
    method: 'GET',
    key,
    versionId: undefined,
    partNumber: undefined,
    ranges: undefined,
    conditions: readConditions({}),
    isRevalidation: false,
  }
}

function readAway(body: Body, cached: CachedOrigin, signal: CancelSignal): Promise<number> {
  switch (body.kind) {
    case 'none':
      return Promise.resolve(0)
    case 'bytes':
      discardBody(body)
      return Promise.resolve(body.bytes.byteLength)
    case 'stream':
      return readStream(body, cached, signal)
  }
}

function readStream(body: StreamBody, cached: CachedOrigin, signal: CancelSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    let bytes = 0
    let unsettled = 0
    const end = (settle: () => void): void => {
      signal.offCancel(leave)
      settle()
    }
    const leave = (): void => {
      // Not from within the source's own call, which may not have returned its flow yet.
      queueMicrotask(() => flow.stop())
      reject(new OriginFailure('cancelled', 'it is not wanted any more'))
    }
    const flow = body.start({
      write(chunk, loan) {
        loan?.giveBack()
        bytes += chunk.byteLength
        unsettled += chunk.byteLength
        if (unsettled < cached.sliceBytes) return true
        unsettled = 0
        void cached.settled().then(() => flow.resume())
        return false
      },
      end: () => end(() => resolve(bytes)),
      fail: (reason) => end(() => reject(reason)),
    })
    if (signal.isCancelled) leave()
    else signal.onCancel(leave)
  })
}
