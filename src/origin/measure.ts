// An answer that does not tell its length is taken in, up to a bound, to find it out: then all that
// a length is needed for can be done with it, and nobody has to be asked again.

import { askAndRead } from './ask-and-read.ts'
import { MeasuredBody } from './measured-body.ts'
import type { ByteRoom } from './measured-body.ts'
import type { FoundObject, ObjectAnswer, ObjectQuestion } from './question.ts'
import type { AskContext, Leased, ReplicaSet } from './replica-set.ts'

/** What is longer goes on its way with its length untold. */
const LIMIT_BYTES = 1024 * 1024
/** So does what takes longer to come: somebody may be waiting for its first byte. */
const LIMIT_MS = 5000
/** An ETag that may be the MD5 of the bytes, as S3 makes it of what was put in one piece. */
const MD5_TAG = /^"([0-9a-f]{32})"$/

export interface Measuring {
  readonly set: Pick<ReplicaSet, 'ask'>
  readonly question: ObjectQuestion
  readonly context: Pick<AskContext, 'signal' | 'trail'>
  readonly room: ByteRoom
}

export function isUntold(answer: ObjectAnswer, { method }: ObjectQuestion): boolean {
  return method === 'GET' && answer.kind === 'object' && answer.head.size === undefined
}

/** The answer with its length, if that could be found out. */
export function measure(untold: Leased, measuring: Measuring): Promise<Leased> {
  const { set, question, context } = measuring
  const read = (leased: Leased): Leased | Promise<Leased> => {
    const { answer, lease } = leased
    if (answer.kind !== 'object' || !isUntold(answer, question)) return leased
    return takeIn(answer, measuring).then((found) => {
      // All of it is here: nothing more is wanted of the replica.
      if (found.head.size !== undefined) lease.settle('success')
      return { answer: found, lease }
    })
  }
  return askAndRead(set, { question, context, read }, untold)
}

async function takeIn(
  found: FoundObject,
  { room, context: { signal } }: Measuring,
): Promise<FoundObject> {
  const limits = { room, limitBytes: LIMIT_BYTES, limitMs: LIMIT_MS, signal }
  const body = new MeasuredBody(found.body, limits)
  await body.taken
  const size = body.length
  if (size === undefined || !isWhole(found, body)) return { ...found, body }
  return { ...found, head: { ...found.head, size }, last: size - 1, body }
}

/**
 * Some servers end in good order what broke behind them. Where the tag denies the bytes it may be of
 * something else, as that of an encrypted object is: then the length is better asked for.
 */
function isWhole({ head, isChunked = false }: FoundObject, body: MeasuredBody): boolean {
  const [, tagged] = MD5_TAG.exec(head.etag ?? '') ?? []
  const digest = tagged === undefined ? undefined : body.md5()
  // RFC 9112 §8: of a body that ends with its connection nobody knows whether that was the end.
  return digest === undefined ? isChunked : digest === tagged
}
