// Credentials that end: loaded when first wanted, renewed in the background before they expire,
// and asked for by one flight at a time, at most once a second, however many requests want them.

import type { Credentials } from './sign.ts'

export interface LoadedCredentials {
  readonly credentials: Credentials
  /** Epoch ms; infinite for credentials that do not end. */
  readonly expiresAt: number
}

const renewBeforeMs = 5 * 60_000
const pauseMs = 1000

export class RenewedCredentials {
  readonly #load: () => Promise<LoadedCredentials>
  #held: LoadedCredentials | undefined
  #renewAt = Number.POSITIVE_INFINITY
  #isTurnedDown = false
  #flight: Promise<Credentials> | undefined
  #failure: Error | undefined
  // A load has no clock of its own: it ends at the latest instant any caller has told.
  #toldAt = Number.NEGATIVE_INFINITY
  #endedAt = Number.NEGATIVE_INFINITY

  constructor(load: () => Promise<LoadedCredentials>) {
    this.#load = load
  }

  get(now: number): Credentials | Promise<Credentials> {
    this.#toldAt = now
    const held = this.#held
    if (held === undefined || held.expiresAt <= now) return this.#obtain(now)

    if (this.#isTurnedDown && this.#mayLoad(now)) {
      // S3 may have been wrong, or only one replica's S3: what is held beats an error.
      return this.#fly().catch(() => held.credentials)
    }
    if (now >= this.#renewAt && this.#mayLoad(now)) {
      // Nobody waits for this flight: its failure is kept, and tried again after the pause.
      this.#fly().catch(() => undefined)
    }
    return held.credentials
  }

  invalidate(): void {
    this.#isTurnedDown = true
  }

  #obtain(now: number): Promise<Credentials> {
    if (this.#failure !== undefined && !this.#mayLoad(now)) return Promise.reject(this.#failure)
    return this.#fly()
  }

  #mayLoad(now: number): boolean {
    // By distance, so that a clock set back does not lengthen the pause.
    return this.#flight !== undefined || Math.abs(now - this.#endedAt) >= pauseMs
  }

  #fly(): Promise<Credentials> {
    this.#flight ??= this.#renew().finally(() => {
      this.#flight = undefined
    })
    return this.#flight
  }

  async #renew(): Promise<Credentials> {
    try {
      const loaded = await this.#load()
      const remainingMs = loaded.expiresAt - this.#toldAt
      if (remainingMs <= 0) throw new Error('the credentials that were given have expired already')

      // Half of a short life, so that keys given late in theirs are not asked for in a loop.
      this.#renewAt = loaded.expiresAt - Math.min(renewBeforeMs, remainingMs / 2)
      this.#held = loaded
      this.#isTurnedDown = false
      this.#failure = undefined
      return loaded.credentials
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error('credentials could not be loaded')
      throw this.#failure
    } finally {
      this.#endedAt = this.#toldAt
    }
  }
}
