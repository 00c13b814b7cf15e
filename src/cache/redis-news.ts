// What the several ways of a thread to one Redis tell each other: where one has waited for an answer in
// vain, the others need not find out for themselves, at the cost of the same request.

import type { RedisConfig } from '../config/redis.ts'

interface Listener {
  readonly place: string
  /** Another has waited in vain. */
  readonly doubt: () => void
}

export class RedisNews {
  readonly #listeners = new Set<Listener>()

  listen(config: RedisConfig, doubt: () => void): Listener {
    const listener = { place: placeOf(config), doubt }
    this.#listeners.add(listener)
    return listener
  }

  leave(listener: Listener): void {
    this.#listeners.delete(listener)
  }

  /** To all others that lead to the same place. */
  tell(teller: Listener): void {
    for (const listener of this.#listeners) {
      if (listener !== teller && listener.place === teller.place) listener.doubt()
    }
  }
}

function placeOf({ url, sentinel, cluster }: RedisConfig): string {
  return JSON.stringify([url.reveal(), sentinel, cluster])
}
