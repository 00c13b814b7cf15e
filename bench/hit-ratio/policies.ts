// What the memory tier is compared with, as plain as they can be written: how they decide is what
// counts here, not how fast.

/** Asks for an object, and says whether it was there. */
export type Policy = (id: number, bytes: number) => boolean

/** Sizes by id, oldest first. */
class Queue extends Map<number, number> {
  bytes = 0

  add(id: number, bytes: number): void {
    this.set(id, bytes)
    this.bytes += bytes
  }

  take(id: number): number {
    const bytes = this.get(id) ?? 0
    this.delete(id)
    this.bytes -= bytes
    return bytes
  }

  get oldest(): number | undefined {
    return this.keys().next().value
  }
}

export function lru(maxBytes: number): Policy {
  const held = new Queue()
  return (id, bytes) => {
    const isHit = held.has(id)
    if (isHit) held.take(id)
    held.add(id, bytes)
    while (held.bytes > maxBytes) held.take(held.oldest ?? id)
    return isHit
  }
}

/** Einziger, Friedman and Manes 2017, as Caffeine does it: a window of 1 %, main segmented 20:80. */
export function wTinyLfu(maxBytes: number): Policy {
  const [window, probation, guarded] = [new Queue(), new Queue(), new Queue()]
  const seen = new Map<number, number>()
  let sightings = 0
  const see = (id: number): void => {
    seen.set(id, Math.min(15, (seen.get(id) ?? 0) + 1))
    sightings += 1
    if (sightings < 10 * Math.max(100, window.size + probation.size + guarded.size)) return
    sightings /= 2
    for (const [other, count] of seen) {
      if (count === 1) seen.delete(other)
      else seen.set(other, count >>> 1)
    }
  }
  const use = (id: number): void => {
    if (probation.has(id)) guarded.add(id, probation.take(id))
    else if (guarded.has(id)) guarded.add(id, guarded.take(id))
    else window.add(id, window.take(id))
    while (guarded.bytes > 0.8 * 0.99 * maxBytes) {
      const id = guarded.oldest ?? 0
      probation.add(id, guarded.take(id))
    }
  }
  const challenge = (candidate: number): void => {
    while (window.bytes + probation.bytes + guarded.bytes > maxBytes) {
      const oldest = probation.oldest ?? candidate
      const victim = oldest === candidate ? (guarded.oldest ?? candidate) : oldest
      const isBetter = (seen.get(candidate) ?? 0) > (seen.get(victim) ?? 0)
      const loser = isBetter ? victim : candidate
      if (probation.has(loser)) probation.take(loser)
      else guarded.take(loser)
      if (loser === candidate) return
    }
  }
  return (id, bytes) => {
    see(id)
    const isHit = window.has(id) || probation.has(id) || guarded.has(id)
    if (isHit) use(id)
    else window.add(id, bytes)
    while (window.bytes > 0.01 * maxBytes) {
      const candidate = window.oldest ?? id
      probation.add(candidate, window.take(candidate))
      challenge(candidate)
    }
    return isHit
  }
}

/** Yang et al. 2023: a small queue of 10 %, a main queue, and a ghost of what left the small one. */
export function s3Fifo(maxBytes: number): Policy {
  const [small, main, ghost] = [new Queue(), new Queue(), new Queue()]
  const uses = new Map<number, number>()
  const evictMain = (): void => {
    for (;;) {
      const id = main.oldest
      if (id === undefined) return
      const count = uses.get(id) ?? 0
      const bytes = main.take(id)
      if (count === 0) {
        uses.delete(id)
        return
      }
      uses.set(id, count - 1)
      main.add(id, bytes)
    }
  }
  const evictSmall = (): void => {
    const id = small.oldest
    if (id === undefined) return
    const bytes = small.take(id)
    if ((uses.get(id) ?? 0) > 1) {
      uses.set(id, 0)
      main.add(id, bytes)
      return
    }
    uses.delete(id)
    ghost.add(id, bytes)
    while (ghost.bytes > 0.9 * maxBytes) ghost.take(ghost.oldest ?? id)
  }
  return (id, bytes) => {
    if (small.has(id) || main.has(id)) {
      uses.set(id, Math.min(3, (uses.get(id) ?? 0) + 1))
      return true
    }
    const wasHere = ghost.has(id)
    if (wasHere) ghost.take(id)
    uses.set(id, 0)
    ;(wasHere ? main : small).add(id, bytes)
    while (small.bytes + main.bytes > maxBytes) {
      if (small.bytes > 0.1 * maxBytes || main.size === 0) evictSmall()
      else evictMain()
    }
    return false
  }
}
