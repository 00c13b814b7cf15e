// What is told of the origin: whether it would be asked, what first, and whom in which order.

import { formatRange } from '../http/range.ts'
import { OriginFailure } from '../origin/origin.ts'
import type { ObjectQuestion, OriginForesight, ReplicaForesight } from '../origin/origin.ts'
import { toldOf } from './account.ts'
import type { ExplainedStep, Told } from './account.ts'
import type { Telling } from './explain-cache.ts'
import type { Rehearsed } from './rehearse.ts'

export function tellOrigin({ rehearsed, plan }: Telling): ExplainedStep {
  const { origin, question, forecast } = rehearsed
  const asked = question ?? forecast.behind
  return {
    step: 'origin',
    ...outcomeOf(rehearsed),
    ...(asked === undefined ? {} : { question: tellQuestion(asked) }),
    ...tellSlots(origin),
    balance: tellBalance(origin),
    replicas: origin.replicas.map((replica, index) => tellReplica(replica, index, plan.key)),
  }
}

/** That nobody would be asked ends it, unless what is stale is sent instead. */
function outcomeOf({ ending, origin, question, forecast }: Rehearsed): Told {
  const isFailed = ending.kind === 'refused' && ending.refusal.cause instanceof OriginFailure
  if (isFailed) {
    const told = toldOf(ending.refusal)
    return { ...told, reason: `${told.reason} No replica would be asked now.` }
  }
  if (question !== undefined && origin.failure !== undefined) {
    return { outcome: 'unavailable', reason: 'No replica would be asked now.' }
  }
  if (question !== undefined) return { outcome: 'asked', reason: 'What it says decides.' }
  if (forecast.lacksBytes === true) {
    return { outcome: 'asked', reason: 'It is asked for the bytes that are not held.' }
  }
  if (forecast.behind !== undefined) {
    return { outcome: 'asked behind', reason: 'It renews what is stale, and nobody waits for it.' }
  }
  return { outcome: 'not asked', reason: 'The answer is at hand.' }
}

function tellQuestion(question: ObjectQuestion): object {
  const { method, key, range, versionId, partNumber, ifNoneMatch, ifModifiedSince } = question
  return {
    method,
    key,
    ...(range === undefined ? {} : { range: formatRange(range) }),
    ...(versionId === undefined ? {} : { version_id: versionId }),
    ...(partNumber === undefined ? {} : { part_number: partNumber }),
    ...(ifNoneMatch === undefined ? {} : { if_none_match: ifNoneMatch }),
    ...(ifModifiedSince === undefined ? {} : { if_modified_since: ifModifiedSince }),
  }
}

/** Who would have to wait finds nobody free and a line before them. */
function tellSlots({ slots }: OriginForesight): object {
  if (slots === undefined) return {}
  const { limit, inUse, waiting } = slots
  return { requests: { in_use: inUse, limit, waiting } }
}

function tellBalance({ balance }: OriginForesight): string {
  const isByChance = balance !== 'priority' && balance !== 'round_robin'
  return isByChance ? `${balance}: among equals, chance may choose another order` : balance
}

function tellReplica(replica: ReplicaForesight, index: number, key: string): object {
  const { name, isTried, bucket, keyPrefix, priority, weight, health, breaker } = replica
  return {
    name,
    tried: isTried ? index + 1 : null,
    bucket,
    object: keyPrefix + key,
    ...(keyPrefix === '' ? {} : { key_prefix: keyPrefix }),
    priority,
    weight,
    health,
    breaker,
    ...(replica.openForMs > 0 ? { open_for: replica.openForMs / 1000 } : {}),
    in_flight: replica.inFlight,
    latency_ms: Math.round(replica.latencyMs),
    ...(replica.lastFailure === undefined ? {} : { last_failure: replica.lastFailure }),
  }
}
