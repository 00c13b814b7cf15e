// What goes wrong on request: rules that a test adds, each for the requests it names and as often
// as it says. The first rule that fits a request is the one that acts.

export type FaultKind =
  /** Before a byte is answered. */
  | 'refuse' // the connection is closed as soon as it opens (rules without `match`), or at the request
  | 'reset' // RST instead of an answer; with afterBytes, in the middle of the body
  | 'hang' // never answered
  | 'garbage' // bytes that are not HTTP
  | 'status' // `status`, with `code` in S3's XML
  | 'region-redirect' // 301 PermanentRedirect instead of 400 to a request signed for another region
  /** In the body of an object, after `afterBytes` of it (half of it unless said). */
  | 'cut' // the connection is destroyed
  | 'short' // the connection is closed in good order, the announced length unfulfilled
  | 'short-chunked' // no length announced, and a proper end too soon
  | 'stall' // nothing more comes, the connection stays open
  /** In what is answered. */
  | 'etag' // another version: other bytes under another ETag
  | 'ignore-range' // 200 and the whole object
  | 'wrong-range' // 206 over other bytes than were asked for
  /** Nothing but the modifiers below. */
  | 'slow'
  | 'delay'
  | 'headers'

export interface FaultMatch {
  readonly bucket?: string
  readonly key?: string
  readonly method?: string
  readonly ranged?: boolean
}

export interface FaultRule {
  readonly kind: FaultKind
  readonly match?: FaultMatch
  /** How many requests it spoils; all unless said. */
  readonly times?: number
  /** How many fitting requests it lets pass first. */
  readonly skip?: number
  readonly status?: number
  readonly code?: string
  readonly afterBytes?: number
  /** For `etag`: the ETag to answer with. */
  readonly etag?: string

  /** With any kind: before the answer begins. */
  readonly delayMs?: number
  /** With any kind: the pace of a body. */
  readonly bytesPerSecond?: number
  /** With any kind: headers to set on the answer, or (undefined) to leave out. */
  readonly headers?: Readonly<Record<string, string | undefined>>
}

export interface Fault {
  /** How many requests (for a bare `refuse`: connections) it has spoilt. */
  readonly hits: number
  remove(): void
}

export interface Spoilable {
  readonly method: string
  readonly bucket: string
  readonly key: string
  readonly isRanged: boolean
}

interface Active {
  readonly rule: FaultRule
  passed: number
  hits: number
}

const bodyKinds: ReadonlySet<FaultKind> = new Set(['cut', 'short', 'short-chunked', 'stall'])
const objectKinds: ReadonlySet<FaultKind> = new Set(['etag', 'ignore-range', 'wrong-range'])

export class Faults {
  readonly #active = new Set<Active>()

  add(rule: FaultRule): Fault {
    const active: Active = { rule, passed: 0, hits: 0 }
    this.#active.add(active)
    return {
      get hits() {
        return active.hits
      },
      remove: () => this.#active.delete(active),
    }
  }

  clear(): void {
    this.#active.clear()
  }

  /** Whether a connection that opens now is to be closed at once. */
  takeConnection(): boolean {
    for (const active of this.#active) {
      const { kind, match } = active.rule
      if (kind === 'refuse' && match === undefined && strike(active)) return true
    }
    return false
  }

  take(request: Spoilable): FaultRule | undefined {
    for (const active of this.#active) {
      if (fits(active.rule, request) && strike(active)) return active.rule
    }
    return undefined
  }
}

/** Whether it breaks a body that has begun. */
export function isMidBody(rule: FaultRule): boolean {
  return bodyKinds.has(rule.kind) || (rule.kind === 'reset' && rule.afterBytes !== undefined)
}

function strike(active: Active): boolean {
  if (active.hits >= (active.rule.times ?? Number.POSITIVE_INFINITY)) return false
  if (active.passed < (active.rule.skip ?? 0)) {
    active.passed += 1
    return false
  }
  active.hits += 1
  return true
}

function fits(rule: FaultRule, request: Spoilable): boolean {
  const { bucket, key, method, ranged } = rule.match ?? {}
  if (bucket !== undefined && bucket !== request.bucket) return false
  if (key !== undefined && key !== request.key) return false
  if (method !== undefined && method !== request.method) return false
  if (ranged !== undefined && ranged !== request.isRanged) return false
  return canSpoil(rule, request)
}

/** A rule about bodies waits for a request that has one; else a HEAD would use it up unseen. */
function canSpoil(rule: FaultRule, request: Spoilable): boolean {
  if (isMidBody(rule)) return request.method === 'GET' && request.key !== ''
  if (rule.kind === 'ignore-range' || rule.kind === 'wrong-range') {
    return request.isRanged && request.key !== ''
  }
  return !objectKinds.has(rule.kind) || request.key !== ''
}
