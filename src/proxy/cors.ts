// What a bucket's `cors` adds to an answer, a refusal or a preflight alike. It is said when an answer
// leaves, so that nothing of one page's origin is ever kept for another's.

import type { Exchange } from '../exchange/exchange.ts'
import { fieldsOf } from '../exchange/reply.ts'
import type { Reply } from '../exchange/reply.ts'
import type { Request } from '../exchange/request.ts'
import { answerCors } from '../http/cors.ts'
import type { CorsPolicy, CorsRequest } from '../http/cors.ts'
import { parseHost } from '../http/host.ts'
import { parseTarget } from '../http/path.ts'
import { joinedValue } from '../http/headers.ts'
import { addVary } from '../http/vary.ts'
import type { Match } from '../routing/routing.ts'
import { dropFields } from './fields.ts'
import type { RawRequest } from './receive.ts'
import type { Route, Snapshot } from './snapshot.ts'

const VARY = new Set(['vary'])

export function withCors(
  reply: Reply,
  request: RawRequest,
  { facts }: Exchange,
  snapshot: Snapshot,
): Reply {
  const isUnderstood = facts.receive !== undefined
  const bucket = isUnderstood ? facts.route?.bucket : bucketMeant(request, snapshot)
  const policy = bucket === undefined ? undefined : snapshot.cors.get(bucket)
  if (policy === undefined) return reply
  // Whoever may read what there is may read that there is no such method.
  const { headers } = request
  return addCors(reply, isUnderstood ? request : { method: 'GET', headers }, policy)
}

/** Of a request that was refused before it was understood: whose page is to read the no. */
function bucketMeant({ url = '', headers }: RawRequest, { routes }: Snapshot): string | undefined {
  const target = parseTarget(url)
  const path = target.kind === 'path' ? target.path : url
  return routes.match(parseHost(headers.host ?? ''), path)?.value.bucket
}

export function addCors(reply: Reply, request: CorsRequest, policy: CorsPolicy): Reply {
  const { vary, fields } = answerCors(policy, request)
  // In one line, which is understood by those too who read no second.
  const said = fieldsOf(reply)
  const all = addVary(joinedValue(said, 'vary'), vary)
  const headers = [...dropFields(said, VARY), 'Vary', all, ...fields]
  return { ...reply, block: undefined, headers }
}

/** The bucket whose `cors` an OPTIONS asks for; it is answered without any bucket else. */
export function preflightRoute(request: Request, snapshot: Snapshot): Match<Route> | undefined {
  const { method, host, path } = request
  if (snapshot.cors.size === 0 || method !== 'OPTIONS' || path === '*') return undefined
  const match = snapshot.routes.match(host, path)
  return match !== undefined && snapshot.cors.has(match.value.bucket) ? match : undefined
}
