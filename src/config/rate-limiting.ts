// Limits that hold for all buckets, and where what they count is kept.

import { choice, field, flag, integer, textOf } from './fields.ts'
import {
  limitNamesDiffer,
  pacedSchema,
  plainLimit,
  printRateLimit,
  rateLimitSchema,
  S3_LIMIT,
  toRateLimit,
} from './rate-limit.ts'
import type { RateLimitConfig } from './rate-limit.ts'
import { section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { FromEnv, isMapping } from './tree.ts'
import { z } from './zod.ts'

export interface RateLimitingConfig {
  /** Of the buckets' own limits, too. */
  readonly enabled: boolean
  readonly store: 'local' | 'redis'
  readonly limits: readonly RateLimitConfig[]
  /** Answers that were admitted say what is left. */
  readonly headers: boolean
  readonly maxKeys: number
  /** Of an IPv6 address so many bits are one client. */
  readonly ipv6Prefix: number
  /** How many nodes share a limit while they cannot meet; undefined: as many as met last. */
  readonly fleetSize: number | undefined
}

const fleetSize = field<number | 'auto'>({
  wanted: 'auto or a whole number from 1 to 10000',
  json: { anyOf: [{ const: 'auto' }, { type: 'integer', minimum: 1, maximum: 10_000 }] },
  read: (input) => {
    if (textOf(input) === 'auto') return 'auto'
    const count = input instanceof FromEnv ? Number(input.text) : input
    const isCount = typeof count === 'number' && Number.isInteger(count)
    return isCount && count >= 1 && count <= 10_000 ? count : undefined
  },
})

export const rateLimitingSchema = section(
  {
    enabled: flag().prefault(true),
    store: choice(['local', 'redis']).prefault('local'),
    limits: z.array(rateLimitSchema).prefault([]),
    headers: flag().prefault(false),
    max_keys: integer(1000, 50_000_000).prefault(1_000_000),
    ipv6_prefix: integer(16, 128).prefault(64),
    fleet_size: fleetSize.prefault('auto'),
  },
  ({ limits }) =>
    limitNamesDiffer(limits).map((found) => ({ ...found, path: ['limits', ...found.path] })),
)

export type RateLimitingSettings = z.output<typeof rateLimitingSchema>

/** `server.rate_limit`: two limits by other names. */
export const serverRateLimitSchema = section({
  enabled: flag().prefault(true),
  global: pacedSchema.optional(),
  per_ip: pacedSchema.optional(),
})

type ServerRateLimitSettings = z.output<typeof serverRateLimitSchema>

const GLOBAL = 'global'
const PER_IP = 'per-ip'

/** Rules between the sections that name limits; a request meets those of all buckets and those of its own. */
export function limitRules({
  server,
  rate_limiting: limiting,
  buckets,
  cache,
}: Loose): RuleProblem[] {
  const all: unknown = isMapping(limiting) ? limiting['limits'] : undefined
  const taken = namesOf(all, 'rate_limiting.limits')
  const alias: unknown = isMapping(server) ? server['rate_limit'] : undefined
  const problems: RuleProblem[] = []
  for (const [setting, name] of [
    ['global', GLOBAL],
    ['per_ip', PER_IP],
  ] as const) {
    if (!isMapping(alias) || alias[setting] === undefined) continue
    const other = taken.get(name)
    const path = ['server', 'rate_limit', setting]
    const message = `is the limit "${name}", as is ${other}`
    if (other !== undefined) problems.push({ path, message, hint: 'keep rate_limiting.limits' })
    taken.set(name, path.join('.'))
  }
  const list: readonly unknown[] = Array.isArray(buckets) ? buckets : []
  const ofBuckets = list.flatMap((bucket, index) =>
    isMapping(bucket) ? bucketProblems(bucket, index, taken) : [],
  )
  return [...problems, ...ofBuckets, ...storeProblems(limiting, cache)]
}

function bucketProblems(
  { rate_limit: own, s3 }: Loose,
  index: number,
  taken: ReadonlyMap<string, string>,
): RuleProblem[] {
  const names = new Map(taken)
  const problems: RuleProblem[] = []
  if (isMapping(s3) && s3['rate_limit'] !== undefined) {
    const path = ['buckets', index, 's3', 'rate_limit']
    const other = names.get(S3_LIMIT)
    if (other !== undefined)
      problems.push({ path, message: `is the limit "bucket", as is ${other}` })
    names.set(S3_LIMIT, `buckets[${index}].s3.rate_limit`)
  }
  const found = limitNamesDiffer(own, names)
  return [
    ...problems,
    ...found.map((one) => ({ ...one, path: ['buckets', index, 'rate_limit', ...one.path] })),
  ]
}

function namesOf(limits: unknown, place: string): Map<string, string> {
  const list: readonly unknown[] = Array.isArray(limits) ? limits : []
  const names = new Map<string, string>()
  for (const [index, limit] of list.entries()) {
    const name = isMapping(limit) ? limit['name'] : undefined
    if (typeof name === 'string') names.set(name, `${place}[${index}]`)
  }
  return names
}

function storeProblems(limiting: unknown, cache: unknown): RuleProblem[] {
  if (!isMapping(limiting) || limiting['store'] !== 'redis') return []
  const redis = isMapping(cache) ? cache['redis'] : undefined
  // What is wrong with the section itself is told by itself.
  if (!isMapping(redis) || redis['enabled'] !== false) return []
  const message = 'redis is not set up: its connection is that of cache.redis'
  const hint = 'add cache: { redis: { enabled: true, redis_url: … } }'
  return [{ path: ['rate_limiting', 'store'], message, hint }]
}

export function toRateLimiting(
  settings: RateLimitingSettings,
  alias: ServerRateLimitSettings | undefined,
): RateLimitingConfig {
  const { fleet_size: nodes } = settings
  return {
    enabled: settings.enabled,
    store: settings.store,
    limits: [...fromServer(alias), ...settings.limits.map(toRateLimit)],
    headers: settings.headers,
    maxKeys: settings.max_keys,
    ipv6Prefix: settings.ipv6_prefix,
    fleetSize: nodes === 'auto' ? undefined : nodes,
  }
}

function fromServer(alias: ServerRateLimitSettings | undefined): RateLimitConfig[] {
  if (alias?.enabled !== true) return []
  const { global: all, per_ip: perIp } = alias
  return [
    ...(all === undefined ? [] : [plainLimit(GLOBAL, 'global', all.requests_per_second)]),
    ...(perIp === undefined ? [] : [plainLimit(PER_IP, 'ip', perIp.requests_per_second)]),
  ]
}

export function printRateLimiting(limiting: RateLimitingConfig): object {
  return {
    enabled: limiting.enabled,
    store: limiting.store,
    limits: limiting.limits.map(printRateLimit),
    headers: limiting.headers,
    max_keys: limiting.maxKeys,
    ipv6_prefix: limiting.ipv6Prefix,
    fleet_size: limiting.fleetSize ?? 'auto',
  }
}
