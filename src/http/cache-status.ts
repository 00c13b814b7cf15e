// Cache-Status (RFC 9211) and the older X-Cache: what the cache made of a request, told to whoever
// reads the answer.

export type ForwardReason =
  'bypass' | 'uri-miss' | 'vary-miss' | 'miss' | 'request' | 'stale' | 'partial'

export type CacheOutcome =
  | {
      readonly kind: 'hit'
      readonly isStale: boolean
      /** What is left of the freshness lifetime; negative when stale. */
      readonly ttlS: number
      /** Which tier had it. */
      readonly detail: string
    }
  | {
      readonly kind: 'forward'
      readonly reason: ForwardReason
      readonly isStored: boolean
      /** Another request's answer served this one too. */
      readonly isCollapsed: boolean
      /** Asked for, but the origin failed or was slow: a stale answer was sent instead. */
      readonly isStale?: boolean
      /** The origin's, where it tells more than the answer's own. */
      readonly status?: number
      readonly ttlS?: number
      readonly detail?: string
    }

export type XCache = 'HIT' | 'MISS' | 'STALE' | 'REVALIDATED' | 'BYPASS'

/** Of a request that the cache had nothing to do with. */
export const BYPASS: CacheOutcome = {
  kind: 'forward',
  reason: 'bypass',
  isStored: false,
  isCollapsed: false,
}

export function formatCacheStatus(outcome: CacheOutcome): string {
  if (outcome.kind === 'hit') {
    return `sluice; hit; ttl=${Math.floor(outcome.ttlS)}; detail=${tokenOrString(outcome.detail)}`
  }
  const { ttlS, detail } = outcome
  let text = `sluice; ${forwarded(outcome)}`
  if (ttlS !== undefined) text += `; ttl=${Math.floor(ttlS)}`
  if (detail !== undefined) text += `; detail=${tokenOrString(detail)}`
  return text
}

export function xCache(outcome: CacheOutcome): XCache {
  if (outcome.isStale === true) return 'STALE'
  if (outcome.kind === 'hit') return 'HIT'
  if (outcome.reason === 'bypass') return 'BYPASS'
  return outcome.status === 304 ? 'REVALIDATED' : 'MISS'
}

function forwarded(outcome: Extract<CacheOutcome, { kind: 'forward' }>): string {
  let text = `fwd=${outcome.reason}`
  if (outcome.status !== undefined) text += `; fwd-status=${outcome.status}`
  if (outcome.isStored) text += '; stored'
  if (outcome.isCollapsed) text += '; collapsed'
  return text
}

/** RFC 9651 §3.3.3 and §3.3.4. */
function tokenOrString(text: string): string {
  if (text === 'memory') return text
  if (/^[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*$/.test(text)) return text
  return `"${text.replace(/[^ -~]/g, '?').replace(/["\\]/g, '\\$&')}"`
}
