// The kinds of single settings: each knows what it wants in words, how to read it, and how
// an editor's JSON Schema says it. Zod holds them together; the sentences are ours.

import { parseCidr } from '../primitives/cidr.ts'
import type { Cidr } from '../primitives/cidr.ts'
import { Secret } from '../primitives/secret.ts'
import { formatDuration, formatSize, parseDuration, parseSize } from '../primitives/units.ts'
import { describeFound, describeKind, FromEnv } from './tree.ts'
import { z } from './zod.ts'

export interface FieldSpec<T> {
  /** Completes "wanted …". */
  readonly wanted: string
  readonly json: Readonly<Record<string, unknown>>
  readonly read: (input: unknown) => T | undefined
  readonly hintFor?: (input: unknown) => string | undefined
  /** Messages then never show what was found. */
  readonly isSecret?: boolean
}

export type Field<T> = z.ZodPipe<z.ZodUnknown, z.ZodTransform<Awaited<T>>>

export function field<T>(spec: FieldSpec<T>): Field<T> {
  return z
    .unknown()
    .transform((input, context): T => {
      const value = spec.read(input)
      if (value !== undefined) return value
      const hint = spec.hintFor?.(input)
      const params = hint === undefined ? {} : { hint }
      context.addIssue({ code: 'custom', message: complaint(spec, input), params })
      return z.NEVER
    })
    .meta(spec.json)
}

function complaint(spec: FieldSpec<unknown>, input: unknown): string {
  if (input === undefined) return `is missing; wanted ${spec.wanted}`
  const describe = spec.isSecret === true ? describeKind : describeFound
  return `wanted ${spec.wanted}, found ${describe(input)}`
}

/** The text of a setting, wherever it came from; other kinds of values are not texts. */
export function textOf(input: unknown): string | undefined {
  if (input instanceof FromEnv) return input.text
  return typeof input === 'string' ? input : undefined
}

function numberOf(input: unknown): number | undefined {
  if (input instanceof FromEnv) {
    return /^-?\d+(\.\d+)?$/.test(input.text) ? Number(input.text) : undefined
  }
  return typeof input === 'number' ? input : undefined
}

const quoteHint = (input: unknown) =>
  typeof input === 'number' || typeof input === 'boolean' ? 'put it in quotes' : undefined

export interface TextSpec {
  readonly wanted: string
  readonly test?: RegExp | ((text: string) => boolean)
  readonly hintFor?: (text: string) => string | undefined
}

/** A text without control characters, not empty unless its own test says so. */
export function text({ wanted, test = /./u, hintFor }: TextSpec): Field<string> {
  const passes = test instanceof RegExp ? (input: string) => test.test(input) : test
  return field({
    wanted,
    json: { type: 'string' },
    read: (input) => {
      const found = textOf(input)
      return found !== undefined && isPrintable(found) && passes(found) ? found : undefined
    },
    hintFor: (input) => {
      const found = textOf(input)
      return found === undefined ? quoteHint(input) : hintFor?.(found)
    },
  })
}

export function isPrintable(input: string): boolean {
  return input.isWellFormed() && !/\p{Cc}/u.test(input)
}

export function secret(wanted: string): Field<Secret> {
  return field({
    wanted,
    json: { type: 'string' },
    isSecret: true,
    read: (input) => {
      const found = textOf(input)
      const isSecretText = found !== undefined && found !== '' && isPrintable(found)
      return isSecretText ? new Secret(found) : undefined
    },
    hintFor: quoteHint,
  })
}

export function flag(): Field<boolean> {
  return field({
    wanted: 'true or false',
    json: { type: 'boolean' },
    read: (input) => {
      if (input instanceof FromEnv) return booleans.get(input.text)
      return typeof input === 'boolean' ? input : undefined
    },
  })
}

const booleans: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
])

export function choice<const T extends string>(values: readonly T[]): Field<T> {
  return field({
    wanted: `one of ${values.join(', ')}`,
    json: { enum: values },
    read: (input) => values.find((value) => value === textOf(input)),
  })
}

export function cidr(): Field<Cidr> {
  return field({
    wanted: 'an address or a network such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32',
    json: { type: 'string' },
    read: (input) => parseCidr(textOf(input) ?? ''),
    hintFor: (input) =>
      /[a-z]$/i.test(textOf(input) ?? '') ? 'names are not looked up' : undefined,
  })
}

export interface NumberSpec {
  readonly min: number
  readonly max: number
  readonly isWhole?: boolean
}

export function number({ min, max, isWhole = false }: NumberSpec): Field<number> {
  return field({
    wanted: `a${isWhole ? ' whole' : ''} number from ${min} to ${max}`,
    json: { type: isWhole ? 'integer' : 'number', minimum: min, maximum: max },
    read: (input) => {
      const found = numberOf(input)
      if (found === undefined || (isWhole && !Number.isInteger(found))) return undefined
      return found >= min && found <= max ? found : undefined
    },
  })
}

export function integer(min: number, max: number): Field<number> {
  return number({ min, max, isWhole: true })
}

const day = 86_400_000

/** Milliseconds, between `min` and `max`, both included. */
export function duration({ min = 1, max = day } = {}): Field<number> {
  return field({
    wanted: `a duration such as 30s or 250ms, from ${formatDuration(min)} to ${formatDuration(max)}`,
    json: { type: ['string', 'number'] },
    read: (input) => between(measured(input, parseDuration), min, max),
  })
}

/** Bytes, between `min` and `max`, both included. */
export function size(min: number, max: number): Field<number> {
  return field({
    wanted: `a size such as 64KB or 1MiB, from ${formatSize(min)} to ${formatSize(max)}`,
    json: { type: ['string', 'integer'] },
    read: (input) => between(measured(input, parseSize), min, max),
  })
}

type Parse = (input: string | number) => number | undefined

function measured(input: unknown, parse: Parse): number | undefined {
  if (typeof input === 'number') return parse(input)
  const found = textOf(input)
  return found === undefined ? undefined : parse(found)
}

function between(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined
}
