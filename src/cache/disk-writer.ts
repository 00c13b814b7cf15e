// Everything that changes the disk tier goes through here: files first, a few at a time, then their
// rows, as many as have come together in one transaction. What waits is bounded, so that a disk
// which cannot follow costs entries and not memory.

import { setImmediate as nextTurn } from 'node:timers/promises'

import { encodeEntry } from './codec.ts'
import type { Checkpointer } from './disk-checkpoint.ts'
import { fileNameFor, writeFileWhole } from './disk-files.ts'
import type { Change, DiskIndex, NewRow } from './disk-index.ts'
import { patiently } from './disk-patience.ts'
import { DiskRoom } from './disk-room.ts'
import type { RoomCounts, RoomTerms } from './disk-room.ts'
import { isFull } from './disk-trouble.ts'
import { KeyTurns } from './disk-turns.ts'
import type { Entry } from './tier.ts'

export interface WriterTerms extends RoomTerms {
  /** How much may wait to be written before puts are let go. */
  readonly maxPendingBytes: number
  readonly now: () => number
  /** A name no other writer of this folder ever has. */
  readonly writerId: string
  readonly counts: WriterCounts
}

export interface WriterCounts extends RoomCounts {
  /** Puts that came faster than the disk. */
  dropped: number
}

/** An entry up to this long is kept in the index: one write, and one read without waiting. */
const INLINE_BYTES = 64 * 1024
/** What a row and its places in the indexes come to. */
const ROW_BYTES = 512
/** Files take whole blocks. */
const BLOCK_BYTES = 4096
/** Fewer than libuv has threads: a slow disk must not hold up every other use of them. */
const FILES_AT_ONCE = 2
const ROWS_AT_ONCE = 64
const USES_AT_ONCE = 256
/** How much may be written ahead before a checkpoint; a row touches about so many bytes of pages. */
const CHECKPOINT_BYTES = 8 * 1024 * 1024
const ROW_PAGES_BYTES = 20 * 1024
/** What the index has written ahead takes some of the room that is made, and gives it back behind it. */
const TRIES_FOR_ROOM = 4

interface Waiting extends Change {
  readonly turn: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class DiskWriter {
  readonly #terms: WriterTerms
  readonly #index: DiskIndex
  readonly #checkpointer: Checkpointer
  readonly #room: DiskRoom
  readonly #turns = new KeyTurns()
  readonly #underWay = new Set<Promise<void>>()
  readonly #fileQueue: (() => void)[] = []
  readonly #queue: Waiting[] = []
  #uses = new Map<number, number>()
  #pendingBytes = 0
  #filesUnderWay = 0
  #writtenAhead = 0
  #draining: Promise<void> | undefined

  constructor(terms: WriterTerms, index: DiskIndex, checkpointer: Checkpointer) {
    this.#terms = terms
    this.#index = index
    this.#checkpointer = checkpointer
    // Whom to evict is told by the uses that are not written yet, too.
    this.#room = new DiskRoom(
      terms,
      index,
      async () => void (await patiently(() => this.#writeRows([]))),
    )
  }

  /** What is not kept takes with it what it would have replaced. Rejects on trouble below. */
  put(key: string, entry: Entry): Promise<void> {
    if (this.#pendingBytes >= this.#terms.maxPendingBytes) return this.#drop(key)
    return this.#track(this.#put(key, entry))
  }

  remove(key: string): Promise<void> {
    return this.#track(this.#change(key, () => undefined))
  }

  /** Remembers that an entry was used; written with what else is written, or by `flush`. */
  use(id: number, usedAt: number): void {
    this.#uses.set(id, usedAt)
    if (this.#uses.size >= USES_AT_ONCE) this.#draining ??= this.#drain()
  }

  /** Resolves when all that came before is written, or has failed. */
  async flush(): Promise<void> {
    await Promise.allSettled(this.#underWay)
    await this.#draining
    await patiently(() => this.#writeRows([]))
  }

  /** What is there may be more than there may be now: it is from before, or of others. */
  trim(): Promise<void> {
    return this.#room.trim()
  }

  async #put(key: string, entry: Entry): Promise<void> {
    const parts = encodeEntry(entry, key)
    const length = lengthOf(parts)
    const size = sizeOf(key, entry, length)
    const now = this.#terms.now()
    if (!this.#room.couldHold(entry.bucket, size) || entry.keepUntil < now) return this.remove(key)

    const { kind: _, ...facts } = entry
    const row = { facts, size, length, file: undefined, bytes: undefined, usedAt: now }
    // Its own: whoever put it may have given up before it is written.
    const loan = entry.kind === 'slice' ? entry.lender?.lend() : undefined
    this.#pendingBytes += size
    try {
      await this.#change(key, (turn) => {
        if (length <= INLINE_BYTES) return { ...row, bytes: Buffer.concat(parts) }
        return this.#writeFile(key, turn, parts).then((file) => ({ ...row, file }))
      })
    } finally {
      this.#pendingBytes -= size
      loan?.giveBack()
    }
  }

  /** Nothing that is known of the key may wait either: that would be memory again. */
  #drop(key: string): Promise<void> {
    this.#terms.counts.dropped += 1
    const isKnown = this.#turns.isUnderWay(key) || this.#index.find(key) !== undefined
    return isKnown ? this.remove(key) : Promise.resolve()
  }

  async #change(
    key: string,
    prepare: (turn: number) => NewRow | undefined | Promise<NewRow>,
  ): Promise<void> {
    const turn = this.#turns.begin(key)
    try {
      const row = prepare(turn)
      await this.#enqueue(key, turn, row instanceof Promise ? await row : row)
    } finally {
      this.#turns.end(key)
    }
  }

  #track(work: Promise<void>): Promise<void> {
    this.#underWay.add(work)
    return work.finally(() => this.#underWay.delete(work))
  }

  async #writeFile(key: string, turn: number, parts: readonly Uint8Array[]): Promise<string> {
    const { folder, writerId } = this.#terms
    const name = fileNameFor(key, `${writerId}-${turn.toString(36)}`)
    if (this.#filesUnderWay < FILES_AT_ONCE) this.#filesUnderWay += 1
    else await new Promise<void>((resolve) => this.#fileQueue.push(resolve))
    try {
      await this.#withRoom(lengthOf(parts), () => writeFileWhole(folder, name, parts))
      return name
    } finally {
      const next = this.#fileQueue.shift()
      if (next === undefined) this.#filesUnderWay -= 1
      else next()
    }
  }

  /** A disk that is full has room again for what is new, once what is old has gone. */
  async #withRoom<Result>(bytes: number, work: () => Promise<Result>): Promise<Result> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await work()
      } catch (error) {
        if (!isFull(error) || tries === TRIES_FOR_ROOM) throw error
        await this.#room.giveWay(bytes)
      }
    }
  }

  #enqueue(key: string, turn: number, row: NewRow | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#queue.push({ key, turn, row, resolve, reject })
    this.#draining ??= this.#drain()
    return promise
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0 || this.#uses.size >= USES_AT_ONCE) {
      // What else this turn brings goes into the same transaction.
      await nextTurn()
      const batch = this.#takeBatch()
      try {
        await this.#commit(batch)
      } catch (error) {
        this.#uses.clear()
        for (const { reject } of batch) reject(error)
      }
    }
    this.#draining = undefined
  }

  #takeBatch(): Waiting[] {
    return this.#queue.splice(0, this.#room.partOf(this.#queue.slice(0, ROWS_AT_ONCE)))
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    const changes = batch.filter(({ key, turn }) => this.#turns.isNewest(key, turn))
    const overtaken = batch.filter((waiting) => !changes.includes(waiting))
    try {
      await this.#room.makeFor(changes)
      const replaced = await this.#withRoom(0, () => patiently(() => this.#writeRows(changes)))
      for (const { resolve } of batch) resolve()
      await this.#removeFiles([...filesOf(overtaken), ...replaced])
    } catch (error) {
      // Files that got no row are swept if they cannot be removed now, and the trouble is told once.
      await this.#removeFiles(filesOf(batch)).catch(() => undefined)
      throw error
    }
  }

  #writeRows(changes: readonly Waiting[]): string[] {
    const uses = this.#uses
    if (changes.length === 0 && uses.size === 0) return []
    const files = this.#index.write(changes, uses)
    this.#uses = new Map()
    this.#noteWritten(changes, uses.size)
    return files
  }

  #noteWritten(changes: readonly Waiting[], uses: number): void {
    const inline = sum(changes.map(({ row }) => row?.bytes?.length ?? 0))
    this.#writtenAhead += inline + (changes.length + uses) * ROW_PAGES_BYTES
    if (this.#writtenAhead < CHECKPOINT_BYTES) return
    this.#writtenAhead = 0
    this.#checkpointer.run()
  }

  #removeFiles(names: readonly string[]): Promise<void> {
    return this.#terms.files.remove(names)
  }
}

/** Keys stand in the table and in an index. */
function sizeOf(key: string, { objectKey, tags }: Entry, length: number): number {
  const row = ROW_BYTES + 2 * (key.length + objectKey.length) + sum(tags.map((tag) => tag.length))
  return row + (length > INLINE_BYTES ? Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES : length)
}

function filesOf(changes: readonly Change[]): string[] {
  return changes.map(({ row }) => row?.file).filter((file) => file !== undefined)
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return sum(parts.map((part) => part.length))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
