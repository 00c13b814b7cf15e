// What is in force and how it fares, of all threads as one: what each has of its own is summed, and of
// what each thinks of others the worst is told, as readiness does.

import type {
  AccessDescription,
  AuthenticatorDescription,
  KeyDescription,
  KeySetDescription,
  PolicyDescription,
  SignatureDescription,
} from '../access/access.ts'
import type { RouteDescription } from '../live/live.ts'
import type { DeskAnswer } from './cache-desk.ts'

export interface Introspection {
  /** By each thread that answers. */
  routes(): Promise<readonly (readonly RouteDescription[])[]>
  /** What is in force, secrets masked. */
  config(): object
}

type Replica = RouteDescription['replicas'][number]

/** From good to bad. */
const HEALTH: readonly Replica['health'][] = ['healthy', 'probing', 'unhealthy']
const BREAKER: readonly Replica['breaker'][] = ['closed', 'half-open', 'open']

export async function routesAnswer(look: Introspection): Promise<DeskAnswer> {
  return answerFrom(look, ([{ bucket, pathPrefix, hosts, isCached, access, replicas }]) => ({
    bucket,
    path_prefix: pathPrefix,
    hosts,
    cached: isCached,
    guarded: isGuarded(access),
    replicas: replicas.map(({ name }) => name),
  }))
}

export async function replicasAnswer(look: Introspection): Promise<DeskAnswer> {
  return answerFrom(look, (views) => {
    const [{ bucket, balance, replicas }] = views
    const all = views.flatMap((view) => view.replicas)
    const told = replicas.map(({ name }) => worstReplica(all.filter((one) => one.name === name)))
    return { bucket, balance, replicas: told }
  })
}

export async function authAnswer(look: Introspection): Promise<DeskAnswer> {
  return answerFrom(look, (views) => {
    const [{ bucket, pathPrefix, cors, access }] = views
    const tokens = views.flatMap((view) => view.access.tokens ?? [])
    const policies = views.flatMap((view) => view.access.policy ?? [])
    const { allowed, blocked } = access.ipFilter
    return {
      bucket,
      path_prefix: pathPrefix,
      guarded: isGuarded(access),
      tokens: tokensOf(tokens),
      signed_urls: signaturesOf(access.signatures),
      authorization: policyOf(policies),
      ip_filter: { allowlist: allowed, blocklist: blocked },
      cors: cors ?? null,
    }
  })
}

/** One bucket, as each thread sees it. */
type Views = readonly [RouteDescription, ...RouteDescription[]]

async function answerFrom(
  look: Introspection,
  tell: (views: Views) => object,
): Promise<DeskAnswer> {
  const [first, ...others] = await look.routes()
  if (first === undefined) return { status: 503, value: { status: 'no thread answers' } }
  const buckets = first.map((route) =>
    tell([route, ...others.flatMap((all) => all.filter(({ bucket }) => bucket === route.bucket))]),
  )
  return { status: 200, value: { threads: 1 + others.length, buckets } }
}

function worstReplica(views: readonly Replica[]): object {
  const [first] = views
  const most = (of: (view: Replica) => number): number => Math.max(...views.map(of))
  return {
    name: first?.name,
    bucket: first?.bucket,
    key_prefix: first?.keyPrefix,
    priority: first?.priority,
    weight: first?.weight,
    health: HEALTH[most(({ health }) => HEALTH.indexOf(health))],
    breaker: BREAKER[most(({ breaker }) => BREAKER.indexOf(breaker))],
    open_for_ms: Math.ceil(most(({ openForMs }) => openForMs)),
    in_flight: views.reduce((sum, { inFlight }) => sum + inFlight, 0),
    latency_ms: Math.round(most(({ latencyMs }) => latencyMs) * 1000) / 1000,
    last_failure: views.map(({ lastFailure }) => lastFailure).find(Boolean) ?? null,
  }
}

/** Not just anybody may have what is in it. */
function isGuarded({ tokens, signatures, policy }: AccessDescription): boolean {
  return tokens !== undefined || signatures !== undefined || policy !== undefined
}

function signaturesOf(signatures: SignatureDescription | undefined): object | null {
  return signatures === undefined ? null : { keys: signatures.keyIds, revoked: signatures.revoked }
}

function policyOf(views: readonly PolicyDescription[]): object | null {
  const [first] = views
  if (first === undefined) return null
  const { url, path, failMode } = first
  const remembered = views.reduce((sum, view) => sum + view.remembered, 0)
  return { url, policy_path: path, fail_mode: failMode, remembered }
}

function tokensOf(views: readonly AuthenticatorDescription[]): object | null {
  const [first] = views
  if (first === undefined) return null
  const { algorithms, issuers, audiences, sources, claimRules, keys } = first
  const keySet = worstKeySet(views.flatMap((view) => view.keySet ?? []))
  return {
    algorithms,
    issuers,
    audiences,
    sources,
    claim_rules: claimRules,
    keys: keys.map(tellKey),
    key_set: keySet === undefined ? null : tellKeySet(keySet),
    remembered: views.reduce((sum, { remembered }) => sum + remembered, 0),
  }
}

/** One without keys, else one that fails, else the one that asked longest ago. */
function worstKeySet(views: readonly KeySetDescription[]): KeySetDescription | undefined {
  const rank = ({ keys, lastRefresh }: KeySetDescription): number =>
    keys === undefined ? 0 : lastRefresh?.outcome === 'failed' ? 1 : 2
  const [worst] = views.toSorted(
    (a, b) => rank(a) - rank(b) || (a.lastRefresh?.at ?? 0) - (b.lastRefresh?.at ?? 0),
  )
  return worst
}

function tellKey({ id, algorithms }: KeyDescription): object {
  return { kid: id ?? null, algorithms }
}

function tellKeySet({ url, keys, lastRefresh: last, ...next }: KeySetDescription): object {
  return {
    url,
    keys: keys?.map(tellKey) ?? null,
    last_refresh:
      last === undefined
        ? null
        : { outcome: last.outcome, at: instant(last.at), reason: last.reason ?? null },
    next_refresh_at: instant(next.nextRefreshAt),
    unknown_kid_refresh_at: instant(next.unknownKeyRefreshAt),
  }
}

function instant(at: number): string {
  return new Date(at).toISOString()
}
