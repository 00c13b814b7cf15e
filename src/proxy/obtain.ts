// Gets the bytes an answer needs. Asks for the head alone where that may be the whole answer, and
// ties every further question to the version first seen: an object that changes in between is
// looked at afresh, never mixed.

import { noBody } from '../exchange/body.ts'
import type { Body, StreamBody } from '../exchange/body.ts'
import type { ObjectHead } from '../exchange/object-head.ts'
import { Refusal } from '../exchange/refusal.ts'
import { isSameVersion, strongTag } from '../exchange/version.ts'
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
  /** The body's own type, where it holds several parts of the object. */
  readonly multipartType?: string
  /** Out of the cache: the Date it came with, and its age, unless it came just now. */
  readonly aged?: { readonly dateAt: number; readonly ageMs: number | undefined }
}

/** How an object is had: around the cache, or through it. */
export type Obtain = (plan: Plan) => Obtained | Promise<Obtained>

type Bytes = Pick<Obtained, 'body' | 'multipartType'>
/** Undefined when the object is no longer the one that was found. */
type Had = Bytes | undefined

export interface Found {
  readonly head: ObjectHead
  readonly first: number
  readonly last: number | undefined
  /** Undefined where the head alone was asked for. */
  readonly delivered: Delivered | undefined
}

const MAX_LOOKS = 3
const NO_BYTES: Bytes = { body: noBody }

export async function obtain(plan: Plan, ask: Ask): Promise<Obtained> {
  requireKey(plan)
  let isHeadOfUse = true
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    const question = questionFor(plan, isHeadOfUse)
    const answer = await ask(question)
    const found = foundAtOnce(answer, question) ?? (await find(answer, question, ask))
    const selected = select(plan, found.head, found)
    if (lacksSize(selected, found, plan)) {
      isHeadOfUse = false
      continue
    }
    const had = bytesFor(selected, found, plan, ask)
    const bytes = had instanceof Promise ? await had : had
    if (bytes !== undefined) return obtained(found, selected, bytes)
  }
  throw new Refusal('origin_failed', { cause: 'the object changes faster than it can be read' })
}

/** S3 answers the empty key with the bucket itself. */
export function requireKey({ key }: Plan): void {
  if (key === '') throw new Refusal('not_found')
}

/** With what was found already, for the first look. */
export async function obtainFrom(found: Found, plan: Plan, ask: Ask): Promise<Obtained> {
  const selected = select(plan, found.head, found)
  const bytes = await bytesFor(selected, found, plan, ask)
  return bytes === undefined ? obtain(plan, ask) : obtained(found, selected, bytes)
}

function obtained({ head }: Found, selected: Selected, { body, multipartType }: Bytes): Obtained {
  return multipartType === undefined
    ? { head, selected, body }
    : { head, selected, body, multipartType }
}

function questionFor(plan: Plan, isHeadOfUse: boolean): ObjectQuestion {
  const { key, versionId, partNumber, ranges } = plan
  if (!isHeadOfUse) return { method: 'GET', key, versionId, partNumber }
  if (isHeadEnough(plan)) return { method: 'HEAD', key, versionId, partNumber }
  return { method: 'GET', key, versionId, partNumber, range: ranges?.[0] }
}

/** The head was to say which bytes are meant, and does not: the bytes that come may tell their length. */
function lacksSize({ kind }: Selected, { head, delivered }: Found, { method }: Plan): boolean {
  return method === 'GET' && kind === 'whole' && delivered === undefined && head.size === undefined
}

/** The bytes asked for, of an object whose size is told: nothing more has to be found out. */
function foundAtOnce(answer: OriginAnswer, { method }: ObjectQuestion): Found | undefined {
  if (method !== 'GET' || answer.kind !== 'object' || answer.head.size === undefined) {
    return undefined
  }
  const { head, first, last } = answer
  return { head, first, last, delivered: answer }
}

async function find(
  answer: OriginAnswer,
  { method, key, versionId }: ObjectQuestion,
  ask: Ask,
): Promise<Found> {
  const askHead = (): Promise<OriginAnswer> => ask({ method: 'HEAD', key, versionId })
  // Only the size says whether the range or the server is wrong, and conditions come before it.
  if (answer.kind === 'unsatisfiable') return headOnly(await askHead())
  return method === 'HEAD' ? headOnly(answer) : measured(requireObject(answer), askHead)
}

function isHeadEnough({ method, isRevalidation, ranges }: Plan): boolean {
  if (method === 'HEAD' || isRevalidation) return true
  if (ranges === undefined) return false
  const [first] = ranges
  // Some servers answer the last zero bytes with all of them.
  return ranges.length > 1 || (first?.kind === 'suffix' && first.length === 0)
}

function headOnly(answer: OriginAnswer): Found {
  const delivered = requireObject(answer)
  const { head, first, last } = delivered
  delivered.discard()
  return { head, first, last, delivered: undefined }
}

/** A body that was too long for its length to be found out takes it from the head of the same version. */
export async function measured(
  delivered: Delivered,
  askHead: () => Promise<OriginAnswer>,
): Promise<Found> {
  const { first, last } = delivered
  const untold = { head: delivered.head, first, last, delivered }
  // Without a tag none can be told to be the same.
  if (delivered.head.etag === undefined) return untold
  // What has been sent is good without it.
  const { head } = await askHead()
    .then(headOnly)
    .catch(() => untold)
  const isSame = head.etag === delivered.head.etag
  if (!isSame || head.size === undefined) return untold
  return { head, first, last: head.size - 1, delivered }
}

function bytesFor(selected: Selected, found: Found, plan: Plan, ask: Ask): Had | Promise<Had> {
  if (plan.method === 'HEAD') {
    found.delivered?.discard()
    return NO_BYTES
  }
  switch (selected.kind) {
    case 'not-modified':
    case 'precondition-failed':
    case 'unsatisfiable':
    case 'redirect':
      found.delivered?.discard()
      return NO_BYTES
    case 'whole':
      return oneStream(undefined, found, plan, ask)
    case 'part':
      return oneStream(selected.range, found, plan, ask)
    case 'parts':
      found.delivered?.discard()
      return severalParts(selected, found.head, plan, ask)
  }
}

/** The bytes on their way, if they are the wanted ones, else those of a further question. */
function oneStream(
  range: ByteRange | undefined,
  { head, first, last, delivered }: Found,
  plan: Plan,
  ask: Ask,
): Had | Promise<Had> {
  const wantedFirst = range?.first ?? 0
  const wantedLast = range?.last ?? (head.size === undefined ? undefined : head.size - 1)
  const reaches = last === undefined || (wantedLast !== undefined && wantedLast <= last)
  if (delivered !== undefined && first <= wantedFirst && reaches) {
    return { body: delivered.body(wantedFirst, wantedLast) }
  }
  delivered?.discard()
  return askAgain(range, head, plan, ask).then((body) => body && { body })
}

async function severalParts(
  { ranges, size }: Extract<Selected, { kind: 'parts' }>,
  head: ObjectHead,
  plan: Plan,
  ask: Ask,
): Promise<Bytes | undefined> {
  // Had before the answer begins, so that an object which has changed can be looked at again.
  const first = await askAgain(ranges[0], head, plan, ask)
  if (first === undefined) return undefined
  const open = async (range: ByteRange): Promise<StreamBody> => {
    const body = await askAgain(range, head, plan, ask)
    if (body === undefined) throw new Error('the object changed between its parts')
    return body
  }
  const body = multipartBody({ ranges, size, contentType: head.contentType, first, open })
  return { body, multipartType: body.contentType }
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
  const ifMatch = strongTag(head)
  const answer = await ask({ method: 'GET', key, versionId, range: spec, ifMatch })
  if (answer.kind === 'changed' || answer.kind === 'unsatisfiable') return undefined
  const again = requireObject(answer)
  if (!isSameVersion(again.head, head)) {
    again.discard()
    return undefined
  }
  const last = head.size === undefined ? undefined : head.size - 1
  return again.body(range?.first ?? 0, range?.last ?? last)
}

export function requireObject(answer: OriginAnswer): Delivered {
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
    case 'not-modified':
      throw new Refusal('origin_failed', { cause: `S3 answered '${answer.kind}' out of place` })
  }
}
