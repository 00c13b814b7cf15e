// What an operator wants purged, read strictly: a rule that is not understood to the letter purges
// nothing, and says what is wrong with it.

import type { BanRule } from '../cache/cache.ts'
import { Refusal } from '../exchange/refusal.ts'

export interface PurgeOrder {
  readonly rule: BanRule
  readonly isSoft: boolean
  readonly isDryRun: boolean
}

/** What the path of the call says. */
export interface PurgePath {
  readonly bucket?: string
  readonly key?: string
}

type Fields = Readonly<Record<string, unknown>>
type Target = 'key' | 'prefix' | 'pattern' | 'tag' | 'all'

const TARGETS: readonly Target[] = ['key', 'prefix', 'pattern', 'tag', 'all']
const FIELDS: readonly string[] = ['bucket', ...TARGETS, 'soft', 'dry_run']
/** No key is longer in S3, and no rule need be. */
const MAX_TEXT_BYTES = 1024

export function readPurgeOrder(
  body: unknown,
  path: PurgePath,
  buckets: ReadonlySet<string>,
): PurgeOrder {
  const fields = fieldsOf(body, path)
  const isSoft = flagOf(fields, 'soft')
  const isDryRun = flagOf(fields, 'dry_run')
  const bucket = textOf(fields, 'bucket')
  if (bucket !== undefined && !buckets.has(bucket)) throw wrong('The bucket is not known.')
  return { rule: ruleOf(fields, bucket), isSoft, isDryRun }
}

/** As it was ordered, for the answer and the log. */
export function describeRule(rule: BanRule): object {
  switch (rule.kind) {
    case 'all':
      return { all: true }
    case 'bucket':
      return { bucket: rule.bucket, all: true }
    case 'glob':
      return { ...bucketOf(rule.bucket), pattern: rule.pattern }
    case 'key':
      return { bucket: rule.bucket, key: rule.key }
    case 'prefix':
      return { ...bucketOf(rule.bucket), prefix: rule.prefix }
    case 'tag':
      return { ...bucketOf(rule.bucket), tag: rule.tag }
  }
}

function bucketOf(bucket: string | undefined): object {
  return bucket === undefined ? {} : { bucket }
}

function fieldsOf(body: unknown, path: PurgePath): Fields {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw wrong('The body is not a JSON object.')
  }
  const fields: Fields = { ...body }
  const inPath = path.bucket !== undefined
  for (const name of Object.keys(fields)) {
    if (!FIELDS.includes(name)) throw wrong(`The field ${shown(name)} is not known.`)
    if (inPath && name !== 'soft' && name !== 'dry_run') {
      throw wrong(`The field ${name} says again what the path says.`)
    }
  }
  if (!inPath) return fields
  return path.key === undefined ? { ...fields, ...path, all: true } : { ...fields, ...path }
}

function ruleOf(fields: Fields, bucket: string | undefined): BanRule {
  const [target, second] = TARGETS.filter((name) => fields[name] !== undefined)
  if (target === undefined) {
    throw wrong('The rule is empty: say key, prefix, pattern, tag or all.')
  }
  if (second !== undefined) throw wrong(`The fields ${target} and ${second} are two rules.`)
  if (target === 'all') {
    if (fields['all'] !== true) throw wrong('The field all is true or left out.')
    return bucket === undefined ? { kind: 'all' } : { kind: 'bucket', bucket }
  }
  const text = textOf(fields, target) ?? ''
  switch (target) {
    case 'key':
      if (bucket === undefined) throw wrong('The field key needs the field bucket.')
      return { kind: 'key', bucket, key: text }
    case 'prefix':
      return { kind: 'prefix', bucket, prefix: text }
    case 'pattern':
      return { kind: 'glob', bucket, pattern: text }
    case 'tag':
      return { kind: 'tag', bucket, tag: text }
  }
}

function textOf(fields: Fields, name: string): string | undefined {
  const value = fields[name]
  if (value === undefined) return undefined
  if (typeof value !== 'string') throw wrong(`The field ${name} is not a text.`)
  if (value === '') throw wrong(`The field ${name} is empty.`)
  if (Buffer.byteLength(value) > MAX_TEXT_BYTES) {
    throw wrong(`The field ${name} is longer than ${MAX_TEXT_BYTES} bytes.`)
  }
  return value
}

function flagOf(fields: Fields, name: string): boolean {
  const value = fields[name] ?? false
  if (typeof value !== 'boolean') throw wrong(`The field ${name} is neither true nor false.`)
  return value
}

function wrong(message: string): Refusal {
  return new Refusal('invalid_request', { message })
}

/** Only what cannot be taken for anything but a name is said back. */
function shown(name: string): string {
  return /^[\w-]{1,40}$/.test(name) ? name : 'with that name'
}
