// Whether a shared cache may keep an answer (RFC 9111 §3). For how long is asked elsewhere.

import type { RequestDirectives, ResponseDirectives } from './cache-control.ts'

export interface StorableFacts {
  readonly status: number
  readonly directives: ResponseDirectives
  readonly request: Pick<RequestDirectives, 'noStore'>
  /**
   * The request carried an Authorization that reached nobody who checked it. False where the route's
   * own access check consumed it: what it admits may then have the answer, and nobody else.
   */
  readonly isAuthorized: boolean
  readonly varyNames: readonly string[] | '*'
}

export type NotStorable =
  'status' | 'no-store' | 'private' | 'request-no-store' | 'authorization' | 'vary-any'

export type Storable =
  | { readonly kind: 'store'; readonly varyNames: readonly string[] }
  | { readonly kind: 'no'; readonly reason: NotStorable }

/** Those whose caching rules are understood here; a part is kept as a part of its 200. */
const UNDERSTOOD: readonly number[] = [200, 404]

// A Set-Cookie does not stand in the way (§7.3): it is not relayed, so it is not kept.
export function storable(facts: StorableFacts): Storable {
  const { varyNames } = facts
  const reason = obstacle(facts)
  if (reason !== undefined) return { kind: 'no', reason }
  // §4.1: it would match no request.
  return varyNames === '*' ? { kind: 'no', reason: 'vary-any' } : { kind: 'store', varyNames }
}

function obstacle(facts: StorableFacts): NotStorable | undefined {
  const { directives } = facts
  if (!UNDERSTOOD.includes(facts.status)) return 'status'
  // §5.2.2.3: beside must-understand, no-store is for caches that do not understand the status.
  if (directives.noStore && !directives.mustUnderstand) return 'no-store'
  if (directives.isPrivate) return 'private'
  if (facts.request.noStore) return 'request-no-store'
  return facts.isAuthorized && !allowsAuthorized(directives) ? 'authorization' : undefined
}

/** §3.5. */
function allowsAuthorized(directives: ResponseDirectives): boolean {
  return directives.isPublic || directives.mustRevalidate || directives.sMaxAgeS !== undefined
}
