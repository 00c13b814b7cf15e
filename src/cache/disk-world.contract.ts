// The world that the disk tier is tested in: a folder, a clock, and what was told.

import assert from 'node:assert/strict'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { Event } from '../exchange/event.ts'
import { openDiskTier } from './disk-tier.ts'
import type { DiskTier, DiskTierOptions } from './disk-tier.ts'
import { patternBytes, sliceEntry, START } from './entries.contract.ts'
import type { SliceEntry } from './tier.ts'

const MIB = 1024 * 1024
const DEADLINE_MS = 20_000

export interface World {
  readonly folder: string
  readonly events: Event[]
  readonly clock: { now: number }
  readonly open: (given?: Partial<DiskTierOptions>) => DiskTier
}

/** A folder that goes with the test, and tiers on it that are closed before. */
export function worldOf(
  t: TestContext,
  folder = mkdtempSync(join(tmpdir(), 'sluice-disk-')),
): World {
  const events: Event[] = []
  const clock = { now: START }
  const opened: DiskTier[] = []
  t.after(async () => {
    for (const tier of opened) await tier.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const open = (given: Partial<DiskTierOptions> = {}): DiskTier => {
    const now = (): number => clock.now
    const emit = (event: Event): void => void events.push(event)
    const tier = openDiskTier({ folder, maxBytes: 64 * MIB, now, emit, tendMs: 20, ...given })
    opened.push(tier)
    return tier
  }
  return { folder, events, clock, open }
}

export function slice(seed: number, length = 100_000): SliceEntry {
  return sliceEntry(patternBytes(length, seed))
}

export function filesIn(folder: string): string[] {
  return globSync('??/*', { cwd: folder }).toSorted()
}

export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = performance.now() + DEADLINE_MS; performance.now() < end;) {
    if (await isSo()) return
    await nextTurn()
  }
  assert.fail(`in time, ${what}`)
}

export function states(events: readonly Event[]): string[] {
  return events.map((event) => (event.kind === 'tier' ? event.state : event.kind))
}
