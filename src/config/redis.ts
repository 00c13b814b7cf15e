// Where Redis (or Valkey) is: one server, a set that Sentinels watch, or a cluster; and how much of
// its time and room is used.

import { Secret } from '../primitives/secret.ts'
import { formatDuration, formatSize } from '../primitives/units.ts'
import { formatAddress, parseAddress } from './address.ts'
import type { Address } from './address.ts'
import {
  duration,
  field,
  flag,
  integer,
  isPrintable,
  secret,
  size,
  text,
  textOf,
} from './fields.ts'
import type { Field } from './fields.ts'
import { documentedDefault, section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { z } from './zod.ts'

export interface RedisConfig {
  /** `redis://host:port`, without what the other fields hold; means nothing with the next two. */
  readonly url: Secret
  /** The Sentinels, and the name they know the set by. */
  readonly sentinel: { readonly name: string; readonly hosts: readonly Address[] } | undefined
  /** Some of the cluster's nodes: the others are learned from them. */
  readonly cluster: readonly Address[] | undefined
  readonly tls: boolean
  readonly username: Secret | undefined
  readonly password: Secret | undefined
  readonly db: number
  readonly keyPrefix: string
  readonly ttlMs: number
  readonly maxItemBytes: number
  readonly timeoutMs: number
  /** The longest that a request waits for what another node is fetching; 0: not at all. */
  readonly leaseWaitMs: number
}

const standardUrl = 'redis://localhost:6379'
const mostDatabases = 65_535

interface RedisUrl extends Address {
  readonly isTls: boolean
  readonly username: Secret | undefined
  readonly password: Secret | undefined
  readonly db: number | undefined
}

const redisUrl = field({
  wanted:
    'a URL such as redis://host:6379, rediss://host:6380 or redis://user:password@host:6379/0',
  json: { type: 'string' },
  isSecret: true,
  read: (input) => parseRedisUrl(textOf(input)),
  hintFor: (input) =>
    textOf(input)?.includes(',') === true ? 'several hosts go into sentinel or cluster' : undefined,
})

function parseRedisUrl(written: string | undefined): RedisUrl | undefined {
  const match = /^(rediss?):\/\/(?:([^:@/?#]*)(?::([^@/?#]*))?@)?([^@/?#]+)(?:\/(\d{1,5})?)?$/.exec(
    written ?? '',
  )
  if (match === null) return undefined
  const [, scheme, user = '', password = '', place, db] = match
  const at = parseAddress(place)
  const credentials = [decodePart(user), decodePart(password)]
  if (at === undefined || place?.startsWith(':') === true || Number(db ?? 0) > mostDatabases)
    return undefined
  if (credentials.includes(undefined)) return undefined
  const [username, secretText] = credentials.map((part) => (part ? new Secret(part) : undefined))
  return {
    host: at.host,
    port: at.port ?? 6379,
    isTls: scheme === 'rediss',
    username,
    password: secretText,
    db: db === undefined ? undefined : Number(db),
  }
}

function decodePart(encoded: string): string | undefined {
  try {
    const decoded = decodeURIComponent(encoded)
    return isPrintable(decoded) ? decoded : undefined
  } catch {
    return undefined
  }
}

function hosts(standardPort: number): z.ZodArray<Field<Address>> {
  const host = field<Address>({
    wanted: `an address such as redis-1:${standardPort}`,
    json: { type: 'string' },
    read: (input) => {
      const written = textOf(input)
      const at = written?.startsWith(':') === true ? undefined : parseAddress(written)
      return at === undefined ? undefined : { host: at.host, port: at.port ?? standardPort }
    },
  })
  return z.array(host).min(1)
}

export const redisSchema = section(
  {
    enabled: flag().prefault(false),
    redis_url: documentedDefault(redisUrl, standardUrl),
    sentinel: section({
      name: text({ wanted: 'the name the Sentinels know the master by', test: /^\S+$/ }),
      hosts: hosts(26_379),
    }).optional(),
    cluster: hosts(6379).optional(),
    tls: flag().optional(),
    redis_username: secret('a user name').optional(),
    redis_password: secret('a password').optional(),
    redis_db: documentedDefault(integer(0, mostDatabases), 0),
    redis_key_prefix: text({
      wanted: 'a prefix of up to 64 visible ASCII characters',
      test: /^[!-~]{1,64}$/,
    }).prefault('sluice:'),
    redis_ttl_seconds: integer(1, 31_536_000).prefault(7200),
    max_item_size: size(1, 512 * 1024 * 1024).prefault('1MiB'),
    timeout: duration({ max: 60_000 }).prefault('50ms'),
    lease_wait: duration({ min: 0, max: 60_000 }).prefault('500ms'),
  },
  onePlace,
  saidOnce,
)

export type RedisSettings = z.output<typeof redisSchema>

function onePlace({ redis_url: url, sentinel, cluster, redis_db: db }: Loose): RuleProblem[] {
  const problems: RuleProblem[] = []
  const report = (name: string, message: string) => problems.push({ path: [name], message })
  if (sentinel !== undefined && cluster !== undefined) {
    report('cluster', 'contradicts sentinel; give one or the other')
  }
  if (url !== undefined && (sentinel !== undefined || cluster !== undefined)) {
    const other = sentinel === undefined ? 'cluster' : 'sentinel'
    report('redis_url', `contradicts ${other}; give one or the other`)
  }
  if (cluster !== undefined && typeof db === 'number' && db > 0) {
    report('redis_db', 'means nothing with cluster: a cluster has only database 0')
  }
  return problems
}

/** What the URL says is not said a second time. */
function saidOnce(settings: Loose): RuleProblem[] {
  const url = settings['redis_url']
  if (!isRedisUrl(url)) return []
  const twice: readonly [name: string, inUrl: unknown][] = [
    ['redis_username', url.username],
    ['redis_password', url.password],
    ['redis_db', url.db],
  ]
  const problems: RuleProblem[] = twice
    .filter(([name, inUrl]) => inUrl !== undefined && settings[name] !== undefined)
    .map(([name]) => ({ path: [name], message: 'is given twice: redis_url holds one' }))
  if (settings['tls'] === false && url.isTls) {
    problems.push({ path: ['tls'], message: 'contradicts redis_url, which begins with rediss://' })
  }
  return problems
}

function isRedisUrl(value: unknown): value is RedisUrl {
  return typeof value === 'object' && value !== null && 'isTls' in value
}

export function toRedis(settings: RedisSettings): RedisConfig | undefined {
  if (!settings.enabled) return undefined
  const { redis_url: url, sentinel, cluster } = settings
  const isTls = settings.tls ?? url?.isTls ?? false
  const at = url ?? { host: 'localhost', port: 6379 }
  return {
    url: new Secret(`${isTls ? 'rediss' : 'redis'}://${formatAddress(at)}`),
    sentinel,
    cluster,
    tls: isTls,
    username: settings.redis_username ?? url?.username,
    password: settings.redis_password ?? url?.password,
    db: settings.redis_db ?? url?.db ?? 0,
    keyPrefix: settings.redis_key_prefix,
    ttlMs: settings.redis_ttl_seconds * 1000,
    maxItemBytes: settings.max_item_size,
    timeoutMs: settings.timeout,
    leaseWaitMs: settings.lease_wait,
  }
}

const mask = '***'

export function printRedis(redis: RedisConfig | undefined): object {
  if (redis === undefined) return { enabled: false }
  return {
    enabled: true,
    ...printPlace(redis),
    tls: redis.tls,
    ...(redis.username === undefined ? {} : { redis_username: mask }),
    ...(redis.password === undefined ? {} : { redis_password: mask }),
    redis_db: redis.db,
    redis_key_prefix: redis.keyPrefix,
    redis_ttl_seconds: redis.ttlMs / 1000,
    max_item_size: formatSize(redis.maxItemBytes),
    timeout: formatDuration(redis.timeoutMs),
    lease_wait: formatDuration(redis.leaseWaitMs),
  }
}

function printPlace({ url, sentinel, cluster }: RedisConfig): object {
  if (cluster !== undefined) return { cluster: cluster.map(formatAddress) }
  if (sentinel === undefined) return { redis_url: url.reveal() }
  return { sentinel: { name: sentinel.name, hosts: sentinel.hosts.map(formatAddress) } }
}
