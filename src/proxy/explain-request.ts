// What is told of a request before anything is looked for: how it was understood, which bucket it
// goes to, and what it asks of it.

import type { Admitted } from '../access/access.ts'
import type { Request } from '../exchange/request.ts'
import { queryParameter } from '../http/query.ts'
import { formatRange } from '../http/range.ts'
import { namesIn } from '../primitives/template.ts'
import type { Match, NearMiss, Routable } from '../routing/routing.ts'
import type { Facts, Told } from './account.ts'
import type { Plan } from './plan.ts'
import type { Route, Snapshot } from './snapshot.ts'

const MOST_NEAR_MISSES = 10

export function tellRequest({ method, path, host }: Request, clientIp: string): Told {
  const reason = 'Method, host and path are understood; the path is decoded once.'
  return { outcome: 'understood', reason, method, host: host ?? null, path, client_ip: clientIp }
}

export function tellRoute(
  { value, rest, captured }: Match<Route>,
  { host, path }: Request,
  { routes }: Snapshot,
): Told {
  const { prefix = value.pathPrefix, hosts = [] } = routes.routeOf(value) ?? {}
  const others = routes.nearMisses(host, path).filter(({ because }) => because !== 'path')
  const forHost = hosts.length === 0 ? 'any host' : 'this host'
  return {
    outcome: 'matched',
    reason: `${prefix} is the longest prefix of the path among the buckets for ${forHost}.`,
    bucket: value.bucket,
    path_prefix: prefix,
    hosts,
    rest,
    ...(captured.length === 0 ? {} : { captured: namedValues(prefix, captured) }),
    ...(others.length === 0 ? {} : { passed_over: others.map(tellNearMiss) }),
  }
}

function namedValues(prefix: string, captured: readonly string[]): object {
  return Object.fromEntries(namesIn(prefix).map((name, index) => [name, captured[index]]))
}

/** In place of the bare refusal: which buckets it came close to. */
export function tellNoRoute({ host, path }: Request, { routes }: Snapshot): Facts {
  const near = routes.nearMisses(host, path).slice(0, MOST_NEAR_MISSES)
  const named = host === undefined ? 'no host' : `host ${host}`
  return {
    reason: `No bucket has a prefix of this path for ${named}.`,
    near_misses: near.map(tellNearMiss),
  }
}

const BECAUSE: Readonly<Record<NearMiss<Route>['because'], (route: Routable<Route>) => string>> = {
  host: ({ hosts }) => `its prefix fits, but it is only for ${hosts.join(', ')}`,
  path: ({ prefix }) => `its prefix ${prefix} is nearly that of the path`,
  beaten: () => 'it fits too, but another goes before it',
}

function tellNearMiss({ route, because }: NearMiss<Route>): object {
  const { prefix, hosts, value } = route
  return { bucket: value.bucket, path_prefix: prefix, hosts, because: BECAUSE[because](route) }
}

export function tellAccess({ identity }: Admitted): Told {
  const reason = 'The token is valid, and its claims are those that are asked for.'
  return { outcome: 'admitted', reason, user: identity?.subject ?? null }
}

export function tellPlan(plan: Plan, { headers, query }: Request): Told {
  const { key, versionId, partNumber, ranges, conditions, isRevalidation } = plan
  const isIgnored = headers.range !== undefined && ranges === undefined
  const isVersionIgnored =
    versionId === undefined && queryParameter(query, 'versionId') !== undefined
  const ignored = [
    ...(isIgnored ? ['Range: it is none that is understood, or not that of a GET'] : []),
    ...(isVersionIgnored ? ['versionId: allow_versions is off'] : []),
  ]
  return {
    outcome: 'planned',
    reason: isRevalidation
      ? 'The conditions may be met by what the client has: the head is looked at first.'
      : ranges === undefined
        ? 'The whole object is asked for.'
        : 'A part of the object is asked for.',
    key,
    ...(versionId === undefined ? {} : { version_id: versionId }),
    ...(partNumber === undefined ? {} : { part_number: partNumber }),
    ...(ranges === undefined ? {} : { ranges: ranges.map(formatRange) }),
    ...conditionsOf(conditions),
    ...(ignored.length === 0 ? {} : { ignored }),
  }
}

function conditionsOf(conditions: Plan['conditions']): object {
  const named = {
    if_match: conditions.ifMatch,
    if_none_match: conditions.ifNoneMatch,
    if_modified_since: conditions.ifModifiedSince,
    if_unmodified_since: conditions.ifUnmodifiedSince,
    if_range: conditions.ifRange,
  }
  const given = Object.entries(named).filter(([, value]) => value !== undefined)
  return given.length === 0 ? {} : { conditions: Object.fromEntries(given) }
}
