// What the claims of a token must say: rules that all must hold, or lists of which one must.

import { namesIn } from '../primitives/template.ts'
import { choice, field, text, textOf } from './fields.ts'
import { sameAs, section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { faultOfPattern } from './tag-pattern.ts'
import { FromEnv } from './tree.ts'
import { z } from './zod.ts'

export type Plain = string | number | boolean
export type RuleValue = Plain | readonly Plain[]

export interface ClaimRule {
  readonly claim: string
  readonly operator: Operator
  readonly value: RuleValue | undefined
}
export type ClaimCondition = ClaimRule | { readonly anyOf: readonly ClaimRule[] }

const OPERATORS = [
  'equals',
  'not_equals',
  'in',
  'contains',
  'gt',
  'lt',
  'gte',
  'lte',
  'exists',
  'regex',
] as const
export type Operator = (typeof OPERATORS)[number]

const value = field<RuleValue>({
  wanted: 'a text, a number, true or false, or a list of them',
  json: {},
  read: (input) => {
    if (!Array.isArray(input)) return plainOf(input)
    const plain = input.map(plainOf).filter((item) => item !== undefined)
    return plain.length === input.length && plain.length > 0 ? plain : undefined
  },
})

function plainOf(input: unknown): Plain | undefined {
  if (typeof input === 'number' || typeof input === 'boolean') return input
  return textOf(input)
}

const ruleShape = {
  claim: text({ wanted: 'the name of a claim, such as role or realm.roles' }).optional(),
  name: text({ wanted: 'the name of a claim' }).optional(),
  operator: choice(OPERATORS).optional(),
  value: value.optional(),
}

const rule = section(ruleShape, isRule)

export const conditionSchema = section(
  { ...ruleShape, any_of: sameAs(z.array(rule).min(1).optional(), 'jwt.claims[]') },
  isRuleOrChoice,
)

type RuleSettings = z.output<typeof rule>
type ConditionSettings = z.output<typeof conditionSchema>

function isRuleOrChoice(settings: Loose): RuleProblem[] {
  if (settings['any_of'] === undefined) return isRule(settings)
  return Object.keys(ruleShape)
    .filter((name) => settings[name] !== undefined)
    .map((name) => ({ path: [name], message: 'contradicts any_of; give one or the other' }))
}

function isRule({ claim, name, operator, value: wanted }: Loose): RuleProblem[] {
  const problems: RuleProblem[] = []
  if (claim === undefined && name === undefined) {
    problems.push({ path: ['claim'], message: 'is missing; wanted the name of a claim' })
  }
  if (claim !== undefined && name !== undefined) {
    problems.push({ path: ['name'], message: 'is given twice: claim is the same setting' })
  }
  if (operator === undefined) {
    const message = `is missing; wanted one of ${OPERATORS.join(', ')}`
    return [...problems, { path: ['operator'], message }]
  }
  const need = OPERATORS.find((known) => known === operator)
  const fault = need && faultOfValue(need, wanted)
  return fault === undefined ? problems : [...problems, { path: ['value'], message: fault }]
}

function faultOfValue(operator: Operator, wanted: unknown): string | undefined {
  if (operator === 'exists') {
    const isFlag = wanted === undefined || typeof wanted === 'boolean'
    return isFlag ? undefined : 'wanted true or false: exists asks for nothing else'
  }
  if (wanted === undefined) return `is missing; ${operator} compares with it`
  switch (operator) {
    case 'in':
      return Array.isArray(wanted) ? undefined : 'wanted a list: in looks for one of several'
    case 'contains':
      return Array.isArray(wanted) ? 'wanted one value: contains looks for it' : undefined
    case 'gt':
    case 'lt':
    case 'gte':
    case 'lte':
      return numberFrom(wanted) === undefined ? `wanted a number: ${operator} measures` : undefined
    case 'regex':
      return typeof wanted === 'string' ? faultOfPattern(wanted) : 'wanted a regular expression'
    case 'not_equals':
      return holdsName(wanted)
        ? 'names a part of the path, which is for equals, in and contains'
        : undefined
    case 'equals':
      return undefined
  }
}

function holdsName(wanted: unknown): boolean {
  const list: readonly unknown[] = Array.isArray(wanted) ? wanted : [wanted]
  return list.some((one) => typeof one === 'string' && namesIn(one).length > 0)
}

/** A variable of the environment is a text, whatever it says. */
function numberFrom(wanted: unknown): number | undefined {
  if (typeof wanted === 'number' && Number.isFinite(wanted)) return wanted
  const written = wanted instanceof FromEnv ? wanted.text : wanted
  return typeof written === 'string' && /^-?\d+(\.\d+)?$/.test(written)
    ? Number(written)
    : undefined
}

/** The names of what of the path the claim is compared with; empty for a rule of the token alone. */
export function namesInRule({ operator, value: wanted }: ClaimRule): string[] {
  if (!isTied(operator) || wanted === undefined) return []
  const values: readonly Plain[] = isList(wanted) ? wanted : [wanted]
  return values.flatMap((one) => (typeof one === 'string' ? namesIn(one) : []))
}

export function namesInCondition(condition: ClaimCondition): string[] {
  if (!('anyOf' in condition)) return namesInRule(condition)
  return condition.anyOf.flatMap(namesInRule)
}

function isList(value: RuleValue): value is readonly Plain[] {
  return Array.isArray(value)
}

/** The others would let in whoever is not named, or a part of a name. */
function isTied(operator: Operator): boolean {
  return operator === 'equals' || operator === 'in' || operator === 'contains'
}

export function toCondition(settings: ConditionSettings): ClaimCondition {
  const { any_of: choices } = settings
  return choices === undefined ? toRule(settings) : { anyOf: choices.map(toRule) }
}

function toRule({ claim, name, operator, value: wanted }: RuleSettings): ClaimRule {
  // The rules of the section have seen to both.
  const known = operator ?? 'exists'
  const measured = /^[gl]te?$/.test(known) ? numberFrom(wanted) : wanted
  return { claim: claim ?? name ?? '', operator: known, value: measured }
}

export function printCondition(condition: ClaimCondition): object {
  if ('anyOf' in condition) return { any_of: condition.anyOf.map(printRule) }
  return printRule(condition)
}

function printRule({ claim, operator, value: wanted }: ClaimRule): object {
  return { claim, operator, ...(wanted === undefined ? {} : { value: wanted }) }
}
