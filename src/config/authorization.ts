// Who decides beyond tokens and addresses: an Open Policy Agent, asked over HTTP. What it is told is
// five fields and, by name, a few more; what a client proves itself with is never among them.

import { isValidHeaderName } from '../http/headers.ts'
import { choice, field, integer, textOf } from './fields.ts'
import { documentedDefault, section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { isMapping } from './tree.ts'
import { z } from './zod.ts'

/** What the policy is told beyond the five fields; a header by its name in lower case. */
export type ExtraInput = 'key' | 'time' | 'listing' | { readonly header: string }

export interface AuthorizationConfig {
  /** Without a slash at its end. */
  readonly url: string
  /** As it stands behind `/v1/data/`. */
  readonly policyPath: string
  readonly timeoutMs: number
  /** 0: nothing is remembered. */
  readonly cacheTtlMs: number
  readonly failMode: 'closed' | 'open'
  readonly input: readonly ExtraInput[]
}

/** Each setting's other spelling. */
const SPELLINGS = {
  url: 'opa_url',
  policy_path: 'opa_policy_path',
  timeout_ms: 'opa_timeout_ms',
  cache_ttl_seconds: 'opa_cache_ttl_seconds',
  fail_mode: 'opa_fail_mode',
} as const

const standard = { timeoutMs: 100, cacheTtlSeconds: 60, failMode: 'closed' } as const

const url = field({
  wanted: 'the URL of an OPA server, such as http://localhost:8181, without a user and password',
  json: { type: 'string' },
  // One with a password is refused, and not shown.
  isSecret: true,
  read: (input) => parseServer(textOf(input)),
  hintFor: (input) =>
    textOf(input)?.includes('/v1/') === true ? 'what follows /v1/data/ is policy_path' : undefined,
})

function parseServer(written: string | undefined): string | undefined {
  const parsed = written === undefined ? null : URL.parse(written)
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return undefined
  const { username, password, search, hash, pathname, origin } = parsed
  if (username + password + search + hash !== '' || pathname.includes('/v1/')) return undefined
  // The parser forgets that there is a '?' or '#' with nothing behind it.
  return /[?#]/.test(written ?? '') ? undefined : origin + pathname.replace(/\/+$/, '')
}

const policyPath = field({
  wanted:
    'the path of a rule, such as sluice/authz/allow: names of letters, digits, "_" and "-" between slashes',
  json: { type: 'string' },
  read: (input) => {
    const path = textOf(input)
    return path !== undefined && isRulePath(path) ? path : undefined
  },
  hintFor: (input) => {
    const path = textOf(input) ?? ''
    const bare = path.replaceAll('.', '/').replace(/^\/*(?:v1\/data\/|data\/)?/, '')
    const meant = bare.replace(/\/+$/, '')
    return isRulePath(meant) ? `write ${meant}` : undefined
  },
})

function isRulePath(path: string): boolean {
  return /^[\w-]+(?:\/[\w-]+)*$/.test(path) && !path.startsWith('v1/data/') && path.length <= 512
}

const HEADER = 'header:'
/** They hold what a client proves itself with, or belong to it for other ends. */
const NEVER_TOLD: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-amz-security-token',
])

const extra = field<ExtraInput>({
  wanted: 'one of key, time, listing, "header:<name>", without headers that hold credentials',
  json: { type: 'string' },
  read: (input) => parseExtra(textOf(input)),
  hintFor: (input) => hintForExtra(textOf(input)?.toLowerCase() ?? ''),
})

function parseExtra(written: string | undefined): ExtraInput | undefined {
  if (isWord(written)) return written
  if (written?.startsWith(HEADER) !== true) return undefined
  const header = written.slice(HEADER.length).toLowerCase()
  return isValidHeaderName(header) && !NEVER_TOLD.has(header) ? { header } : undefined
}

const ALWAYS_TOLD = ['jwt_claims', 'bucket', 'path', 'method', 'client_ip']

function hintForExtra(written: string): string | undefined {
  if (ALWAYS_TOLD.includes(written)) return `${written} is always there`
  const name = written.replace(HEADER, '').trim()
  if (NEVER_TOLD.has(name)) return 'a policy reads jwt_claims; what proves them stays inside'
  return parseExtra(HEADER + name) !== undefined && !isWord(name)
    ? `a header is written "${HEADER}${name}"`
    : undefined
}

const timeoutMs = integer(1, 60_000)
const cacheTtlSeconds = integer(0, 86_400)
const failMode = choice(['closed', 'open'])

export const authorizationSchema = section(
  {
    type: choice(['opa']),
    url: url.optional(),
    opa_url: url.optional(),
    policy_path: policyPath.optional(),
    opa_policy_path: policyPath.optional(),
    timeout_ms: documentedDefault(timeoutMs, standard.timeoutMs),
    opa_timeout_ms: timeoutMs.optional(),
    cache_ttl_seconds: documentedDefault(cacheTtlSeconds, standard.cacheTtlSeconds),
    opa_cache_ttl_seconds: cacheTtlSeconds.optional(),
    fail_mode: documentedDefault(failMode, standard.failMode),
    opa_fail_mode: failMode.optional(),
    input: z.array(extra).prefault([]),
  },
  oneSpelling,
  saysWhomToAsk,
  inputsDiffer,
)

type AuthorizationSettings = z.output<typeof authorizationSchema>

function oneSpelling(settings: Loose): RuleProblem[] {
  return Object.entries(SPELLINGS)
    .filter(([name, other]) => settings[name] !== undefined && settings[other] !== undefined)
    .map(([name, other]) => ({
      path: [other],
      message: `is given twice: ${name} is the same setting`,
    }))
}

function saysWhomToAsk(settings: Loose): RuleProblem[] {
  const wanted = { url: 'the URL of an OPA server', policy_path: 'the path of a rule' } as const
  const names: readonly (keyof typeof wanted)[] = ['url', 'policy_path']
  return names
    .filter((name) => settings[name] === undefined && settings[SPELLINGS[name]] === undefined)
    .map((name) => ({ path: [name], message: `is missing; wanted ${wanted[name]}` }))
}

function inputsDiffer({ input }: Loose): RuleProblem[] {
  const printed = extrasOf(input).map((one) => one && printExtra(one))
  return printed.flatMap((one, index) => {
    const first = printed.indexOf(one)
    if (one === undefined || first === index) return []
    return [{ path: ['input', index], message: `is input[${first}] too` }]
  })
}

/** Undefined in place of what is wrong. */
function extrasOf(input: unknown): (ExtraInput | undefined)[] {
  const list: readonly unknown[] = Array.isArray(input) ? input : []
  return list.map((one) => (isExtra(one) ? one : undefined))
}

function isExtra(value: unknown): value is ExtraInput {
  return isWord(value) || (isMapping(value) && typeof value['header'] === 'string')
}

function isWord(value: unknown): value is Extract<ExtraInput, string> {
  return value === 'key' || value === 'time' || value === 'listing'
}

/** Between a bucket's policy and where its tokens are; the paths begin at the root. */
export function policyIsToldNoToken({ buckets, jwt }: Loose): RuleProblem[] {
  const list: readonly unknown[] = Array.isArray(buckets) ? buckets : []
  return list.flatMap((bucket, index) => {
    const { auth, authorization }: Loose = isMapping(bucket) ? bucket : {}
    if (!isMapping(authorization) || !isMapping(auth) || auth['enabled'] !== true) return []
    const names = tokenHeaders(auth['jwt'] ?? jwt)
    return extrasOf(authorization['input']).flatMap((one, at) => {
      if (typeof one !== 'object' || !names.has(one.header)) return []
      const path = ['buckets', index, 'authorization', 'input', at]
      const message = `${one.header} is where the token is, which never leaves Sluice`
      return [{ path, message, hint: 'a policy reads jwt_claims' }]
    })
  })
}

function tokenHeaders(jwt: unknown): ReadonlySet<string> {
  const sources: unknown = isMapping(jwt) ? jwt['token_sources'] : undefined
  const list: readonly unknown[] = Array.isArray(sources) ? sources : []
  const names = list.map((source) => {
    const { type, name }: Loose = isMapping(source) ? source : {}
    return type === 'header' && typeof name === 'string' ? name.toLowerCase() : ''
  })
  return new Set(names)
}

export function toAuthorization(
  settings: AuthorizationSettings | undefined,
): AuthorizationConfig | undefined {
  if (settings === undefined) return undefined
  const { cache_ttl_seconds: ttl, opa_cache_ttl_seconds: otherTtl } = settings
  return {
    // The rules of the section have seen to both.
    url: settings.url ?? settings.opa_url ?? '',
    policyPath: settings.policy_path ?? settings.opa_policy_path ?? '',
    timeoutMs: settings.timeout_ms ?? settings.opa_timeout_ms ?? standard.timeoutMs,
    cacheTtlMs: (ttl ?? otherTtl ?? standard.cacheTtlSeconds) * 1000,
    failMode: settings.fail_mode ?? settings.opa_fail_mode ?? standard.failMode,
    input: settings.input,
  }
}

export function printAuthorization(authorization: AuthorizationConfig): object {
  return {
    type: 'opa',
    url: authorization.url,
    policy_path: authorization.policyPath,
    timeout_ms: authorization.timeoutMs,
    cache_ttl_seconds: authorization.cacheTtlMs / 1000,
    fail_mode: authorization.failMode,
    input: authorization.input.map(printExtra),
  }
}

function printExtra(extra: ExtraInput): string {
  return typeof extra === 'string' ? extra : HEADER + extra.header
}
