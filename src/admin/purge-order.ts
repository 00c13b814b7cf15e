// What an operator wants purged, read strictly: a rule that is not understood to the letter purges
// nothing, and says what is wrong with it.

import type { BanRule } from '../cache/cache.ts'
import { fieldsIn, flagOf, textOf, wrong } from './order-fields.ts'
import type { Fields } from './order-fields.ts'

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

type Target = 'key' | 'prefix' | 'pattern' | 'tag' | 'all'

const TARGETS: readonly Target[] = ['key', 'prefix', 'pattern', 'tag', 'all']
const FIELDS: readonly string[] = ['bucket', ...TARGETS, 'soft', 'dry_run']

export function readPurgeOrder(
  body: unknown,
  path: PurgePath,
  buckets: ReadonlySet<string>,
): PurgeOrder {
  const fields = fieldsOf(body, path)
  const isSoft = flagOf(fields, 'soft', false)
  const isDryRun = flagOf(fields, 'dry_run', false)
  const bucket = textOf(fields, 'bucket')
  if (bucket !== undefined && !buckets.has(bucket)) throw wrong('The bucket is not known.')
  return { rule: ruleOf(fields, bucket), isSoft, isDryRun }
}

function fieldsOf(body: unknown, path: PurgePath): Fields {
  const fields = fieldsIn(body, FIELDS)
  if (path.bucket === undefined) return fields
  const again = Object.keys(fields).find((name) => name !== 'soft' && name !== 'dry_run')
  if (again !== undefined) throw wrong(`The field ${again} says again what the path says.`)
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
