// OPA gave no decision. No client sees one: it becomes a refusal, or is let through, as the bucket says.

/**
 * `away`: it did not answer, as it would not answer others either. `answer`: it did, and what came is
 * no decision on this input. `cancelled`: nobody waits any more.
 */
export type PolicyFailureKind = 'away' | 'answer' | 'cancelled'

export class PolicyFailure extends Error {
  readonly kind: PolicyFailureKind

  constructor(kind: PolicyFailureKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'PolicyFailure'
    this.kind = kind
  }
}
