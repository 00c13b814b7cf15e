// Where a bucket's objects come from: its replicas, and how Sluice chooses among them,
// gives up on them and comes back to them.

import { splitAtName } from '../primitives/template.ts'
import { formatDuration, parseDuration } from '../primitives/units.ts'
import { credentialsRule } from './credentials.ts'
import { choice, duration, field, flag, integer, number, text, textOf } from './fields.ts'
import {
  originSlotsFields,
  printOriginSlots,
  queueHasALimit,
  toOriginSlots,
} from './origin-slots.ts'
import type { OriginSlotsConfig } from './origin-slots.ts'
import { pacedSchema } from './rate-limit.ts'
import { printReplica, replicaSchema, singleBucketFields, toReplicas } from './replicas.ts'
import type { ReplicaConfig } from './replicas.ts'
import { documentedDefault, section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { isMapping } from './tree.ts'
import { z } from './zod.ts'

export type { CredentialsConfig } from './credentials.ts'
export type { ReplicaConfig } from './replicas.ts'

export type Balance = 'priority' | 'round_robin' | 'random' | 'least_inflight' | 'peak_ewma'

export interface S3Config {
  readonly replicas: readonly ReplicaConfig[]
  /** What follows the replicas' own prefixes of keys: `{tenant}/`, or nothing. */
  readonly keyTemplate: string
  readonly balance: Balance
  readonly circuitBreaker: {
    readonly failureThreshold: number
    readonly successThreshold: number
    readonly openMs: number
    readonly halfOpenMaxRequests: number
  }
  readonly retry: {
    readonly maxAttempts: number
    readonly initialBackoffMs: number
    readonly maxBackoffMs: number
    readonly budgetPercent: number
  }
  readonly healthCheck: HealthCheckConfig | undefined
  readonly hedge: HedgeConfig | undefined
  readonly failoverOnNotFound: boolean
  readonly firstByteBudgetMs: number
  /** Undefined: as many requests at one time as come. */
  readonly slots: OriginSlotsConfig | undefined
}

export interface HealthCheckConfig {
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly healthyThreshold: number
  readonly unhealthyThreshold: number
  readonly key: string
}

export interface HedgeConfig {
  readonly after:
    | { readonly kind: 'fixed'; readonly ms: number }
    | { readonly kind: 'percentile'; readonly percentile: number }
  readonly budgetPercent: number
}

const threshold = integer(1, 1000)
const percent = number({ min: 0, max: 100 })
const standardOpenSeconds = 30

const circuitBreakerSchema = section(
  {
    failure_threshold: threshold.prefault(5),
    success_threshold: threshold.prefault(2),
    timeout_seconds: documentedDefault(number({ min: 0.001, max: 86_400 }), standardOpenSeconds),
    timeout: duration().optional(),
    half_open_max_requests: threshold.prefault(3),
  },
  ({ timeout, timeout_seconds: seconds }) =>
    timeout === undefined || seconds === undefined
      ? []
      : [{ path: ['timeout'], message: 'is given twice: timeout_seconds is the same setting' }],
)

const retrySchema = section(
  {
    max_attempts: integer(1, 10).prefault(3),
    initial_backoff_ms: integer(0, 60_000).prefault(50),
    max_backoff_ms: integer(0, 60_000).prefault(1000),
    budget_percent: percent.prefault(20),
  },
  ({ initial_backoff_ms: initial, max_backoff_ms: max }) =>
    typeof initial === 'number' && typeof max === 'number' && initial > max
      ? [{ path: ['initial_backoff_ms'], message: `is above max_backoff_ms (${initial} > ${max})` }]
      : [],
)

const healthCheckSchema = section({
  enabled: flag().prefault(true),
  interval: duration().prefault('10s'),
  timeout: duration().prefault('3s'),
  healthy_threshold: threshold.prefault(2),
  unhealthy_threshold: threshold.prefault(3),
  key: text({ wanted: 'an object key', test: (key) => Buffer.byteLength(key) <= 1024 }).prefault(
    '',
  ),
})

const hedgeAfter = field<HedgeConfig['after']>({
  wanted: 'a percentile such as p95, or a duration such as 50ms',
  json: { type: ['string', 'number'] },
  read: (input) => {
    const written = typeof input === 'number' ? input : textOf(input)
    if (written === undefined) return undefined
    const percentile = Number(/^p(\d{1,2}(?:\.\d+)?)$/.exec(String(written))?.[1])
    if (percentile > 0) return { kind: 'percentile', percentile }
    const ms = parseDuration(written)
    return ms !== undefined && ms >= 1 && ms <= 3_600_000 ? { kind: 'fixed', ms } : undefined
  },
})

export const s3Schema = section(
  {
    ...singleBucketFields,
    replicas: z.array(replicaSchema).min(1).optional(),
    balance: choice(['priority', 'round_robin', 'random', 'least_inflight', 'peak_ewma']).prefault(
      'priority',
    ),
    circuit_breaker: circuitBreakerSchema.prefault({}),
    retry: retrySchema.prefault({}),
    health_check: healthCheckSchema.prefault({}),
    hedge: section({ after: hedgeAfter, budget_percent: percent.prefault(5) }).optional(),
    failover_on_not_found: flag().prefault(false),
    first_byte_budget: duration().prefault('30s'),
    rate_limit: pacedSchema.optional(),
    ...originSlotsFields,
  },
  credentialsRule,
  everyReplicaHasABucket,
  replicaNamesDiffer,
  queueHasALimit,
)

type S3Settings = z.output<typeof s3Schema>

function everyReplicaHasABucket({ bucket, replicas }: Loose): RuleProblem[] {
  if (bucket !== undefined) return []
  if (replicas === undefined)
    return [{ path: ['bucket'], message: 'is missing; wanted the name of an S3 bucket' }]
  return listed(replicas).flatMap((replica, index) =>
    isMapping(replica) && replica['bucket'] === undefined
      ? [{ path: ['replicas', index, 'bucket'], message: 'is missing; s3.bucket gives no default' }]
      : [],
  )
}

function replicaNamesDiffer({ replicas }: Loose): RuleProblem[] {
  const names = listed(replicas).map((replica) =>
    isMapping(replica) ? replica['name'] : undefined,
  )
  return names.flatMap((name, index) => {
    const first = names.indexOf(name)
    if (typeof name !== 'string' || first === index) return []
    const message = `is "${name}", the name of replicas[${first}] too`
    return [{ path: ['replicas', index, 'name'], message }]
  })
}

function listed(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function toS3(settings: S3Settings): S3Config {
  const { circuit_breaker: breaker, retry, health_check: check } = settings
  const seconds = breaker.timeout_seconds ?? standardOpenSeconds
  const written = settings.replicas?.[0]?.key_prefix ?? settings.key_prefix
  return {
    replicas: toReplicas(settings, settings.replicas),
    keyTemplate: splitAtName(written).rest,
    balance: settings.balance,
    circuitBreaker: {
      failureThreshold: breaker.failure_threshold,
      successThreshold: breaker.success_threshold,
      openMs: breaker.timeout ?? Math.round(seconds * 1000),
      halfOpenMaxRequests: breaker.half_open_max_requests,
    },
    retry: {
      maxAttempts: retry.max_attempts,
      initialBackoffMs: retry.initial_backoff_ms,
      maxBackoffMs: retry.max_backoff_ms,
      budgetPercent: retry.budget_percent,
    },
    healthCheck: check.enabled ? toHealthCheck(check) : undefined,
    hedge: toHedge(settings.hedge),
    failoverOnNotFound: settings.failover_on_not_found,
    firstByteBudgetMs: settings.first_byte_budget,
    slots: toOriginSlots(settings),
  }
}

function toHealthCheck(check: S3Settings['health_check']): HealthCheckConfig {
  return {
    intervalMs: check.interval,
    timeoutMs: check.timeout,
    healthyThreshold: check.healthy_threshold,
    unhealthyThreshold: check.unhealthy_threshold,
    key: check.key,
  }
}

function toHedge(hedge: S3Settings['hedge']): HedgeConfig | undefined {
  return hedge === undefined
    ? undefined
    : { after: hedge.after, budgetPercent: hedge.budget_percent }
}

export function printS3(s3: S3Config): object {
  const { circuitBreaker: breaker, retry } = s3
  return {
    replicas: s3.replicas.map((replica) => printReplica(replica, s3.keyTemplate)),
    balance: s3.balance,
    circuit_breaker: {
      failure_threshold: breaker.failureThreshold,
      success_threshold: breaker.successThreshold,
      timeout_seconds: breaker.openMs / 1000,
      half_open_max_requests: breaker.halfOpenMaxRequests,
    },
    retry: {
      max_attempts: retry.maxAttempts,
      initial_backoff_ms: retry.initialBackoffMs,
      max_backoff_ms: retry.maxBackoffMs,
      budget_percent: retry.budgetPercent,
    },
    health_check: printHealthCheck(s3.healthCheck),
    ...(s3.hedge === undefined ? {} : { hedge: printHedge(s3.hedge) }),
    failover_on_not_found: s3.failoverOnNotFound,
    first_byte_budget: formatDuration(s3.firstByteBudgetMs),
    ...printOriginSlots(s3.slots),
  }
}

function printHealthCheck(check: HealthCheckConfig | undefined): object {
  if (check === undefined) return { enabled: false }
  return {
    enabled: true,
    interval: formatDuration(check.intervalMs),
    timeout: formatDuration(check.timeoutMs),
    healthy_threshold: check.healthyThreshold,
    unhealthy_threshold: check.unhealthyThreshold,
    key: check.key,
  }
}

function printHedge({ after, budgetPercent }: HedgeConfig): object {
  const written = after.kind === 'fixed' ? formatDuration(after.ms) : `p${after.percentile}`
  return { after: written, budget_percent: budgetPercent }
}
