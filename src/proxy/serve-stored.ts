// An answer out of what is stored: the same choice of status and bytes as for one fresh from the
// origin, with a body read from slices.

import { ageField, currentAgeMs } from '../http/freshness.ts'
import { bytesBody, noBody } from '../exchange/body.ts'
import type { Body, StreamBody } from '../exchange/body.ts'
import { Refusal } from '../exchange/refusal.ts'
import { bytesFrom, SliceBody } from '../cache/cache.ts'
import type { ObjectSlices, StoredHead } from '../cache/cache.ts'
import type { ByteRange } from '../http/range.ts'
import { multipartBody } from './multipart-body.ts'
import type { Obtained } from './obtain.ts'
import type { Plan } from './plan.ts'
import { select } from './select.ts'
import type { Selected } from './select.ts'

export interface Served {
  readonly obtained: Obtained
  /** Looks for the first bytes: true when they are held, or none are needed. */
  isHeld(): boolean | Promise<boolean>
  /** They are on their way for somebody else. */
  readonly isCollapsed: boolean
  /** Where they come from; undefined where they are all here. */
  readonly slices: ObjectSlices | undefined
}

/** What was received for this very request comes from the origin, and has no age to tell of. */
export interface Origination {
  readonly isJustReceived: boolean
  /** The instant that it is served at. */
  readonly at: number
}

export function serveStored(
  stored: StoredHead,
  plan: Plan,
  { isJustReceived, at }: Origination,
  open: () => ObjectSlices,
): Served {
  const currentMs = currentAgeMs(stored.initialAgeMs, stored.receivedAt, at)
  const ageMs = isJustReceived && currentMs < 1000 ? undefined : currentMs
  if (stored.outcome === 'absent') throw new Refusal('not_found', { headers: ageField(ageMs) })
  const { head, dateAt } = stored
  const size = head.size ?? 0
  const selected = select(plan, head, { first: 0, last: size - 1 })
  const common = { head, selected, aged: { dateAt, ageMs } }
  if (plan.method === 'HEAD' || size === 0) return atOnce(common, emptyBody(selected))
  switch (selected.kind) {
    case 'whole':
      return ranged(common, { first: 0, last: size - 1 }, open(), at)
    case 'part':
      return ranged(common, selected.range, open(), at)
    case 'parts':
      return several(common, selected.ranges, size, open())
    case 'not-modified':
    case 'precondition-failed':
    case 'unsatisfiable':
    case 'redirect':
      return atOnce(common, noBody)
  }
}

type Common = Required<Pick<Obtained, 'head' | 'selected' | 'aged'>>

function atOnce({ head, selected, aged }: Common, body: Body): Served {
  const obtained = { head, selected, aged, body }
  return { obtained, isHeld: isHere, isCollapsed: false, slices: undefined }
}

function isHere(): boolean {
  return true
}

const NOTHING = new Uint8Array(0)

function emptyBody({ kind }: Selected): Body {
  return kind === 'whole' ? bytesBody(NOTHING) : noBody
}

/** What lies in one slice that is at hand needs no stream: it is one write. */
function ranged(common: Common, range: ByteRange, slices: ObjectSlices, at: number): Served {
  const index = slices.indexAt(range.first)
  let ahead: Extract<ReturnType<ObjectSlices['held']>, Promise<unknown>> | undefined
  if (slices.indexAt(range.last) === index) {
    const held = slices.held(index, at)
    if (held instanceof Promise) ahead = held
    else if (held?.entry.kind === 'slice') {
      const { entry } = held
      const length = range.last + 1 - range.first
      const bytes = bytesFrom(entry, range.first - index * slices.sliceBytes)
      if (bytes.byteLength >= length) {
        const wanted = bytes.byteLength === length ? bytes : bytes.subarray(0, length)
        return atOnce(common, bytesBody(wanted, entry.lender?.lend()))
      }
    }
  }
  const body = new SliceBody(slices, range, ahead)
  const { isFollowing: isCollapsed } = body
  return { obtained: { ...common, body }, isHeld: () => body.prepare(), isCollapsed, slices }
}

function several(
  common: Common,
  ranges: readonly ByteRange[],
  size: number,
  slices: ObjectSlices,
): Served {
  const [firstRange = { first: 0, last: 0 }] = ranges
  const first = new SliceBody(slices, firstRange)
  const open = (range: ByteRange): Promise<StreamBody> =>
    Promise.resolve(new SliceBody(slices, range))
  const { contentType } = common.head
  const body = multipartBody({ ranges, size, contentType, first, open })
  const obtained = { ...common, body, multipartType: body.contentType }
  return { obtained, isHeld: () => first.prepare(), isCollapsed: first.isFollowing, slices }
}
