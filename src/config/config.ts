// The configuration: read, merged, checked, and frozen; or every problem it has. What it means
// for sockets and routes is decided elsewhere, from this value alone.

import { dirname } from 'node:path'

import { printAdmin, toAdmin } from './admin.ts'
import type { AdminConfig } from './admin.ts'
import { auditFileProblems, printAuditLog, toAuditLog } from './audit-log.ts'
import type { AuditLogConfig } from './audit-log.ts'
import { keyFileProblems } from './auth.ts'
import { printBucket, toBucket } from './buckets.ts'
import type { BucketConfig } from './buckets.ts'
import { printCache, toCache, ttlOfMemory } from './cache.ts'
import type { CacheConfig } from './cache.ts'
import { decode } from './decode.ts'
import type { Decoded } from './decode.ts'
import { substituteAll, withoutValues } from './env.ts'
import type { Environment } from './env.ts'
import { readFiles } from './files.ts'
import { certificateProblems, httpsSchema, toHttps } from './https.ts'
import { printJwt, toJwt } from './jwt.ts'
import type { JwtConfig } from './jwt.ts'
import { printLogging, toLogging } from './logging.ts'
import type { LoggingConfig } from './logging.ts'
import { mergeTrees } from './merge.ts'
import { printMetrics, toMetrics } from './metrics.ts'
import type { MetricsConfig } from './metrics.ts'
import { printObservability, toObservability } from './observability.ts'
import type { ObservabilityConfig } from './observability.ts'
import type { Problem } from './problem.ts'
import { printRateLimiting, toRateLimiting } from './rate-limiting.ts'
import type { RateLimitingConfig } from './rate-limiting.ts'
import type { Settings } from './schema.ts'
import { templateProblems } from './templates.ts'
import { printServer, toServer } from './server.ts'
import type { ServerConfig } from './server.ts'
import { nodeAt } from './tree.ts'
import type { Mapping } from './tree.ts'
import { warningsOf } from './warnings.ts'

export { formatProblem } from './problem.ts'
export type { Problem } from './problem.ts'
export { configSchema } from './schema.ts'

export interface Config {
  readonly server: ServerConfig
  readonly buckets: readonly BucketConfig[]
  /** By which tokens are verified where a bucket says nothing else. */
  readonly jwt: JwtConfig | undefined
  readonly rateLimiting: RateLimitingConfig
  readonly cache: CacheConfig
  readonly logging: LoggingConfig
  readonly admin: AdminConfig
  readonly metrics: MetricsConfig
  readonly observability: ObservabilityConfig
  /** Undefined: there is none. */
  readonly auditLog: AuditLogConfig | undefined
}

export type Loaded =
  | {
      readonly kind: 'loaded'
      readonly config: Config
      readonly warnings: readonly Problem[]
      /** The file and all it includes, for whoever watches them. */
      readonly files: readonly string[]
    }
  | { readonly kind: 'refused'; readonly problems: readonly Problem[] }

export function loadConfig(file: string, env: Environment): Loaded {
  const read = readFiles(file, env)
  const merged = mergeTrees(read.sources)
  const { tree, problems: unset, names } = substituteAll(merged.tree, env)
  const referred = new Set([...read.names, ...names])
  const located = (problem: Problem): Problem => ({
    ...withoutValues(problem, referred, env),
    file: problem.file ?? merged.fileOf(problem.path) ?? file,
  })
  const folder = dirname(file)
  const told = new Set([...merged.problems, ...unset].map(({ path }) => path))
  // What is missing may stand in the file that could not be read: then only that one is told.
  const decoded: Decoded = read.isWhole ? decode(tree, told) : { kind: 'refused', problems: [] }
  const problems = [
    ...read.problems,
    ...merged.problems,
    ...unset,
    ...(decoded.kind === 'refused' ? decoded.problems : []),
    ...httpsProblems(tree, folder),
    ...keyFileProblems(tree, folder),
    ...auditFileProblems(tree, folder),
  ]
  if (decoded.kind === 'refused' || problems.length > 0) {
    return { kind: 'refused', problems: problems.map(located) }
  }
  const config = freeze(toConfig(decoded.settings, folder))
  const unfit = templateProblems(config.buckets, config.jwt)
  if (unfit.length > 0) return { kind: 'refused', problems: unfit.map(located) }
  const warnings = [...read.warnings, ...warningsOf(config)].map(located)
  return { kind: 'loaded', config, warnings, files: read.files }
}

// Looked at apart from everything else, so that a bad certificate is told together with
// whatever else is wrong.
function httpsProblems(tree: Mapping, folder: string): readonly Problem[] {
  const settings = httpsSchema.safeParse(nodeAt(tree, ['server', 'https']))
  const https = settings.success ? toHttps(settings.data, folder) : undefined
  return https === undefined ? [] : certificateProblems(https)
}

function toConfig(settings: Settings, folder: string): Config {
  return {
    server: toServer(settings.server, folder),
    buckets: settings.buckets.map((bucket) =>
      toBucket(bucket, { cacheTtlMs: ttlOfMemory(settings.cache), folder }),
    ),
    jwt: settings.jwt && toJwt(settings.jwt, folder),
    rateLimiting: toRateLimiting(settings.rate_limiting, settings.server.rate_limit),
    cache: toCache(settings.cache, folder),
    logging: toLogging(settings.logging),
    admin: toAdmin(settings.admin, settings.metrics.port),
    metrics: toMetrics(settings.metrics),
    observability: toObservability(settings.observability),
    auditLog: toAuditLog(settings.audit_log, folder),
  }
}

/** In the file's own words, defaults filled in, secrets masked: it loads again to the same values. */
export function printConfig(config: Config): object {
  return {
    server: printServer(config.server),
    buckets: config.buckets.map(printBucket),
    ...(config.jwt === undefined ? {} : { jwt: printJwt(config.jwt) }),
    rate_limiting: printRateLimiting(config.rateLimiting),
    cache: printCache(config.cache),
    logging: printLogging(config.logging),
    admin: printAdmin(config.admin),
    metrics: printMetrics(config.metrics),
    observability: printObservability(config.observability),
    audit_log: printAuditLog(config.auditLog),
  }
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const child of Object.values(value)) freeze(child)
  return Object.freeze(value)
}
