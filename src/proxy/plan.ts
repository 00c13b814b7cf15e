// What is asked for, in the words of HTTP: the key, the version, the ranges and the conditions.

import type { Request } from '../exchange/request.ts'
import { readConditions } from '../http/conditional.ts'
import type { Conditions } from '../http/conditional.ts'
import { queryParameter } from '../http/query.ts'
import { parseRange } from '../http/range.ts'
import type { RangeSpec } from '../http/range.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { Route } from './snapshot.ts'

export interface Plan {
  readonly method: 'GET' | 'HEAD'
  readonly key: string
  /** The key is the index document of the directory that was asked for. */
  readonly isIndex: boolean
  readonly versionId: string | undefined
  readonly partNumber: string | undefined
  /** Undefined: the whole object. */
  readonly ranges: readonly RangeSpec[] | undefined
  readonly conditions: Conditions
  /** The conditions may well be met by what the client has: the head alone is asked for first. */
  readonly isRevalidation: boolean
}

export function planFor(route: Route, rest: string, request: Request): Plan {
  const { headers, query } = request
  const { indexDocument } = route.website
  const isIndex = indexDocument !== undefined && (rest === '' || rest.endsWith('/'))
  const conditions = readConditions(headers)
  const partNumber = query === '' ? undefined : queryParameter(query, 'partNumber')
  // RFC 9110 §14.2: a range is defined for GET alone.
  const ranges = request.method === 'GET' ? parseRange(headers.range) : undefined
  if (partNumber !== undefined && (!/^[1-9]\d{0,4}$/.test(partNumber) || ranges !== undefined)) {
    throw new Refusal('invalid_request', { message: 'partNumber is not valid here.' })
  }
  return {
    method: request.method === 'HEAD' ? 'HEAD' : 'GET',
    key: isIndex ? rest + indexDocument : rest,
    isIndex,
    versionId: route.allowVersions ? queryParameter(query, 'versionId') : undefined,
    partNumber,
    ranges,
    conditions,
    isRevalidation:
      conditions.ifNoneMatch !== undefined || conditions.ifModifiedSince !== undefined,
  }
}
