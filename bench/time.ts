// How long a step takes, alone: nanoseconds of one call, in the best of several rounds, since the
// others were disturbed.

const ROUNDS = 9
const ROUND_MS = 40
export const BATCH = 1000

/** Keeps results alive: a loop whose results nobody uses may be left out by the compiler. */
let kept: unknown

export function time(step: (turn: number) => unknown): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedAt = performance.now()
    let calls = 0
    let elapsedMs = 0
    while (elapsedMs < ROUND_MS) {
      for (let turn = 0; turn < BATCH; turn += 1) kept = step(turn)
      calls += BATCH
      elapsedMs = performance.now() - startedAt
    }
    best = Math.min(best, (elapsedMs * 1e6) / calls)
  }
  return best
}

/** Of a step that is waited for, and that is another one every time: a round begins with `open`. */
export async function timeFirst(
  open: () => (turn: number) => unknown,
  turns: number,
): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round += 1) {
    const step = open()
    const startedAt = performance.now()
    for (let turn = 0; turn < turns; turn += 1) kept = await step(turn)
    best = Math.min(best, ((performance.now() - startedAt) * 1e6) / turns)
  }
  return best
}

export function nothingWasTimed(): boolean {
  return kept === undefined
}
