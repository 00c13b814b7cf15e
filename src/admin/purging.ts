// The method PURGE of the main port: the same order by another road, for whoever knows an object by
// its address.

import type { Emit } from '../exchange/event.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { Secret } from '../primitives/secret.ts'
import type { Purging } from '../proxy/proxy.ts'
import { purgeAnswer } from './cache-desk.ts'
import type { CacheDesk } from './cache-desk.ts'
import { ruleText } from './calls.ts'
import { createGate } from './gate.ts'
import { jsonReply } from './json-reply.ts'

export interface PurgingOptions {
  readonly token: Secret | undefined
  readonly purge: CacheDesk['purge']
  readonly emit: Emit
}

/** Undefined where nobody has a token: the method is then one like any other. */
export function createPurging({ token, purge, emit }: PurgingOptions): Purging | undefined {
  if (token === undefined) return undefined
  const gate = createGate(token)
  return {
    authorize: (headers) => {
      try {
        gate(headers)
      } catch (error) {
        if (error instanceof Refusal) emit({ kind: 'admin', call: 'purge', status: error.status })
        throw error
      }
    },
    purge: async ({ bucket, key, isSoft }) => {
      const order = { rule: { kind: 'key', bucket, key }, isSoft, isDryRun: false } as const
      const { status, value } = purgeAnswer(order, await purge(order))
      emit({ kind: 'admin', call: 'purge', rule: ruleText(order.rule), status })
      return jsonReply(status, value, 'PURGE')
    },
  }
}
