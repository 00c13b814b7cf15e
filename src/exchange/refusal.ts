// Every way we say no, in one table: the same word stands in the body, the log and later the
// metric. A refusal is thrown by the step that says no and becomes a reply in one place.

import type { PolicyFact } from './policy-fact.ts'

const TABLE = {
  invalid_path: [400, 'The path of the request is not valid.'],
  invalid_request: [400, 'The request is not valid.'],
  token_missing: [401, 'A token is needed.'],
  token_invalid: [401, 'The token is not valid.'],
  address_denied: [403, 'Nothing is served to this address.'],
  token_expired: [401, 'The token has expired.'],
  claims_denied: [403, 'The token does not allow this.'],
  policy_denied: [403, 'The policy does not allow this.'],
  signature_invalid: [403, 'The address is not signed for this.'],
  signature_expired: [403, 'The signature of the address has expired.'],
  origin_forbidden: [403, 'The object may not be read.'],
  no_route: [404, 'Nothing is served at this path.'],
  not_found: [404, 'The object does not exist.'],
  method_not_allowed: [405, 'Only GET, HEAD and OPTIONS are answered.'],
  precondition_failed: [412, 'A precondition of the request does not hold.'],
  uri_too_long: [414, 'The request target is too long.'],
  range_not_satisfiable: [416, 'No asked range lies within the object.'],
  rate_limited: [429, 'There were too many requests.'],
  headers_too_large: [431, 'The header fields of the request are too large.'],
  internal_error: [500, 'The request could not be answered.'],
  origin_failed: [502, 'The storage behind this path failed.'],
  origin_misconfigured: [502, 'The storage behind this path is not set up correctly.'],
  origin_unavailable: [503, 'The storage behind this path cannot be reached.'],
  policy_unavailable: [503, 'Access cannot be decided at the moment.'],
  draining: [503, 'The server is about to end.'],
  too_busy: [503, 'There is too much to do already.'],
  origin_timeout: [504, 'The storage behind this path did not answer in time.'],
} as const

export type RefusalCode = keyof typeof TABLE

export interface RefusalDetails {
  /** Flat name, value… added to the answer. */
  readonly headers?: readonly string[]
  /** What really happened, for the log; never sent. */
  readonly cause?: unknown
  /** A public sentence truer than the table's. */
  readonly message?: string
  /** Who is refused, where that is known. */
  readonly user?: string | undefined
  /** What a policy had to do with it. */
  readonly policy?: PolicyFact | undefined
}

export class Refusal extends Error {
  readonly code: RefusalCode
  readonly status: number
  readonly headers: readonly string[]
  readonly user: string | undefined
  readonly policy: PolicyFact | undefined

  constructor(code: RefusalCode, details: RefusalDetails = {}) {
    super(details.message ?? TABLE[code][1], { cause: details.cause })
    this.name = 'Refusal'
    this.code = code
    this.status = TABLE[code][0]
    this.headers = details.headers ?? []
    this.user = details.user
    this.policy = details.policy
  }
}

/** Seconds as `Retry-After` wants them: whole, and never before the time is really up. */
export function retryAfter(ms: number): readonly string[] {
  return ['Retry-After', String(Math.max(1, Math.ceil(ms / 1000)))]
}
