// The origin let us down. No client ever sees one: a failure is either overcome by another
// attempt or turned into a refusal.

export const FAILURE_KINDS = [
  'connect',
  'dns',
  'tls',
  'reset',
  'timeout',
  'stall',
  'truncated',
  'protocol',
  'server-error',
  'throttled',
  'misconfigured',
  'credentials',
  'other-version',
  'unavailable',
  'busy',
  'cancelled',
] as const

export type FailureKind = (typeof FAILURE_KINDS)[number]

export interface FailureDetails {
  readonly status?: number | undefined
  readonly code?: string | undefined
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

export class OriginFailure extends Error {
  readonly kind: FailureKind
  readonly status: number | undefined
  /** S3's own error code, or Node's. */
  readonly code: string | undefined
  /** How long it is known to last, where an open breaker knows. */
  readonly retryAfterMs: number

  constructor(kind: FailureKind, message: string, details: FailureDetails = {}) {
    super(message, { cause: details.cause })
    this.name = 'OriginFailure'
    this.kind = kind
    this.status = details.status
    this.code = details.code
    this.retryAfterMs = details.retryAfterMs ?? 0
  }
}

/** Whether it speaks against the replica. A version that differs is nobody's fault. */
export function blamesReplica({ kind }: OriginFailure): boolean {
  return kind !== 'other-version' && kind !== 'cancelled' && kind !== 'busy'
}

/** Nobody was asked: it says less than what went wrong before. */
export function askedNobody({ kind }: OriginFailure): boolean {
  return kind === 'unavailable' || kind === 'busy'
}

const DNS_CODES = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA', 'EAI_NONAME'])
const TIMEOUT_CODES = new Set(['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT'])
const CONNECT_CODES = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL'])
const RESET_CODES = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'ECONNABORTED'])

/** What the transport threw, in our words. */
export function failureFrom(error: unknown): OriginFailure {
  if (error instanceof OriginFailure) return error
  const code = codeOf(error)
  const message = error instanceof Error ? error.message : String(error)
  return new OriginFailure(kindOf(code, message), message, { code, cause: error })
}

function kindOf(code: string, message: string): FailureKind {
  if (DNS_CODES.has(code)) return 'dns'
  if (TIMEOUT_CODES.has(code)) return 'timeout'
  if (CONNECT_CODES.has(code)) return 'connect'
  if (code === 'UND_ERR_BODY_TIMEOUT') return 'stall'
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') return 'truncated'
  if (RESET_CODES.has(code)) return 'reset'
  if (/TLS|SSL|CERT|SELF_SIGNED|VERIFY|SIGNATURE/.test(code)) return 'tls'
  if (code === 'UND_ERR_HEADERS_OVERFLOW' || code.startsWith('HPE_')) return 'protocol'
  return /certificate/i.test(message) ? 'tls' : 'reset'
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  if ('code' in error && typeof error.code === 'string') return error.code
  // What is not HTTP at all: undici means to give the parser's code, and gives none.
  if (error.name === 'HTTPParserError') return 'HPE_INVALID'
  // Several addresses tried at once fail as one; the first tells as much as any.
  if (error instanceof AggregateError) return codeOf(error.errors[0])
  return codeOf(error.cause)
}
