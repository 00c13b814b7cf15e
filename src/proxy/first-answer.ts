// What the origin answers to the question that the cache asks, with a length: without one nothing can
// be kept.

import type { StoredHead } from '../cache/cache.ts'
import type { Delivered, ObjectQuestion, OriginAnswer } from '../origin/origin.ts'
import { isConfirmed } from './freshen.ts'
import { measured } from './obtain.ts'
import type { Ask } from './obtain.ts'

interface Answered {
  readonly answer: OriginAnswer
  readonly isHead: boolean
}

/** Asks again where an answer is no use: for another range, another version, or its length. */
export async function answerTo(
  question: ObjectQuestion,
  held: StoredHead | undefined,
  ask: Ask,
): Promise<Answered> {
  const { method, key, versionId } = question
  const name = { key, versionId }
  const first = await ask(question)
  // No range of an empty object can be had, and only the size says what another's should have been.
  if (first.kind === 'unsatisfiable') {
    const answer = await ask({ method: 'HEAD', ...name })
    return withLength({ answer, isHead: true }, ask, name)
  }
  const isOther = first.kind === 'not-modified' && !isConfirmed(held?.head, first.head)
  const { ifNoneMatch: _, ifModifiedSince: __, ...plain } = question
  const answer = isOther ? await ask(plain) : first
  return withLength({ answer, isHead: method === 'HEAD' }, ask, name)
}

/** Without a length nothing is kept: it is had from the bytes, which are wanted for that anyway. */
async function withLength(
  { answer, isHead }: Answered,
  ask: Ask,
  name: Pick<ObjectQuestion, 'key' | 'versionId'>,
): Promise<Answered> {
  if (!isUntold(answer)) return { answer, isHead }
  if (!isHead) return { answer: await toldByHead(answer, ask, name), isHead }
  answer.discard()
  return { answer: await ask({ method: 'GET', ...name }), isHead: false }
}

function isUntold(answer: OriginAnswer): answer is Delivered {
  return answer.kind === 'object' && answer.head.size === undefined
}

async function toldByHead(
  delivered: Delivered,
  ask: Ask,
  name: Pick<ObjectQuestion, 'key' | 'versionId'>,
): Promise<Delivered> {
  const { head, last } = await measured(delivered, () => ask({ method: 'HEAD', ...name }))
  return {
    kind: 'object',
    head,
    first: delivered.first,
    last,
    body: (from, to) => delivered.body(from, to),
    discard: () => delivered.discard(),
  }
}
