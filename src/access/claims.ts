// What a verified token says, held against the clock, the configuration, and the rules. Pure: the
// signature is another's business.

import { compileTemplate } from '../primitives/template.ts'
import { namesInCondition, namesInRule } from '../config/claim-rules.ts'
import type { ClaimCondition, ClaimRule, Plain, RuleValue } from '../config/claim-rules.ts'

export type Claims = Readonly<Record<string, unknown>>

/** When a token is good, in epoch ms. */
export interface Validity {
  /** Infinity where it never ends. */
  readonly until: number
  readonly from: number
}

export interface Registered {
  readonly issuers: readonly string[]
  readonly audiences: readonly string[]
  readonly leewayMs: number
}

/** RFC 7519 §4.1.4 and §4.1.5; undefined where an instant is none. */
export function validityOf(claims: Claims, leewayMs: number): Validity | undefined {
  const until = instant(claims, 'exp') ?? Number.POSITIVE_INFINITY
  const from = instant(claims, 'nbf') ?? Number.NEGATIVE_INFINITY
  const issuedAt = instant(claims, 'iat') ?? 0
  if (Number.isNaN(until) || Number.isNaN(from) || Number.isNaN(issuedAt)) return undefined
  return { until: until + leewayMs, from: from - leewayMs }
}

function instant(claims: Claims, name: string): number | undefined {
  // Null is no instant, and not the same as none: what was to end shall not be good for ever.
  if (!Object.hasOwn(claims, name)) return undefined
  const value = claims[name]
  return typeof value === 'number' && Number.isFinite(value) ? value * 1000 : Number.NaN
}

/** RFC 7519 §4.1.1 and §4.1.3. What is not asked for may be anything. */
export function faultOfParties(claims: Claims, { issuers, audiences }: Registered) {
  const issuer = own(claims, 'iss')
  if (issuers.length > 0 && !(typeof issuer === 'string' && issuers.includes(issuer))) {
    return 'another issuer'
  }
  if (audiences.length === 0) return undefined
  const audience = own(claims, 'aud')
  const named: readonly unknown[] = Array.isArray(audience) ? audience : [audience]
  const isMeant = named.some((name) => typeof name === 'string' && audiences.includes(name))
  return isMeant ? undefined : 'another audience'
}

export function own(of: object, name: string): unknown {
  // Names come from a file, and a claim may be called `__proto__`.
  const value: unknown = Object.hasOwn(of, name) ? Reflect.get(of, name) : undefined
  return value === null ? undefined : value
}

const NOTHING_CAPTURED: readonly string[] = []

/** All conditions hold. */
export type Grant = (claims: Claims) => boolean

/** Of the token alone. One that ties it to a path is no exception here, and lets in hardly anybody. */
export function compileClaims(conditions: readonly ClaimCondition[]): Grant {
  const tests = conditions.map((condition) => compileCondition(condition, compileRule))
  return (claims) => tests.every((holds) => holds(claims, NOTHING_CAPTURED))
}

export function isTied(condition: ClaimCondition): boolean {
  return namesInCondition(condition).length > 0
}

/** All conditions that compare a claim with what the path's template has caught hold. */
export type Tie = (claims: Claims, captured: readonly string[]) => boolean

/** Undefined where there are none. `names` are those of what is captured, in that order. */
export function compileTies(
  conditions: readonly ClaimCondition[],
  names: readonly string[],
): Tie | undefined {
  const tied = conditions.filter(isTied)
  if (tied.length === 0) return undefined
  const tests = tied.map((condition) =>
    compileCondition(condition, (rule) => compileTiedRule(rule, names)),
  )
  return (claims, captured) => tests.every((holds) => holds(claims, captured))
}

function compileCondition(condition: ClaimCondition, compile: (rule: ClaimRule) => Tie): Tie {
  if (!('anyOf' in condition)) return compile(condition)
  const choices = condition.anyOf.map(compile)
  return (claims, captured) => choices.some((holds) => holds(claims, captured))
}

function compileTiedRule(rule: ClaimRule, names: readonly string[]): Tie {
  if (namesInRule(rule).length === 0) return compileRule(rule)
  const path = rule.claim.split('.')
  const holds = TIED[rule.operator]
  const fill = compileValue(rule.value, names)
  return (claims, captured) => {
    const found = find(claims, rule.claim, path)
    return found !== undefined && holds?.(found, fill(captured)) === true
  }
}

/** By whole values alone: a part of a tenant's name is the name of another. */
const TIED: Readonly<
  Partial<Record<ClaimRule['operator'], (found: unknown, wanted: RuleValue) => boolean>>
> = {
  equals: isEqual,
  in: (found, wanted) => isList(wanted) && elementsOf(found).some((one) => isOneOf(one, wanted)),
  contains: (found, wanted) => Array.isArray(found) && found.includes(wanted),
}

function isOneOf(found: unknown, wanted: readonly Plain[]): boolean {
  return wanted.some((one) => one === found)
}

function compileValue(
  value: RuleValue | undefined,
  names: readonly string[],
): (captured: readonly string[]) => RuleValue {
  if (isList(value)) {
    const fills = value.map((one) => compilePlain(one, names))
    return (captured) => fills.map((fill) => fill(captured))
  }
  return compilePlain(value ?? '', names)
}

function compilePlain(
  value: Plain,
  names: readonly string[],
): (captured: readonly string[]) => Plain {
  return typeof value === 'string' ? compileTemplate(value, names) : () => value
}

function compileRule(rule: ClaimRule): Grant {
  const path = rule.claim.split('.')
  const holds = testFor(rule)
  if (rule.operator === 'exists') {
    const isWanted = rule.value !== false
    return (claims) => (find(claims, rule.claim, path) !== undefined) === isWanted
  }
  // What is not there holds for nothing, `not_equals` included: access fails closed.
  return (claims) => {
    const found = find(claims, rule.claim, path)
    return found !== undefined && holds(found)
  }
}

/** A claim of that very name first, then what lies below its parts. */
export function find(claims: Claims, name: string, path: readonly string[]): unknown {
  const literal = own(claims, name)
  if (literal !== undefined || path.length === 1) return literal
  let at: unknown = claims
  for (const part of path) {
    if (typeof at !== 'object' || at === null || Array.isArray(at)) return undefined
    at = own(at, part)
  }
  return at
}

type Test = (found: unknown) => boolean

function testFor({ operator, value }: ClaimRule): Test {
  switch (operator) {
    case 'exists':
      return () => true
    case 'equals':
      return (found) => isEqual(found, value)
    case 'not_equals':
      return (found) => !isEqual(found, value) && !elementsOf(found).some((one) => one === value)
    case 'in': {
      const wanted = new Set<unknown>(Array.isArray(value) ? value : [value])
      return (found) => elementsOf(found).some((one) => wanted.has(one))
    }
    case 'contains':
      return (found) => contains(found, value)
    case 'gt':
      return measured(value, (found, limit) => found > limit)
    case 'gte':
      return measured(value, (found, limit) => found >= limit)
    case 'lt':
      return measured(value, (found, limit) => found < limit)
    case 'lte':
      return measured(value, (found, limit) => found <= limit)
    case 'regex':
      return matches(String(value))
  }
}

/** Of the same kind, and of a list the same elements in the same order. */
function isEqual(found: unknown, value: RuleValue | undefined): boolean {
  if (!isList(value)) return found === value
  if (!Array.isArray(found) || found.length !== value.length) return false
  return value.every((item, index) => found[index] === item)
}

function isList(value: RuleValue | undefined): value is readonly Plain[] {
  return Array.isArray(value)
}

function elementsOf(found: unknown): readonly unknown[] {
  return Array.isArray(found) ? found : [found]
}

function contains(found: unknown, value: unknown): boolean {
  if (Array.isArray(found)) return found.includes(value)
  return typeof found === 'string' && typeof value === 'string' && found.includes(value)
}

function measured(value: unknown, holds: (found: number, limit: number) => boolean): Test {
  if (typeof value !== 'number') return () => false
  return (found) => typeof found === 'number' && holds(found, value)
}

/** Longer texts match nothing: the pattern was weighed against these. */
const MOST_CHARACTERS = 1024

function matches(pattern: string): Test {
  const expression = new RegExp(pattern, 'u')
  const test = (one: unknown): boolean =>
    typeof one === 'string' && one.length <= MOST_CHARACTERS && expression.test(one)
  return (found) => elementsOf(found).some(test)
}
