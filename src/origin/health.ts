// Active probes: each replica is asked at an interval whether it still answers, and a few results
// in a row change what is believed of it. The first result is believed at once. Of several threads one
// asks, and all believe it; another takes its place when it leaves, or does not ask any more.

import { Cancellation } from '../primitives/cancel.ts'
import type { HealthCheckConfig } from '../config/s3.ts'
import type { Emit } from '../exchange/event.ts'
import type { Health } from './replica-record.ts'
import type { Replica } from './replica.ts'

/** Beyond the interval and the patience of a probe: who has not asked for so long does not. */
const LATE_MS = 2000

export class HealthCheck {
  readonly #replica: Replica
  readonly #config: HealthCheckConfig
  readonly #bucket: string
  readonly #emit: Emit
  readonly #stopped = new Cancellation()
  #timer: NodeJS.Timeout | undefined
  #streak = 0

  constructor(replica: Replica, config: HealthCheckConfig, bucket: string, emit: Emit) {
    this.#replica = replica
    this.#config = config
    this.#bucket = bucket
    this.#emit = emit
  }

  /** Settles with the first result, whoever asked for it. */
  async start(): Promise<void> {
    await this.#round()
    await this.#replica.probing.known(() => !this.#stopped.isCancelled)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#stopped.cancel()
    this.#replica.probing.leaveProbing(this)
  }

  async #round(): Promise<void> {
    const { timeoutMs, intervalMs } = this.#config
    if (this.#replica.probing.mayProbe(this, intervalMs + timeoutMs + LATE_MS)) await this.#probe()
    if (this.#stopped.isCancelled) return
    this.#timer = setTimeout(() => void this.#round(), intervalMs).unref()
  }

  async #probe(): Promise<void> {
    const { key, timeoutMs } = this.#config
    const stopped = this.#stopped
    try {
      await this.#replica.probe(key, { timeoutMs, signal: stopped })
      this.#learn(true)
    } catch (error) {
      // The error is the result: whatever it is, the replica did not answer as it should.
      const reason = error instanceof Error ? error.message : String(error)
      if (!stopped.isCancelled) this.#learn(false, reason)
    }
  }

  #learn(isGood: boolean, reason?: string): void {
    const replica = this.#replica
    const seen: Health = isGood ? 'healthy' : 'unhealthy'
    this.#streak = seen === replica.probed ? 0 : this.#streak + 1
    const threshold = isGood ? this.#config.healthyThreshold : this.#config.unhealthyThreshold
    if (seen === replica.probed || (replica.probed !== 'probing' && this.#streak < threshold))
      return
    replica.probed = seen
    this.#streak = 0
    const event = { bucket: this.#bucket, replica: replica.name, health: seen }
    this.#emit({ kind: 'replica-health', ...event, ...(reason === undefined ? {} : { reason }) })
  }
}
