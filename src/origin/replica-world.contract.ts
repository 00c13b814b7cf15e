// Replicas that answer as a test says, instead of asking S3.

import assert from 'node:assert/strict'

import { BARE_HEAD } from '../exchange/object-head.ts'
import type { S3Config } from '../config/s3.ts'
import type { AskLimits, FoundObject, ObjectAnswer } from './question.ts'
import { Replica } from './replica.ts'
import { ReplicaSet } from './replica-set.ts'
import type { AskContext, Leased } from './replica-set.ts'
import { createTrail } from './trail.ts'

export type Answering = (limits: AskLimits) => ObjectAnswer | Promise<ObjectAnswer>

export interface World {
  readonly set: ReplicaSet
  /** The names of the replicas in the order they were asked. */
  readonly asked: string[]
  readonly replicas: Readonly<Record<string, Replica>>
  readonly script: Record<string, Answering>
  ask(context?: Partial<AskContext>): Promise<Leased>
}

export const QUESTION = { method: 'GET', key: 'k' } as const

export const base: S3Config = {
  replicas: [],
  keyTemplate: '',
  balance: 'priority',
  circuitBreaker: {
    failureThreshold: 100,
    successThreshold: 1,
    openMs: 60_000,
    halfOpenMaxRequests: 1,
  },
  retry: { maxAttempts: 3, initialBackoffMs: 0, maxBackoffMs: 0, budgetPercent: 100 },
  healthCheck: undefined,
  hedge: undefined,
  failoverOnNotFound: false,
  firstByteBudgetMs: 60_000,
  slots: undefined,
}

/** Replicas that answer as the script says instead of asking S3. */
export function createWorld(
  script: Record<string, Answering>,
  settings: Partial<S3Config> = {},
): World {
  const asked: string[] = []
  const config = { ...base, ...settings }
  const list = Object.keys(script).map((name) => {
    const replica = createReplica(name, config)
    replica.ask = async (_question, limits) => {
      asked.push(name)
      const answering = script[name]
      assert.ok(answering)
      return answering(limits)
    }
    return replica
  })
  const set = new ReplicaSet(list, config, () => 0)
  const context = { signal: undefined, trail: createTrail(), phase: 'head' } as const
  return {
    set,
    asked,
    script,
    replicas: Object.fromEntries(list.map((replica) => [replica.name, replica])),
    ask: (own) => set.ask(QUESTION, { ...context, ...own }),
  }
}

function createReplica(name: string, config: S3Config): Replica {
  return new Replica({
    config: {
      name,
      bucket: 'b',
      region: 'us-east-1',
      endpoint: 'http://127.0.0.1:1',
      addressing: 'path',
      credentials: { kind: 'anonymous' },
      keyPrefix: '',
      timeoutMs: 20_000,
      connectTimeoutMs: 1000,
      stallTimeoutMs: 1000,
      connectionPoolSize: 1,
      priority: 1,
      weight: 1,
    },
    bucket: 'b',
    policy: config.circuitBreaker,
    isProbed: true,
    emit: () => undefined,
  })
}

export const found: Answering = () => object()

export function object(onDiscard: () => void = () => undefined): FoundObject {
  const head = { ...BARE_HEAD, size: 1, etag: '"e"' }
  const flow = { resume: () => undefined, stop: () => undefined }
  const body = { kind: 'stream', length: 1, start: () => flow, discard: onDiscard } as const
  return { kind: 'object', head, first: 0, last: 0, body }
}
