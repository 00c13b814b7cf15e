// Where a request points: bucket and key out of its target and its Host, by path or by virtual host.

import { isUtf8 } from 'node:buffer'

import { decodePercent } from './percent.ts'
import type { Quirks } from './quirks.ts'

export type Pair = readonly [name: string, value: string]

export interface Target {
  /** The path as it arrived, without the query. */
  readonly rawPath: string
  /** The bytes the path stands for: what S3 signs, encoded again. */
  readonly pathBytes: Buffer
  readonly query: readonly Pair[]
  readonly bucket: string
  readonly key: string
}

export interface TargetRules {
  readonly virtualHostSuffix?: string | undefined
  readonly quirks: Quirks
}

/** Undefined when the target is not a path, has a broken escape, or does not decode to UTF-8. */
export function parseTarget(raw: string, host: string, rules: TargetRules): Target | undefined {
  if (!raw.startsWith('/')) return undefined
  const mark = raw.indexOf('?')
  const rawPath = mark < 0 ? raw : raw.slice(0, mark)
  const query = parseQuery(mark < 0 ? '' : raw.slice(mark + 1))
  // To AWS a bare + in a path is a space, as in a query; to Ceph it is itself.
  const pathBytes = decodePercent(rawPath, rules.quirks === 'aws')
  if (query === undefined || pathBytes === undefined || !isUtf8(pathBytes)) return undefined
  const path = pathBytes.toString('utf8').slice(1)
  return { rawPath, pathBytes, query, ...placeOf(path, virtualBucket(host, rules)) }
}

export function queryValue(query: readonly Pair[], name: string): string | undefined {
  return query.find(([candidate]) => candidate === name)?.[1]
}

function placeOf(path: string, bucket: string | undefined): { bucket: string; key: string } {
  if (bucket !== undefined) return { bucket, key: path }
  const slash = path.indexOf('/')
  if (slash < 0) return { bucket: path, key: '' }
  return { bucket: path.slice(0, slash), key: path.slice(slash + 1) }
}

function virtualBucket(host: string, rules: TargetRules): string | undefined {
  if (rules.virtualHostSuffix === undefined) return undefined
  const name = host.replace(/:\d+$/, '').toLowerCase()
  const tail = `.${rules.virtualHostSuffix}`
  return name.endsWith(tail) ? name.slice(0, -tail.length) : undefined
}

function parseQuery(raw: string): Pair[] | undefined {
  const pairs: Pair[] = []
  for (const piece of raw.split('&')) {
    if (piece === '') continue
    const equals = piece.indexOf('=')
    const name = decodePercent(equals < 0 ? piece : piece.slice(0, equals), true)
    const value = decodePercent(equals < 0 ? '' : piece.slice(equals + 1), true)
    if (name === undefined || value === undefined) return undefined
    if (!isUtf8(name) || !isUtf8(value)) return undefined
    pairs.push([name.toString('utf8'), value.toString('utf8')])
  }
  return pairs
}
