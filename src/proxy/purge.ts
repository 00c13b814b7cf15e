// The method PURGE: an operator's word about an object, by the address its clients know it by.

import type { IncomingHttpHeaders } from 'node:http'

import type { Exchange } from '../exchange/exchange.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { Reply } from '../exchange/reply.ts'
import { planFor } from './plan.ts'
import { receive } from './receive.ts'
import type { RawRequest } from './receive.ts'
import { routeFor } from './route.ts'
import type { Snapshot } from './snapshot.ts'

export interface Purging {
  /** Asks who calls before it asks for what. Rejects with the refusal of whoever may not. */
  answer(call: PurgeCall, find: () => PurgedObject): Promise<Reply>
  close(): void
}

export interface PurgeCall {
  readonly headers: IncomingHttpHeaders
  readonly clientIp: string
  readonly requestId: string
}

export interface PurgedObject {
  readonly bucket: string
  readonly key: string
  readonly isSoft: boolean
}

export function answerPurge(
  raw: RawRequest,
  exchange: Exchange,
  snapshot: Snapshot,
  purging: Purging,
): Promise<Reply> {
  const { id: requestId, clientAddress: clientIp } = exchange.arrival
  const call = { headers: raw.headers, clientIp, requestId }
  return purging.answer(call, () => objectOf(raw, exchange, snapshot))
}

function objectOf(raw: RawRequest, exchange: Exchange, snapshot: Snapshot): PurgedObject {
  // Its path means what the path of a GET means.
  const request = receive({ ...pick(raw), method: 'GET' }, snapshot.limits)
  exchange.facts.receive = request
  const match = routeFor(snapshot, request)
  const { bucket } = match.value
  const { key } = planFor(match, request)
  exchange.facts.route = { bucket, key }
  if (key === '') throw new Refusal('not_found')
  const isSoft = raw.headers['x-soft-purge'] === '1'
  return { bucket, key, isSoft }
}

/** The fields of Node's request are not its own. */
function pick(raw: RawRequest): RawRequest {
  const { url, rawHeaders, headers, httpVersionMajor, httpVersionMinor } = raw
  return { url, rawHeaders, headers, httpVersionMajor, httpVersionMinor }
}
