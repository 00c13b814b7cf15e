// A circuit breaker as arithmetic on plain state. Time is an argument. Every admission is given
// back by exactly one `settle`, whatever became of it, so a probe slot cannot leak.

export interface BreakerPolicy {
  readonly failureThreshold: number
  readonly successThreshold: number
  readonly openMs: number
  readonly halfOpenMaxRequests: number
}

export type BreakerState = 'closed' | 'open' | 'half-open'
export type Outcome = 'success' | 'failure' | 'neutral'

export interface Breaker {
  state: BreakerState
  failures: number
  successes: number
  probesInFlight: number
  openUntil: number
  /** Grows with each change of state: a request admitted before a change has no say after it. */
  epoch: number
}

/** What was admitted, and under which epoch: handed back to `settle`. */
export interface Admission {
  readonly epoch: number
}

export function createBreaker(): Breaker {
  return { state: 'closed', failures: 0, successes: 0, probesInFlight: 0, openUntil: 0, epoch: 0 }
}

export function wouldAdmit(breaker: Breaker, policy: BreakerPolicy, now: number): boolean {
  if (breaker.state === 'closed') return true
  if (breaker.state === 'open') return now >= breaker.openUntil
  return breaker.probesInFlight < policy.halfOpenMaxRequests
}

export function admit(breaker: Breaker, policy: BreakerPolicy, now: number): Admission | undefined {
  if (!wouldAdmit(breaker, policy, now)) return undefined
  if (breaker.state === 'open') change(breaker, 'half-open')
  if (breaker.state === 'half-open') breaker.probesInFlight += 1
  return { epoch: breaker.epoch }
}

/** True when the outcome changed the state. */
export function settle(
  breaker: Breaker,
  policy: BreakerPolicy,
  { admission, outcome, now }: { admission: Admission; outcome: Outcome; now: number },
): boolean {
  if (admission.epoch !== breaker.epoch) return false
  if (breaker.state === 'half-open') breaker.probesInFlight -= 1
  if (outcome === 'neutral') return false
  return outcome === 'failure' ? fail(breaker, policy, now) : succeed(breaker, policy)
}

/** How long until an open breaker lets a probe through; 0 when it would now. */
export function openForMs(breaker: Breaker, now: number): number {
  return breaker.state === 'open' ? Math.max(0, breaker.openUntil - now) : 0
}

function fail(breaker: Breaker, policy: BreakerPolicy, now: number): boolean {
  breaker.failures += 1
  if (breaker.state === 'closed' && breaker.failures < policy.failureThreshold) return false
  change(breaker, 'open')
  breaker.openUntil = now + policy.openMs
  return true
}

function succeed(breaker: Breaker, policy: BreakerPolicy): boolean {
  breaker.failures = 0
  if (breaker.state !== 'half-open') return false
  breaker.successes += 1
  if (breaker.successes < policy.successThreshold) return false
  change(breaker, 'closed')
  return true
}

function change(breaker: Breaker, state: BreakerState): void {
  breaker.state = state
  breaker.failures = 0
  breaker.successes = 0
  breaker.probesInFlight = 0
  breaker.epoch += 1
}
