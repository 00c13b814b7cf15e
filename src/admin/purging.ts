// The method PURGE of the main port: the same order by another road, for whoever knows an object by
// its address.

import type { Emit } from '../exchange/event.ts'
import type { Purging } from '../proxy/proxy.ts'
import { CallRegister } from './call-register.ts'
import type { OpenCall } from './call-register.ts'
import { purgeAnswer } from './cache-desk.ts'
import type { CacheDesk } from './cache-desk.ts'
import { ruleText } from './calls.ts'
import { requireRole } from './gate.ts'
import type { Gate } from './gate.ts'
import { jsonReply } from './json-reply.ts'

export interface PurgingOptions {
  readonly gate: Gate | undefined
  readonly purge: CacheDesk['purge']
  readonly emit: Emit
}

/** Undefined where nobody has a role: the method is then one like any other. */
export function createPurging({ gate, purge, emit }: PurgingOptions): Purging | undefined {
  if (gate === undefined) return undefined
  const register = new CallRegister(emit)
  return {
    answer: ({ headers, clientIp, requestId }, find) => {
      const open: OpenCall = { call: 'purge' }
      return register.keep({ clientIp, requestId }, open, async () => {
        open.caller = await gate.identify(headers)
        requireRole(open.caller, 'purger')
        const { bucket, key, isSoft } = find()
        const order = { rule: { kind: 'key', bucket, key }, isSoft, isDryRun: false } as const
        open.rule = ruleText(order.rule)
        const { status, value } = purgeAnswer(order, await purge(order))
        return jsonReply(status, value, 'PURGE')
      })
    },
    close: () => register.close(),
  }
}
