// What is told of the answer: its status, and its header fields after the operator's rules.

import { fieldsOf } from '../exchange/reply.ts'
import { formatCacheStatus, xCache } from '../http/cache-status.ts'
import { linesOf, linesOfReply, toldOf } from './account.ts'
import type { ExplainedStep, Told } from './account.ts'
import type { Telling } from './explain-cache.ts'
import type { Ending, Rehearsed } from './rehearse.ts'
import type { Route, Snapshot } from './snapshot.ts'

export function tellAnswer({ rehearsed, route }: Telling, snapshot: Snapshot): ExplainedStep {
  const { outcome } = rehearsed
  return {
    step: 'answer',
    ...tellEnding(rehearsed, snapshot),
    cache_status: formatCacheStatus(outcome),
    x_cache: xCache(outcome),
    header_rules: rulesOf(route),
  }
}

function tellEnding({ ending, forecast }: Rehearsed, { commonHeaders }: Snapshot): Told {
  switch (ending.kind) {
    case 'refused':
      return toldOf(ending.refusal)
    case 'asks':
      return { outcome: 'asks', reason: whatDecides(ending), status: null }
    case 'answered': {
      const { reply, refusal } = ending
      const fields = [...fieldsOf(reply), ...(reply.commonHeaders ?? commonHeaders)]
      const length = reply.statedLength
      if (length !== undefined) fields.push('Content-Length', String(length))
      const isPage = refusal !== undefined
      return {
        outcome: isPage ? 'refused' : 'answered',
        reason: isPage ? `${refusal.message} A page says so.` : reasonFor(reply.status, forecast),
        ...(isPage ? { code: refusal.code } : {}),
        status: reply.status,
        headers: linesOfReply(fields),
      }
    }
  }
}

function reasonFor(status: number, { lacksBytes }: Rehearsed['forecast']): string {
  switch (status) {
    case 304:
      return 'The client has it already.'
    case 206:
      return 'The part that is asked for.'
    case 301:
    case 302:
      return 'It is to be had elsewhere.'
    default:
      return lacksBytes === true
        ? 'From what is kept, with the missing bytes from the origin.'
        : 'From what is kept.'
  }
}

function whatDecides({ standIn }: Extract<Ending, { kind: 'asks' }>): string {
  return standIn === undefined
    ? 'The answer of the origin decides.'
    : `There is no object; whether ${standIn} stands in for it, the origin decides.`
}

function rulesOf({ setHeaders, ownedHeaders, metadataHeaders }: Route): object {
  const set = linesOf(setHeaders)
  const isSet = new Set(
    setHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()),
  )
  const removed = [...ownedHeaders].filter((name) => !isSet.has(name))
  return { set, remove: removed, metadata_headers: metadataHeaders }
}
