// What a policy made of a request: plain data, for the log and its like, and never for the client.

export interface PolicyFact {
  /** `error`: it could not be asked, and `fail_mode` decided. */
  readonly decision: 'allow' | 'deny' | 'error'
  /** In the policy's words, or what went wrong. */
  readonly reason: string | undefined
  /** It had been decided for an earlier request of the same input. */
  readonly isRemembered: boolean
  /** Monotonic ms, of a question that was waited for. */
  readonly asked?: { readonly from: number; readonly until: number } | undefined
}
