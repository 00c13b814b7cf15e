// Facts that belong to no request. A capability is handed an `Emit` and knows no logger.

export type Event =
  | {
      readonly kind: 'breaker'
      readonly bucket: string
      readonly replica: string
      readonly state: string
    }
  | {
      readonly kind: 'replica-health'
      readonly bucket: string
      readonly replica: string
      readonly health: string
      readonly reason?: string
    }
  | {
      readonly kind: 'region-learned'
      readonly bucket: string
      readonly replica: string
      readonly region: string
    }
  | {
      readonly kind: 'worker-died'
      readonly worker: number
      readonly deaths: number
      readonly error: string
    }
  | { readonly kind: 'certificate-reloaded'; readonly certPath: string }
  | { readonly kind: 'certificate-rejected'; readonly certPath: string; readonly reason: string }
  | {
      readonly kind: 'operations-listener-absent'
      readonly address: string
      readonly reason: string
    }
  | {
      /** Connections that were closed before a request could be read. */
      readonly kind: 'proxy-protocol'
      readonly peer: string
      /** Of this one; it may stand for others that came since the last was told. */
      readonly reason: string
      readonly closed: number
    }
  | {
      readonly kind: 'tier'
      readonly tier: string
      readonly state: 'aside' | 'back'
      readonly reason: string
    }
  | AdminCall
  | {
      /** Of limits that all nodes share. */
      readonly kind: 'rate-limits'
      readonly state: 'aside' | 'back'
      readonly reason: string
    }
  | {
      /** Calls that were refused and not told one by one. */
      readonly kind: 'admin-refused'
      readonly count: number
    }
  | {
      /** It has ended. */
      readonly kind: 'prewarm'
      readonly task: string
      readonly bucket: string
      readonly status: string
      readonly reason?: string | undefined
      readonly done: number
      readonly failed: number
      readonly bytes: number
    }
  | {
      /** The keys of an issuer. */
      readonly kind: 'key-set'
      readonly url: string
      readonly state: 'loaded' | 'failed'
      readonly reason?: string | undefined
    }
  | {
      /** Whether OPA is asked what it decides for a bucket. */
      readonly kind: 'policy'
      readonly bucket: string
      readonly state: 'aside' | 'back'
      readonly reason: string
    }
  | {
      /** Whether a thread turns requests away, since it has too much to do. */
      readonly kind: 'overload'
      readonly state: 'shedding' | 'back'
      readonly event_loop_delay_ms: number
    }
  | {
      /** Whether spans reach their collector. */
      readonly kind: 'tracing'
      readonly state: 'aside' | 'back'
      readonly reason: string
    }
  | {
      /** Where audit records go. */
      readonly kind: 'audit'
      readonly sink: string
      /** `failing`: they wait; `losing`: they are lost. */
      readonly state: 'failing' | 'losing' | 'back'
      readonly reason?: string
      readonly lost: number
    }
  | {
      /** In all threads. */
      readonly kind: 'config-reloaded'
      readonly trigger: string
      readonly generation: number
      readonly changes: number
      /** What is odd about it and no reason to refuse it. */
      readonly warnings?: readonly string[] | undefined
    }
  | {
      /** The one before stays in force. */
      readonly kind: 'config-refused'
      readonly trigger: string
      readonly generation: number
      readonly problems: readonly string[]
    }
  | { readonly kind: 'draining'; readonly reason: string }
  | { readonly kind: 'drained'; readonly cut: number }
  | { readonly kind: 'bug'; readonly error: unknown; readonly requestId?: string }

/** What an operator, or somebody who is none, called for. */
export interface AdminCall {
  readonly kind: 'admin'
  readonly call: string
  /** Method and path, for the audit log. */
  readonly asked?: string
  /** What was to be done. */
  readonly rule?: string | undefined
  readonly outcome: 'done' | 'refused' | 'failed'
  readonly status: number
  /** The code of the refusal. */
  readonly error?: string | undefined
  /** Undefined where nobody was known. */
  readonly role: string | undefined
  readonly subject: string | undefined
  readonly clientIp: string
  readonly requestId: string
  /** One refusal too many: for the audit log, and not for the log. */
  readonly isUntold?: boolean
}

export type Emit = (event: Event) => void
