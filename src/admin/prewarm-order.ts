// What an operator wants fetched ahead, read strictly: the whole bucket, what begins with a prefix, or
// the keys that are named.

import { fieldsIn, flagOf, requireText, textOf, wrong } from './order-fields.ts'
import type { Fields } from './order-fields.ts'

export interface PrewarmOrder {
  readonly bucket: string
  readonly what: PrewarmKeys | PrewarmListing
}

export interface PrewarmKeys {
  readonly kind: 'keys'
  /** Each once. */
  readonly keys: readonly string[]
}

export interface PrewarmListing {
  readonly kind: 'listing'
  /** '' for the whole bucket. */
  readonly prefix: string
  /** What lies behind a further '/' too. */
  readonly isRecursive: boolean
  readonly maxFiles: number | undefined
}

/** Which buckets there are, and which of them are cached. */
export interface PrewarmBuckets {
  readonly known: ReadonlySet<string>
  readonly cached: ReadonlySet<string>
}

const LISTING_FIELDS: readonly string[] = ['prefix', 'recursive', 'max_files']
const FIELDS: readonly string[] = ['bucket', 'keys', ...LISTING_FIELDS]

export function readPrewarmOrder(body: unknown, { known, cached }: PrewarmBuckets): PrewarmOrder {
  const fields = fieldsIn(body, FIELDS)
  const bucket = textOf(fields, 'bucket')
  if (bucket === undefined) throw wrong('The field bucket is missing.')
  if (!known.has(bucket)) throw wrong('The bucket is not known.')
  if (!cached.has(bucket)) throw wrong('The bucket is not cached.')
  return { bucket, what: fields['keys'] === undefined ? listingOf(fields) : keysOf(fields) }
}

/** As it was ordered, for the answer and the log; of keys how many there are. */
export function describeOrder({ bucket, what }: PrewarmOrder): object {
  if (what.kind === 'keys') return { bucket, keys: what.keys.length }
  const { prefix, isRecursive: recursive, maxFiles } = what
  const named = prefix === '' ? {} : { prefix }
  return { bucket, ...named, recursive, ...(maxFiles === undefined ? {} : { max_files: maxFiles }) }
}

function keysOf(fields: Fields): PrewarmKeys {
  const other = LISTING_FIELDS.find((name) => fields[name] !== undefined)
  if (other !== undefined) throw wrong(`The field ${other} has no meaning beside keys.`)
  const { keys } = fields
  if (!Array.isArray(keys)) throw wrong('The field keys is not a list.')
  if (keys.length === 0) throw wrong('The field keys is empty.')
  const named = keys.map((key: unknown) => requireText(key, 'One of the keys'))
  return { kind: 'keys', keys: [...new Set(named)] }
}

function listingOf(fields: Fields): PrewarmListing {
  return {
    kind: 'listing',
    prefix: textOf(fields, 'prefix') ?? '',
    isRecursive: flagOf(fields, 'recursive', true),
    maxFiles: countOf(fields, 'max_files'),
  }
}

function countOf(fields: Fields, name: string): number | undefined {
  const value = fields[name]
  if (value === undefined) return undefined
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value
  throw wrong(`The field ${name} is not a whole number from 1 on.`)
}
