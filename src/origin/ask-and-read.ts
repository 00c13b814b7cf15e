// Asks for what has to be read before it is of any use. An answer whose body breaks while it is read
// is no answer: the same is asked elsewhere, like after any other failure.

import { askedNobody, blamesReplica, failureFrom } from './failure.ts'
import type { OriginFailure } from './failure.ts'
import type { ObjectQuestion } from './question.ts'
import type { Replica } from './replica.ts'
import type { AskContext, Leased, ReplicaSet } from './replica-set.ts'

export interface Reading<T> {
  readonly question: ObjectQuestion
  readonly context: Pick<AskContext, 'signal' | 'trail'>
  /** Settles the lease, unless it fails. */
  readonly read: (leased: Leased) => T | Promise<T>
}

/** `asked` is an answer that is there already: the first to be read. */
export async function askAndRead<T>(
  set: Pick<ReplicaSet, 'ask'>,
  { question, context, read }: Reading<T>,
  asked?: Leased,
): Promise<T> {
  const broken: Replica[] = []
  let failure: OriginFailure | undefined
  let given = asked
  for (;;) {
    const leased =
      given ??
      (await set.ask(question, { ...context, phase: 'head', broken }).catch((error: unknown) => {
        const reason = failureFrom(error)
        // That nobody is left to ask says less than what went wrong.
        throw askedNobody(reason) ? (failure ?? reason) : reason
      }))
    given = undefined
    try {
      return await read(leased)
    } catch (error) {
      failure = failureFrom(error)
      const { replica } = leased.lease
      const isToBlame = blamesReplica(failure)
      leased.lease.settle(isToBlame ? 'failure' : 'neutral')
      if (!isToBlame) throw failure
      const { kind, code } = failure
      context.trail.failed.push({ replica: replica.name, kind, phase: 'body', code })
      broken.push(replica)
    }
  }
}
