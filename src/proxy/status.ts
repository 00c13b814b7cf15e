// Alive and ready: the two questions an orchestrator asks, on the main port and on the operations
// listener alike.

import { bytesBody, noBody } from '../exchange/body.ts'
import type { Reply } from '../exchange/reply.ts'

export type ReplicaHealth = 'probing' | 'healthy' | 'unhealthy'

/** By bucket, by replica. */
export type Backends = Readonly<Record<string, Readonly<Record<string, ReplicaHealth>>>>

export interface Status {
  readonly version: string
  uptimeSeconds(): number
  backends(): Backends
  isDraining(): boolean
}

export function answerStatus(
  request: { readonly method: string; readonly path: string },
  status: Status,
): Reply | undefined {
  if (request.path === '/health') return json(200, health(status), request.method)
  if (request.path !== '/ready') return undefined
  const report = readiness(status)
  return json(report.status === 'ready' ? 200 : 503, report, request.method)
}

function health({ version, uptimeSeconds }: Status): object {
  return { status: 'healthy', uptime_seconds: Math.floor(uptimeSeconds()), version }
}

function readiness(status: Status): { status: 'ready' | 'unavailable'; [name: string]: unknown } {
  const draining = status.isDraining()
  const backends: Record<string, { status: string; replicas: Record<string, ReplicaHealth> }> = {}
  let isReady = !draining
  for (const [bucket, replicas] of Object.entries(status.backends())) {
    const state = bucketState(Object.values(replicas))
    if (state === 'unavailable') isReady = false
    backends[bucket] = { status: state, replicas }
  }
  return { status: isReady ? 'ready' : 'unavailable', backends, draining }
}

function bucketState(replicas: readonly ReplicaHealth[]): 'ready' | 'degraded' | 'unavailable' {
  const healthy = replicas.filter((health) => health === 'healthy').length
  if (healthy === 0) return 'unavailable'
  return healthy === replicas.length ? 'ready' : 'degraded'
}

function json(status: number, value: object, method: string): Reply {
  const bytes = Buffer.from(JSON.stringify(value))
  const headers = ['Content-Type', 'application/json', 'Cache-Control', 'no-store']
  const body = method === 'HEAD' ? noBody : bytesBody(bytes)
  return { status, headers, body, statedLength: bytes.byteLength }
}
