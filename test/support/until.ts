// For what becomes true by itself, and says nothing when it does.

import { setTimeout as after } from 'node:timers/promises'

const PATIENCE_MS = 20_000
const LOOK_MS = 20

/** Asks again until the answer is the wished-for one. */
export async function until<Value>(
  what: string,
  ask: () => Promise<Value>,
  isIt: (value: Value) => boolean,
  patienceMs: number = PATIENCE_MS,
): Promise<Value> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    const value = await ask()
    if (isIt(value)) return value
    if (performance.now() > deadline) {
      throw new Error(`${what}: not in ${patienceMs} ms, but ${JSON.stringify(value)}`)
    }
    await after(LOOK_MS)
  }
}
