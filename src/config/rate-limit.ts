// One limit: how often, to whom it is counted, and by which algorithm.

import { ALGORITHMS } from '../primitives/rate.ts'
import type { Algorithm, Rate } from '../primitives/rate.ts'
import { formatDuration } from '../primitives/units.ts'
import { choice, duration, field, integer, number, text, textOf } from './fields.ts'
import { section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { isMapping } from './tree.ts'
import type { z } from './zod.ts'

/** Who shares what is counted. `global` is everybody, and no part of it. */
export type KeyPart =
  { readonly kind: 'ip' | 'bucket' | 'user' } | { readonly kind: 'claim'; readonly claim: string }

export interface RateLimitConfig {
  readonly name: string
  /** As it was written. */
  readonly key: string
  readonly parts: readonly KeyPart[]
  readonly rate: Rate
  /** As they were written, so that they are printed as they were. */
  readonly pace:
    { readonly perSecond: number } | { readonly requests: number; readonly windowMs: number }
}

const most = 1_000_000
const perSecond = number({ min: 0.00001, max: most })
const day = 86_400_000

const key = field<string>({
  wanted:
    'global, ip, bucket, user, claim:<name>, route, or two of them joined by "+" such as route+ip',
  json: { type: 'string' },
  read: (input) => {
    const written = textOf(input)
    return written !== undefined && parseKey(written) !== undefined ? written : undefined
  },
  hintFor: (input) => {
    const written = textOf(input) ?? ''
    if (/^global\+|\+global$/.test(written)) return 'global stands alone: it is everybody'
    if (/^claims?[.: ]?\w*$/.test(written)) return 'write claim:<name>'
    if (/^(address|client_ip|remote_addr)$/i.test(written)) return 'did you mean ip?'
    return undefined
  },
})

function parseKey(written: string): readonly KeyPart[] | undefined {
  if (written === 'global') return []
  const parts = written.split('+').map(parsePart)
  const known = parts.filter((part) => part !== undefined)
  if (known.length !== parts.length || parts.length > 2) return undefined
  const names = known.map((part) => ('claim' in part ? `claim:${part.claim}` : part.kind))
  return new Set(names).size === names.length ? known : undefined
}

function parsePart(written: string): KeyPart | undefined {
  switch (written) {
    case 'ip':
    case 'user':
    case 'bucket':
      return { kind: written }
    // A route leads to one bucket, and a bucket hangs at one route.
    case 'route':
      return { kind: 'bucket' }
    default: {
      const claim = /^claim:([^\s+]{1,128})$/.exec(written)?.[1]
      return claim === undefined ? undefined : { kind: 'claim', claim }
    }
  }
}

export const rateLimitSchema = section(
  {
    name: text({ wanted: 'a name of letters, digits, "-", "_" and "."', test: /^[\w.-]{1,64}$/ }),
    key,
    algorithm: choice(ALGORITHMS).prefault('token_bucket'),
    requests_per_second: perSecond.optional(),
    requests: integer(1, 1_000_000_000).optional(),
    window: duration({ min: 1000, max: 31 * day }).optional(),
    burst: integer(1, 1_000_000_000).optional(),
  },
  onePace,
  burstHasABucket,
)

export type RateLimitSettings = z.output<typeof rateLimitSchema>

function onePace({ requests_per_second: rps, requests, window }: Loose): RuleProblem[] {
  const isCounted = requests !== undefined || window !== undefined
  if (rps !== undefined && isCounted) {
    const name = requests === undefined ? 'window' : 'requests'
    const message = 'contradicts requests_per_second; give one or the other'
    return [{ path: [name], message, hint: 'requests: 1000, window: 1m is one way to say it' }]
  }
  if (rps !== undefined) return []
  if (!isCounted) {
    const message = 'is missing; wanted a number, or requests and window in its place'
    return [{ path: ['requests_per_second'], message }]
  }
  if (requests === undefined) {
    return [{ path: ['requests'], message: 'is missing; wanted how many in the window' }]
  }
  if (window === undefined) {
    const message = 'is missing; wanted the time in which there are so many requests'
    return [{ path: ['window'], message, hint: 'add window: 1m' }]
  }
  return []
}

function burstHasABucket({ algorithm, burst }: Loose): RuleProblem[] {
  if (burst === undefined || typeof algorithm !== 'string' || algorithm === 'token_bucket')
    return []
  const message = `means nothing with ${algorithm}: a window is its own burst`
  return [{ path: ['burst'], message, hint: 'leave it out, or take algorithm: token_bucket' }]
}

/** Names tell limits of one list apart; `taken` are those of a list that stands beside it. */
export function limitNamesDiffer(
  limits: unknown,
  taken: ReadonlyMap<string, string> = new Map(),
): RuleProblem[] {
  const list: readonly unknown[] = Array.isArray(limits) ? limits : []
  const names = list.map((limit) => (isMapping(limit) ? limit['name'] : undefined))
  return names.flatMap((name, index) => {
    if (typeof name !== 'string') return []
    const first = names.indexOf(name)
    const other = first < index ? `number ${first + 1} of this list` : taken.get(name)
    if (other === undefined) return []
    return [{ path: [index, 'name'], message: `is "${name}", the name of ${other} too` }]
  })
}

export function toRateLimit(settings: RateLimitSettings): RateLimitConfig {
  const { name, key: written, algorithm, requests_per_second: rps, burst } = settings
  const { requests = 1, window = 1000 } = settings
  const pace = rps === undefined ? { requests, windowMs: window } : { perSecond: rps }
  const rate = algorithm === 'token_bucket' ? bucketRate(pace, burst) : windowRate(algorithm, pace)
  return { name, key: written, parts: parseKey(written) ?? [], rate, pace }
}

function bucketRate(pace: RateLimitConfig['pace'], burst: number | undefined): Rate {
  const [count, inMs] =
    'perSecond' in pace ? [pace.perSecond, 1000] : [pace.requests, pace.windowMs]
  const quota = burst ?? Math.max(1, Math.ceil(count))
  return { algorithm: 'token_bucket', quota, windowMs: (inMs * quota) / count }
}

/** What is no whole number in a second is one in a window that is longer. */
function windowRate(algorithm: Algorithm, pace: RateLimitConfig['pace']): Rate {
  if (!('perSecond' in pace)) return { algorithm, quota: pace.requests, windowMs: pace.windowMs }
  const quota = Math.ceil(pace.perSecond)
  return { algorithm, quota, windowMs: Math.ceil((quota * 1000) / pace.perSecond) }
}

/** `s3.rate_limit` is a limit of the bucket by another name. */
export const S3_LIMIT = 'bucket'

export function bucketLimits(
  s3: { readonly requests_per_second: number } | undefined,
  own: readonly RateLimitSettings[],
): RateLimitConfig[] {
  const alias = s3 === undefined ? [] : [plainLimit(S3_LIMIT, 'bucket', s3.requests_per_second)]
  return [...alias, ...own.map(toRateLimit)]
}

/** A limit that another spelling names. */
export function plainLimit(name: string, written: string, rps: number): RateLimitConfig {
  return toRateLimit({
    name,
    key: written,
    algorithm: 'token_bucket',
    requests_per_second: rps,
  })
}

export const pacedSchema = section({ requests_per_second: perSecond })

export function printRateLimit({ name, key: written, rate, pace }: RateLimitConfig): object {
  const { algorithm, quota } = rate
  return {
    name,
    key: written,
    algorithm,
    ...('perSecond' in pace
      ? { requests_per_second: pace.perSecond }
      : { requests: pace.requests, window: formatDuration(pace.windowMs) }),
    ...(algorithm === 'token_bucket' ? { burst: quota } : {}),
  }
}
