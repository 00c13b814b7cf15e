// Which pages of other origins may read an answer (the Fetch standard, §3.2): the fields of an answer,
// and those of a preflight, which is an OPTIONS that asks leave for another request.

import type { IncomingHttpHeaders } from 'node:http'

import { isValidHeaderName } from './headers.ts'
import { splitList } from './list.ts'

export interface CorsRules {
  /** '*' alone; or origins, of which one with '*.' before its host means every host below. */
  readonly origins: readonly string[]
  readonly methods: readonly string[]
  /** '*' for whatever is asked for. */
  readonly headers: readonly string[]
  readonly expose: readonly string[]
  readonly maxAgeMs: number
  readonly credentials: boolean
}

export interface CorsPolicy {
  readonly isForAll: boolean
  readonly origins: ReadonlySet<string>
  readonly patterns: readonly OriginPattern[]
  readonly methods: ReadonlySet<string>
  /** Undefined for whatever is asked for. */
  readonly headers: string | undefined
  /** Of every answer that a page may read. */
  readonly shared: readonly string[]
  /** Of every preflight that is granted. */
  readonly granted: readonly string[]
}

interface OriginPattern {
  readonly scheme: string
  /** From the dot on, with the port. */
  readonly suffix: string
}

export interface CorsRequest {
  readonly method?: string | undefined
  readonly headers: IncomingHttpHeaders
}

export interface CorsAnswer {
  /** The request fields by which the answer differs. */
  readonly vary: string
  /** Flat name, value…; none where the browser shall refuse. */
  readonly fields: readonly string[]
}

export function compileCors(rules: CorsRules): CorsPolicy {
  const { origins, methods, headers, expose, maxAgeMs, credentials } = rules
  const shared = [
    ...(credentials ? ['Access-Control-Allow-Credentials', 'true'] : []),
    ...(expose.length > 0 ? ['Access-Control-Expose-Headers', expose.join(', ')] : []),
  ]
  const granted = [
    ...(credentials ? ['Access-Control-Allow-Credentials', 'true'] : []),
    'Access-Control-Allow-Methods',
    methods.join(', '),
    'Access-Control-Max-Age',
    String(Math.floor(maxAgeMs / 1000)),
  ]
  return {
    isForAll: origins.includes('*'),
    origins: new Set(origins),
    patterns: origins.flatMap(patternOf),
    methods: new Set(methods),
    headers: headers.includes('*') ? undefined : headers.join(', '),
    shared,
    granted,
  }
}

function patternOf(origin: string): OriginPattern[] {
  const [scheme = '', suffix] = origin.split('*')
  return suffix?.startsWith('.') === true ? [{ scheme, suffix }] : []
}

const VARY = 'Origin'
const PREFLIGHT_VARY = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'

export function answerCors(policy: CorsPolicy, request: CorsRequest): CorsAnswer {
  const { method = '', headers } = request
  const origin = allowedOrigin(policy, headers.origin)
  const asked = headers['access-control-request-method']
  const isPreflight = method === 'OPTIONS' && asked !== undefined
  const vary = isPreflight ? PREFLIGHT_VARY : VARY
  if (origin === undefined || !policy.methods.has(isPreflight ? asked : method)) {
    return { vary, fields: [] }
  }
  const rest = isPreflight ? grantedFields(policy, headers) : policy.shared
  return { vary, fields: ['Access-Control-Allow-Origin', origin, ...rest] }
}

/** As it is to be said. A page that may be of any origin needs not even say its own. */
function allowedOrigin(policy: CorsPolicy, origin: string | undefined): string | undefined {
  if (policy.isForAll) return '*'
  if (origin === undefined) return undefined
  const { origins, patterns } = policy
  return origins.has(origin) || patterns.some((one) => matches(one, origin)) ? origin : undefined
}

const SUBDOMAIN = /^[a-z\d_-]+(?:\.[a-z\d_-]+)*$/

function matches({ scheme, suffix }: OriginPattern, origin: string): boolean {
  if (!origin.startsWith(scheme) || !origin.endsWith(suffix)) return false
  return SUBDOMAIN.test(origin.slice(scheme.length, -suffix.length))
}

function grantedFields(policy: CorsPolicy, headers: IncomingHttpHeaders): readonly string[] {
  const fields = [...policy.granted]
  const names = policy.headers ?? askedNames(headers['access-control-request-headers'])
  if (names !== '') fields.push('Access-Control-Allow-Headers', names)
  // A page of the open net that asks something of a network behind it.
  if (headers['access-control-request-private-network'] === 'true') {
    fields.push('Access-Control-Allow-Private-Network', 'true')
  }
  return fields
}

function askedNames(asked: string | undefined): string {
  return splitList(asked ?? '')
    .filter(isValidHeaderName)
    .join(', ')
}
