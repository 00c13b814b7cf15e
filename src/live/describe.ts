// What is in force, told to an operator: plain data, which can come from another thread, and in which
// there is no secret.

import type { AccessDescription } from '../access/access.ts'
import type { BucketConfig } from '../config/buckets.ts'
import { printCors } from '../config/cors.ts'
import type { OriginForesight, ReplicaForesight } from '../origin/origin.ts'
import type { Route } from '../proxy/proxy.ts'

export interface RouteDescription {
  readonly bucket: string
  readonly pathPrefix: string
  /** Empty: every host. */
  readonly hosts: readonly string[]
  readonly isCached: boolean
  /** As it is written in the configuration. */
  readonly cors: object | undefined
  readonly access: AccessDescription
  readonly balance: OriginForesight['balance']
  readonly replicas: readonly ReplicaForesight[]
}

export function describeRoute(config: BucketConfig, route: Route): RouteDescription {
  const { balance, replicas } = route.foreseeOrigin()
  const order = config.s3.replicas.map(({ name }) => name)
  return {
    bucket: config.name,
    pathPrefix: config.pathPrefix,
    hosts: config.hosts,
    isCached: route.cached !== undefined,
    cors: config.cors && printCors(config.cors),
    access: route.access.describe(),
    balance,
    replicas: replicas.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name)),
  }
}
