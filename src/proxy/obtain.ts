// Gets the bytes an answer needs. Asks for the head alone where that may be the whole answer, and
// ties every further question to the version first seen: an object that changes in between is
// looked at afresh, never mixed.

import { noBody } from '../exchange/body.ts'
import type { Body, StreamBody } from '../exchange/body.ts'
import type { ObjectHead } from '../exchange/object-head.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { ByteRange, RangeSpec } from '../http/range.ts'
import type { Delivered, ObjectQuestion, OriginAnswer } from '../origin/origin.ts'
import { multipartBody } from './multipart-body.ts'
import type { Plan } from './plan.ts'
import { select } from './select.ts'
import type { Selected } from './select.ts'

export type Ask = (question: ObjectQuestion) => Promise<OriginAnswer>

export interface Obtained {
  readonly head: ObjectHead
  readonly selected: Selected
  readonly body: Body
}

interface Found {
  readonly head: ObjectHead
  readonly first: number
  readonly last: number | undefined
  /** Undefined where the head alone was asked for. */
  readonly delivered: Delivered | undefined
}

const MAX_LOOKS = 3

export async function obtain(plan: Plan, ask: Ask): Promise<Obtained> {
  // S3 answers the empty key with the bucket itself.
  if (plan.key === '') throw new Refusal('not_found')
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    const found = await find(plan, ask)
    const selected = select(
      plan,
      found.head,
      found.last === undefined ? {} : { first: found.first, last: found.last },
    )
    const body = await bodyFor(selected, found, plan, ask)
    if (body !== undefined) return { head: found.head, selected, body }
  }
  throw new Refusal('origin_failed', { cause: 'the object changes faster than it can be read' })
}

async function find(plan: Plan, ask: Ask): Promise<Found> {
  const { key, versionId, partNumber } = plan
  const object = { key, versionId, partNumber }
  if (isHeadEnough(plan)) return headOnly(await ask({ ...object, method: 'HEAD' }))
  const answer = await ask({ ...object, method: 'GET', range: plan.ranges?.[0] })
  // Only the size says whether the range or the server is wrong, and conditions come before it.
  if (answer.kind === 'unsatisfiable') return headOnly(await ask({ ...object, method: 'HEAD' }))
  const delivered = requireObject(answer)
  if (delivered.head.size !== undefined) return { ...delivered, delivered }
  return measured(delivered, requireObject(await ask({ ...object, method: 'HEAD' })))
}

function isHeadEnough({ method, isRevalidation, ranges }: Plan): boolean {
  if (method === 'HEAD' || isRevalidation) return true
  if (ranges === undefined) return false
  const [first] = ranges
  // Some servers answer the last zero bytes with all of them.
  return ranges.length > 1 || (first?.kind === 'suffix' && first.length === 0)
}

function headOnly(answer: OriginAnswer): Found {
  const { head, first, last, discard } = requireObject(answer)
  discard()
  return { head, first, last, delivered: undefined }
}

/** A body of untold length takes it from the head of the same version. */
function measured(delivered: Delivered, { head, discard }: Delivered): Found {
  discard()
  const isSame = head.etag !== undefined && head.etag === delivered.head.etag
  if (!isSame || head.size === undefined) return { ...delivered, delivered }
  return { head, first: delivered.first, last: head.size - 1, delivered }
}

async function bodyFor(
  selected: Selected,
  found: Found,
  plan: Plan,
  ask: Ask,
): Promise<Body | undefined> {
  const { head, delivered } = found
  if (plan.method === 'HEAD') return noBody
  switch (selected.kind) {
    case 'not-modified':
    case 'precondition-failed':
    case 'unsatisfiable':
      delivered?.discard()
      return noBody
    case 'whole':
      return bytesOf(undefined, found, plan, ask)
    case 'part':
      return bytesOf(selected.range, found, plan, ask)
    case 'parts':
      delivered?.discard()
      return multipartBody(selected.ranges, selected.size, head.contentType, async (range) => {
        const body = await askAgain(range, head, plan, ask)
        if (body === undefined) throw new Error('the object changed between its parts')
        return body
      })
  }
}

/** The bytes on their way, if they are the wanted ones, else those of a further question. */
async function bytesOf(
  range: ByteRange | undefined,
  { head, first, last, delivered }: Found,
  plan: Plan,
  ask: Ask,
): Promise<StreamBody | undefined> {
  const wantedFirst = range?.first ?? 0
  const wantedLast = range?.last ?? (head.size === undefined ? undefined : head.size - 1)
  const reaches = last === undefined || (wantedLast !== undefined && wantedLast <= last)
  if (delivered !== undefined && first <= wantedFirst && reaches) {
    return delivered.body(wantedFirst, wantedLast)
  }
  delivered?.discard()
  return askAgain(range, head, plan, ask)
}

/** Undefined when the object is no longer the one that was seen. */
async function askAgain(
  range: ByteRange | undefined,
  head: ObjectHead,
  { key, versionId }: Plan,
  ask: Ask,
): Promise<StreamBody | undefined> {
  const spec: RangeSpec | undefined =
    range === undefined ? undefined : { kind: 'bounded', ...range }
  const isStrong = head.etag !== undefined && !head.etag.startsWith('W/')
  const ifMatch = isStrong ? head.etag : undefined
  const answer = await ask({ method: 'GET', key, versionId, range: spec, ifMatch })
  if (answer.kind === 'changed' || answer.kind === 'unsatisfiable') return undefined
  const again = requireObject(answer)
  if (again.head.etag !== head.etag || again.head.size !== head.size) {
    again.discard()
    return undefined
  }
  const last = head.size === undefined ? undefined : head.size - 1
  return again.body(range?.first ?? 0, range?.last ?? last)
}

function requireObject(answer: OriginAnswer): Delivered {
  switch (answer.kind) {
    case 'object':
      return answer
    case 'not-found':
      throw new Refusal('not_found')
    case 'forbidden':
      throw new Refusal('origin_forbidden')
    case 'invalid':
      throw new Refusal('invalid_request')
    case 'changed':
    case 'unsatisfiable':
      throw new Refusal('origin_failed', { cause: `S3 answered '${answer.kind}' out of place` })
  }
}
