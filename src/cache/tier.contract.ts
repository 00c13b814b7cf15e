// What every tier is held to: the one suite that memory, disk and Redis pass.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import {
  assertSameEntry,
  factsOf,
  headEntry,
  patternBytes,
  sliceEntry,
  START,
} from './entries.contract.ts'
import { ownBytes } from './tier.ts'
import type { EntryFacts, Tier } from './tier.ts'

export interface TierWorld {
  readonly maxBytes: number
  readonly now: () => number
}

/** Opens an empty tier; `close` also removes what it stood on. */
export type OpenTier = (world: TierWorld) => Promise<{ tier: Tier; close: () => Promise<void> }>

export interface TierTraits {
  /** Keeps within `maxBytes` by itself, and knows its entries and bytes. Redis bounds itself. */
  readonly isBounded: boolean
  /** What was used longest ago goes first, with no other thought. */
  readonly isPlainLru: boolean
}

const ROOMY = 8 * 1024 * 1024
const SMALL = 256 * 1024

interface Opened {
  readonly tier: Tier
  /** The clock of the tier's world: a test moves it. */
  readonly clock: { now: number }
}

export function tierContract(name: string, open: OpenTier, traits: TierTraits): void {
  const promise = promiseOf(open)
  describe(`the ${name} tier`, () => {
    keepsEntries(promise)
    forgetsEntries(promise)
    standsConcurrency(promise)
    if (traits.isBounded) staysBounded(promise, traits)
  })
}

type PromiseOf = (
  sentence: string,
  keep: (opened: Opened) => Promise<void>,
  maxBytes?: number,
) => void

function promiseOf(open: OpenTier): PromiseOf {
  return (sentence, keep, maxBytes = ROOMY) => {
    test(sentence, async () => {
      const clock = { now: START }
      const { tier, close } = await open({ maxBytes, now: () => clock.now })
      try {
        await keep({ tier, clock })
      } finally {
        await close()
      }
    })
  }
}

function keepsEntries(promise: PromiseOf): void {
  promise('knows nothing at first', async ({ tier }) => {
    assert.equal(await tier.get('key'), undefined)
  })

  promise('gives back a head as it was put', async ({ tier }) => {
    await tier.put('key', headEntry())
    assertSameEntry(await tier.get('key'), headEntry())
  })

  promise('gives back the knowledge that there is no object', async ({ tier }) => {
    const { stored } = headEntry()
    const absent = headEntry({
      stored: { ...stored, outcome: 'absent', head: { ...stored.head, size: undefined } },
    })
    await tier.put('key', absent)
    assertSameEntry(await tier.get('key'), absent)
  })

  promise('gives back slices of any size byte for byte', async ({ tier }) => {
    const lengths = [0, 1, 1000, 65_535, 65_536, 65_537, 1024 * 1024]
    for (const length of lengths) {
      await tier.put(`of ${length}`, sliceEntry(patternBytes(length, length)))
    }
    for (const length of lengths) {
      assertSameEntry(await tier.get(`of ${length}`), sliceEntry(patternBytes(length, length)))
    }
  })

  promise('takes any text for a key, and tells keys apart', async ({ tier }) => {
    const keys = oddKeys()
    for (const [seed, key] of keys.entries()) {
      await tier.put(key, sliceEntry(patternBytes(100, seed), { objectKey: key }))
    }
    for (const [seed, key] of keys.entries()) {
      const wanted = sliceEntry(patternBytes(100, seed), { objectKey: key })
      assertSameEntry(await tier.get(key), wanted)
    }
  })

  promise('replaces what was put before', async ({ tier }) => {
    await tier.put('key', sliceEntry(patternBytes(100_000, 1)))
    await tier.put('key', sliceEntry(patternBytes(50, 2)))
    assertSameEntry(await tier.get('key'), sliceEntry(patternBytes(50, 2)))
    await tier.put('key', headEntry())
    assertSameEntry(await tier.get('key'), headEntry())
    await tier.put('key', sliceEntry(patternBytes(200_000, 3)))
    assertSameEntry(await tier.get('key'), sliceEntry(patternBytes(200_000, 3)))
  })

  promise('shows what it has to who looks, and counts no use', async ({ tier, clock }) => {
    await tier.put('head', headEntry())
    await tier.put('slice', sliceEntry(patternBytes(100, 1)))
    const counted = (): object => {
      const { hits, misses, evictions, errors } = tier.stats()
      return { hits, misses, evictions, errors }
    }
    const before = counted()
    assertSameEntry(await tier.peek('head'), headEntry())
    const slice = await tier.peek('slice')
    assert.deepEqual([slice?.kind, slice?.objectKey], ['slice', 'folder/file.txt'])
    assert.equal(await tier.peek('other'), undefined)
    assert.deepEqual(
      await tier.haveAll?.(['slice', 'other', 'head']),
      tier.haveAll && [true, false, true],
    )
    clock.now = START + 3_600_001
    assert.equal(await tier.peek('head'), undefined)
    assert.deepEqual(counted(), before)
  })

  promise('counts hits and misses', async ({ tier }) => {
    await tier.put('key', headEntry())
    await tier.put('slice', sliceEntry(patternBytes(100_000, 1)))
    for (const key of ['key', 'slice', 'slice', 'nothing', 'key', 'never']) await tier.get(key)
    const { hits, misses, errors } = tier.stats()
    assert.deepEqual({ hits, misses, errors }, { hits: 4, misses: 2, errors: 0 })
  })
}

function forgetsEntries(promise: PromiseOf): void {
  promise('forgets what is removed, and nothing else', async ({ tier }) => {
    await tier.put('goes', sliceEntry(patternBytes(100_000, 1)))
    await tier.put('goes too', headEntry())
    await tier.put('stays', headEntry())
    await tier.remove('goes')
    await tier.remove('goes too')
    await tier.remove('never was')
    assert.equal(await tier.get('goes'), undefined)
    assert.equal(await tier.get('goes too'), undefined)
    assertSameEntry(await tier.get('stays'), headEntry())
  })

  promise('does not give what may be forgotten by now', async ({ tier, clock }) => {
    await tier.put('head', headEntry({ keepUntil: START + 60_000 }))
    await tier.put('slice', sliceEntry(patternBytes(100_000, 1), { keepUntil: START + 60_000 }))
    clock.now = START + 59_999
    assert.ok(await tier.get('head'))
    assert.ok(await tier.get('slice'))
    clock.now = START + 60_001
    assert.equal(await tier.get('head'), undefined)
    assert.equal(await tier.get('slice'), undefined)
  })

  promise('does not give what was too old when it was put', async ({ tier }) => {
    await tier.put('key', headEntry({ keepUntil: START + 1000 }))
    await tier.put('key', headEntry({ keepUntil: START - 1 }))
    assert.equal(await tier.get('key'), undefined)
  })

  promise('frees what a sweep matches by its facts, and says how much', async ({ tier }) => {
    const seen = await putShelf(tier)
    const swept = await tier.sweep(isCat)
    assert.equal(swept.entries, 20)
    assert.ok(swept.bytes >= 20 * 10_000, `${swept.bytes} bytes`)
    for (const [key, facts] of seen) {
      assert.equal((await tier.get(key)) === undefined, isCat(facts), key)
    }
    assert.deepEqual(await tier.sweep(isCat), { entries: 0, bytes: 0 })
  })

  promise('counts what a sweep would free, and frees nothing', async ({ tier }) => {
    const seen = await putShelf(tier)
    const counted = await tier.count(isCat)
    assert.deepEqual(await tier.count(isCat), counted)
    for (const key of seen.keys()) assert.ok(await tier.get(key), key)
    assert.deepEqual(await tier.sweep(isCat), counted)
  })

  promise('shows a sweep every fact as it was put', async ({ tier }) => {
    const tags = ['a b', 'ü', '日本', '"']
    const facts = { bucket: 'assets', objectKey: 'ü/\u0001/日本', tags, objectBytes: 5e12 }
    await tier.put('key', sliceEntry(patternBytes(10, 1), facts))
    const seen: EntryFacts[] = []
    await tier.count((facts) => seen.push(factsOf(facts)) > 0)
    assert.deepEqual(seen, [factsOf(facts)])
  })
}

function standsConcurrency(promise: PromiseOf): void {
  promise('does not mix the bytes of puts, gets and removes of one key at once', async (opened) => {
    const { tier } = opened
    const sizes = [90_000, 100, 70_000, 65_536, 5]
    const jobs: Promise<void>[] = []
    for (let round = 0; round < 60; round += 1) {
      const length = sizes[round % sizes.length] ?? 1
      jobs.push(settled(tier.put('key', sliceEntry(patternBytes(length, length)))))
      if (round % 7 === 3) jobs.push(settled(tier.remove('key')))
      jobs.push(readWhole(tier))
      if (round % 10 === 9) await Promise.all(jobs)
    }
    await Promise.all(jobs)
    await readWhole(tier)
    assert.equal(tier.stats().errors, 0)
  })

  promise('puts never reject, not even after the end, which may come twice', async ({ tier }) => {
    await tier.put('key', headEntry())
    const late = tier.put('late', sliceEntry(patternBytes(100_000, 1)))
    await tier.close()
    await late
    await tier.close()
    await tier.put('key', headEntry())
    await tier.put('slice', sliceEntry(patternBytes(100_000, 1)))
    await tier.remove('key')
    assert.equal(await tier.get('slice'), undefined)
    assert.deepEqual(await tier.sweep(() => true), { entries: 0, bytes: 0 })
    tier.stats()
  })
}

function staysBounded(promise: PromiseOf, { isPlainLru }: TierTraits): void {
  promise('knows its entries and bytes, through overwrites and removals', async ({ tier }) => {
    await tier.put('a', sliceEntry(patternBytes(100_000, 1)))
    const one = tier.stats()
    assert.equal(one.entries, 1)
    assert.ok(one.bytes >= 100_000 && one.bytes < 120_000, `${one.bytes} bytes`)
    await tier.put('b', headEntry())
    await tier.put('b', sliceEntry(patternBytes(30_000, 1)))
    await tier.put('b', headEntry())
    await tier.remove('a')
    assert.equal(tier.stats().entries, 1)
    assert.ok(tier.stats().bytes < 8192, `${tier.stats().bytes} bytes`)
    await tier.remove('b')
    const { entries, bytes } = tier.stats()
    assert.deepEqual({ entries, bytes }, { entries: 0, bytes: 0 })
  })

  const overflow = 'never holds more than its bytes, and counts what it evicts'
  const fill = async ({ tier }: Opened): Promise<void> => {
    for (let seed = 0; seed < 150; seed += 1) {
      const length = [1000, 7000, 20_000, 70_000][seed % 4] ?? 0
      await tier.put(`key ${seed}`, sliceEntry(patternBytes(length, seed)))
      assert.ok(tier.stats().bytes <= SMALL, `${tier.stats().bytes} bytes after ${seed}`)
    }
    const { entries, bytes, evictions } = tier.stats()
    assert.ok(bytes > SMALL / 2, `only ${bytes} bytes are used`)
    assert.equal(entries + evictions, 150)
    for (let seed = 0; seed < 150; seed += 1) {
      const found = await tier.get(`key ${seed}`)
      const length = [1000, 7000, 20_000, 70_000][seed % 4] ?? 0
      if (found !== undefined) assertSameEntry(found, sliceEntry(patternBytes(length, seed)))
    }
    assert.equal(tier.stats().hits, entries)
  }
  promise(overflow, fill, SMALL)

  const many = 'stays within its bytes when everything is put at once'
  const crowd = async ({ tier }: Opened): Promise<void> => {
    const puts = Array.from({ length: 100 }, (_, seed) =>
      settled(tier.put(`key ${seed}`, sliceEntry(patternBytes(9000, seed)))),
    )
    await Promise.all(puts)
    const { bytes, entries } = tier.stats()
    assert.ok(bytes <= SMALL && entries > 0, `${entries} entries of ${bytes} bytes`)
  }
  promise(many, crowd, SMALL)

  const giant = 'does not keep what is larger than itself, nor what that would have replaced'
  const refuse = async ({ tier }: Opened): Promise<void> => {
    await tier.put('small', headEntry())
    await tier.put('giant', headEntry())
    await tier.put('giant', sliceEntry(patternBytes(2 * SMALL, 1)))
    assert.equal(await tier.get('giant'), undefined)
    assertSameEntry(await tier.get('small'), headEntry())
    assert.ok(tier.stats().bytes <= SMALL)
  }
  promise(giant, refuse, SMALL)

  if (!isPlainLru) return
  const recency = 'evicts what was used longest ago'
  const age = async ({ tier, clock }: Opened): Promise<void> => {
    for (let seed = 0; seed < 20; seed += 1) {
      clock.now += 1000
      await tier.put(`key ${seed}`, sliceEntry(patternBytes(10_000, seed)))
    }
    clock.now += 120_000
    assert.ok(await tier.get('key 0'))
    for (let seed = 20; seed < 30; seed += 1) {
      clock.now += 1000
      await tier.put(`key ${seed}`, sliceEntry(patternBytes(10_000, seed)))
    }
    assert.ok(await tier.get('key 0'), 'what was just used is gone')
    assert.equal(await tier.get('key 1'), undefined)
    assert.ok(await tier.get('key 29'))
  }
  promise(recency, age, SMALL)
}

function oddKeys(): string[] {
  const plain = ['', ' ', 'a', 'A', 'a/', '/a', '../a', 'a\0', 'a\0b', '\0', '%00', "'; --"]
  const beyond = ['\u00e9', 'e\u0301', '日本語', '🦔', '\ud83e', '\udd94', '\ufffd', '\uffff']
  return [...plain, ...beyond, 'x'.repeat(5000), `${'x'.repeat(5000)}y`, 'ü'.repeat(1024)]
}

function isCat({ bucket, tags }: EntryFacts): boolean {
  return bucket === 'animals' && tags.includes('cat')
}

/** Sixty entries: of two buckets, of two tags, heads and slices. */
async function putShelf(tier: Tier): Promise<Map<string, EntryFacts>> {
  const seen = new Map<string, EntryFacts>()
  for (let index = 0; index < 60; index += 1) {
    const bucket = index < 40 ? 'animals' : 'plants'
    const facts = factsOf({ bucket, objectKey: `${index}`, tags: [index % 2 ? 'cat' : 'dog'] })
    seen.set(`key ${index}`, facts)
    await tier.put(`key ${index}`, sliceEntry(patternBytes(10_000, index), facts))
  }
  return seen
}

async function settled(job: void | Promise<void>): Promise<void> {
  await job
}

async function readWhole(tier: Tier): Promise<void> {
  const got = tier.get('key')
  // What is lent is had in this turn, or not at all.
  const found = got instanceof Promise ? await got : ownBytes(got)
  if (found === undefined) return
  assert.ok(found.kind === 'slice')
  assertSameEntry(found, sliceEntry(patternBytes(found.bytes.length, found.bytes.length)))
}
