// Looking something up in memory: the name is made, hashed and found, among as many as a cache of
// small objects has.

import { headKey } from '../src/cache/key.ts'
import { MemoryTier } from '../src/cache/memory-tier.ts'
import { headEntry } from '../src/cache/entries.contract.ts'
import { BATCH } from './time.ts'
import type { Step } from './time.ts'

const ENTRIES = 20_000
const ORIGIN = 'R2nH0b1m9aQyT3sVxkWc4d'
/** Coprime to the number of entries: each turn lands far from the last one. */
const STRIDE = 7919

export function cacheSteps(): Step[] {
  return [{ name: 'memory lookup, of 20 000', budgetNs: 300, run: lookup() }]
}

function lookup(): (turn: number) => unknown {
  const now = Date.now()
  const tier = new MemoryTier({ maxBytes: 256 * 1024 * 1024, now: () => now })
  const keepUntil = now + 3_600_000
  for (let index = 0; index < ENTRIES; index += 1) {
    tier.put(headKey(ORIGIN, objectKey(index), undefined), headEntry({ keepUntil }))
  }
  const asked = Array.from({ length: BATCH }, (_, turn) => objectKey((turn * STRIDE) % ENTRIES))
  if (asked.some((key) => tier.get(headKey(ORIGIN, key, undefined), now) === undefined)) {
    throw new Error('what was put is not found')
  }
  return (turn) => tier.get(headKey(ORIGIN, asked[turn] ?? '', undefined), now)
}

function objectKey(index: number): string {
  return `images/2024/${index % 100}/picture-${index}.jpg`
}
