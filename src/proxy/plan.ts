// What is asked for, in the words of HTTP: the key, the version, the ranges and the conditions.

import { Refusal } from '../exchange/refusal.ts'
import type { Request } from '../exchange/request.ts'
import { readConditions } from '../http/conditional.ts'
import type { Conditions } from '../http/conditional.ts'
import { queryParameter } from '../http/query.ts'
import { parseRange } from '../http/range.ts'
import type { RangeSpec } from '../http/range.ts'
import type { Match } from '../routing/routing.ts'
import type { Site } from './site.ts'
import type { RouteRules } from './snapshot.ts'

/** S3 stores no longer ones. */
const MAX_KEY_BYTES = 1024

export interface Plan {
  readonly method: 'GET' | 'HEAD'
  readonly key: string
  readonly versionId: string | undefined
  readonly partNumber: string | undefined
  /** Undefined: the whole object. */
  readonly ranges: readonly RangeSpec[] | undefined
  readonly conditions: Conditions
  /** The conditions may well be met by what the client has: the head alone is asked for first. */
  readonly isRevalidation: boolean
  /** Undefined where the bucket is one for all. */
  readonly site?: Site | undefined
}

export function planFor(match: Match<RouteRules>, request: Request): Plan {
  const { value: route, rest, captured } = match
  const site = route.siteOf?.(captured)
  const { headers, query } = request
  const conditions = readConditions(headers)
  // RFC 9110 §14.2: a range is defined for GET alone.
  const ranges = request.method === 'GET' ? parseRange(headers.range) : undefined
  return {
    method: request.method === 'HEAD' ? 'HEAD' : 'GET',
    key: keyFor(rest, route.website.indexDocument, site?.keyRoot),
    versionId: route.allowVersions ? queryParameter(query, 'versionId') : undefined,
    partNumber: partNumberOf(query, ranges !== undefined),
    ranges,
    conditions,
    isRevalidation:
      conditions.ifNoneMatch !== undefined || conditions.ifModifiedSince !== undefined,
    site,
  }
}

function keyFor(rest: string, indexDocument: string | undefined, root = ''): string {
  const isDirectory = rest === '' || rest.endsWith('/')
  const below = isDirectory && indexDocument !== undefined ? rest + indexDocument : rest
  // What names the bucket itself names no object of anybody's.
  const key = below === '' ? '' : root + below
  // No unit of a string takes more than three bytes, so that most keys need not be measured.
  if (key.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new Refusal('invalid_path', { cause: 'a longer key than S3 has' })
  }
  return key
}

function partNumberOf(query: string, isRanged: boolean): string | undefined {
  const partNumber = queryParameter(query, 'partNumber')
  if (partNumber === undefined) return undefined
  if (isRanged || !/^[1-9]\d{0,4}$/.test(partNumber)) {
    throw new Refusal('invalid_request', {
      message: 'A partNumber is a whole number from 1 on, and stands without a Range.',
    })
  }
  return partNumber
}
