// Which bucket a request is for.

import { Refusal } from '../exchange/refusal.ts'
import type { Request } from '../exchange/request.ts'
import type { Match } from '../routing/routing.ts'
import type { Route, Snapshot } from './snapshot.ts'

/** Throws where there is none. */
export function routeFor({ routes }: Snapshot, { host, path }: Request): Match<Route> {
  const match = routes.match(host, path)
  if (match === undefined) throw noRoute()
  return match
}

export function noRoute(): Refusal {
  return new Refusal('no_route')
}
