// Renewing what is stale: one question for all who want the same object, on behalf of none of
// them, since what it learns serves the next one. While it fails it is asked seldom.

import { now } from '../primitives/clock.ts'
import { OriginFailure } from '../origin/origin.ts'
import { NotedInstants } from './noted-instants.ts'

const RETRY_MS = 1000

export class Renewals<T> {
  readonly #running = new Map<string, Promise<T>>()
  readonly #failed = new NotedInstants()

  isRunning(name: string): boolean {
    return this.#running.has(name)
  }

  hasJustFailed(name: string): boolean {
    return this.#failed.isWithin(name, RETRY_MS, now())
  }

  renew(name: string, ask: () => Promise<T>): Promise<T> {
    const running = this.#running.get(name)
    if (running !== undefined) return running
    const renewal = ask()
    this.#running.set(name, renewal)
    const succeed = (): void => {
      this.#running.delete(name)
      this.#failed.forget(name)
    }
    const fail = (error: unknown): void => {
      this.#running.delete(name)
      // A no is an answer: the origin is there.
      if (error instanceof OriginFailure) this.#failed.note(name, now())
    }
    renewal.then(succeed, fail)
    return renewal
  }
}

/** Undefined when it takes longer than that; 0 is as long as it takes. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  if (ms <= 0) return promise
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms)
  })
  try {
    return await Promise.race([promise, patience])
  } finally {
    clearTimeout(timer)
  }
}
