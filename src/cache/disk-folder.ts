// A folder of entries that is there and works. Trouble below is thrown: what to make of it is for
// the tier to say, which may leave the folder and open it again.

import { randomBytes } from 'node:crypto'
import { mkdirSync, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'

import { decodeEntry } from './codec.ts'
import { Checkpointer } from './disk-checkpoint.ts'
import { removeDatabase } from './disk-schema.ts'
import { DiskIndex } from './disk-index.ts'
import type { IndexedEntry } from './disk-index.ts'
import { OpenFiles } from './disk-open-files.ts'
import { ReadTurns } from './disk-read-turns.ts'
import { shrinkIndex, sweepEntries, sweepOrphans } from './disk-sweep.ts'
import type { Place } from './disk-sweep.ts'
import { FolderGone } from './disk-trouble.ts'
import { patiently } from './disk-patience.ts'
import { ReadRoom } from './read-room.ts'
import { DiskWriter } from './disk-writer.ts'
import type { WriterCounts } from './disk-writer.ts'
import type { Entry } from './tier.ts'

export interface FolderTerms {
  readonly folder: string
  /** It may change. */
  readonly maxBytes: () => number
  readonly maxBytesOf: (bucket: string) => number | undefined
  readonly maxPendingBytes: number
  readonly now: () => number
  readonly counts: FolderCounts
}

export interface FolderCounts extends WriterCounts {
  /** Entries that were found damaged or missing, too. */
  errors: number
}

/** Uses closer together than this are one to the order of eviction. */
const USE_GRAIN_MS = 60_000
const TIDY_EVERY_MS = 10 * 60_000
/**
 * Fewer than the pool of threads has for each of ours, so that a disk that hangs holds up nothing else
 * that needs them; and who waits for their turn has no room yet.
 */
const READS_AT_ONCE = 4
/** Of what there may be on disk, what may be held open. */
const SHARE_KEPT_OPEN = 16
/** Of the room that slices are read into, what may lie about until it is needed again. */
const MOST_FREE_BYTES = 32 * 1024 * 1024

export class DiskFolder implements Place {
  readonly folder: string
  readonly index: DiskIndex
  readonly files: OpenFiles
  readonly #terms: FolderTerms
  readonly #writer: DiskWriter
  readonly #checkpointer: Checkpointer
  readonly #turns = new ReadTurns(READS_AT_ONCE)
  readonly #room = new ReadRoom(MOST_FREE_BYTES)
  readonly #left = new AbortController()
  /** Tells this folder from another that came to stand at its path. */
  readonly #inode: number

  constructor(terms: FolderTerms) {
    const { folder } = terms
    mkdirSync(folder, { recursive: true })
    const path = indexPath(folder)
    this.#terms = terms
    this.folder = folder
    this.index = new DiskIndex(path)
    this.files = new OpenFiles(folder, () => terms.maxBytes() / SHARE_KEPT_OPEN)
    this.#inode = statSync(path).ino
    this.#checkpointer = new Checkpointer(path)
    const writerId = randomBytes(8).toString('hex')
    const writing = { ...terms, files: this.files, writerId }
    this.#writer = new DiskWriter(writing, this.index, this.#checkpointer)
  }

  get signal(): AbortSignal {
    return this.#left.signal
  }

  get(key: string): Entry | undefined | Promise<Entry | undefined> {
    const now = this.#terms.now()
    const indexed = this.index.find(key)
    if (indexed === undefined || indexed.keepUntil < now) return undefined
    if (now - indexed.usedAt >= USE_GRAIN_MS) this.#writer.use(indexed.id, now)
    if (indexed.file !== null) return this.#readFile(key, indexed, indexed.file)
    return this.#decode(key, indexed, indexed.bytes) ?? this.#lose(indexed)
  }

  /** What `get` would find; what is damaged stays where it is. */
  async peek(key: string): Promise<Entry | undefined> {
    const indexed = this.index.find(key)
    if (indexed === undefined || indexed.keepUntil < this.#terms.now()) return undefined
    return this.#decode(key, indexed, await this.#ownBytesOf(indexed))
  }

  put(key: string, entry: Entry): Promise<void> {
    return this.#writer.put(key, entry)
  }

  remove(key: string): Promise<void> {
    return this.#writer.remove(key)
  }

  /** What is there may be more than there may be now. */
  trim(): Promise<void> {
    return this.#writer.trim()
  }

  /** What is to be done every few seconds. */
  async tend(): Promise<void> {
    this.#room.trim()
    this.files.trim()
    await this.#assertInPlace()
    await this.#writer.flush()
    await this.#writer.trim()
    const now = this.#terms.now()
    if (await patiently(() => this.index.claimRound('tidy', now, TIDY_EVERY_MS))) await this.tidy()
  }

  /** Frees what is of no more use to anyone. */
  async tidy(): Promise<void> {
    const now = this.#terms.now()
    await sweepEntries(this, ({ keepUntil }) => keepUntil < now)
    if (!this.signal.aborted) await sweepOrphans(this, now)
    await shrinkIndex(this)
  }

  /** With all that was put written down. */
  async close(): Promise<void> {
    await this.#writer.flush()
    await this.leave()
  }

  /** At once: what is still being written is lost, never half kept. */
  async leave(): Promise<void> {
    this.#left.abort()
    this.#turns.end()
    this.files.close()
    this.index.close()
    await this.#checkpointer.close()
  }

  async #assertInPlace(): Promise<void> {
    const { ino } = await stat(indexPath(this.folder)).catch((cause: unknown) => {
      throw new FolderGone(`${this.folder} is gone`, { cause })
    })
    if (ino !== this.#inode) throw new FolderGone(`${this.folder} is another folder now`)
  }

  async #readFile(key: string, indexed: IndexedEntry, file: string): Promise<Entry | undefined> {
    const turn = this.#turns.take()
    if (turn !== true && !(await turn)) return undefined
    try {
      return await this.#readInTurn(key, indexed, file)
    } finally {
      this.#turns.giveBack()
    }
  }

  /** What is found is lent, for the turn that it is had in. */
  async #readInTurn(key: string, indexed: IndexedEntry, file: string): Promise<Entry | undefined> {
    const read = this.#room.take(indexed.length)
    try {
      const isRead = await this.files.readInto(file, read.bytes)
      const entry = isRead ? this.#decode(key, indexed, read.bytes) : undefined
      if (entry === undefined) return await this.#lose(indexed)
      return entry.kind === 'head' ? entry : { ...entry, lender: read.lenderOf(entry.bytes) }
    } finally {
      setImmediate(() => read.giveBack())
    }
  }

  async #ownBytesOf({ file, bytes, length }: IndexedEntry): Promise<Uint8Array | null> {
    if (file === null) return bytes
    const own = Buffer.allocUnsafeSlow(length)
    return (await this.files.readInto(file, own)) ? own : null
  }

  /** A disk may give what is whole and another's, from a bad restore or a write that went astray. */
  #decode(key: string, { length }: IndexedEntry, bytes: Uint8Array | null): Entry | undefined {
    return bytes?.length === length ? decodeEntry(bytes, key) : undefined
  }

  async #lose({ id }: IndexedEntry): Promise<undefined> {
    if (this.signal.aborted) return
    const { entries, files } = await patiently(() => this.index.remove([id]))
    // Without a row it was evicted or replaced while it was read: no fault of anyone's.
    this.#terms.counts.errors += entries
    await this.files.remove(files)
  }
}

/** The entries in it are lost; their files are swept. */
export function removeIndex(folder: string): void {
  removeDatabase(indexPath(folder))
}

function indexPath(folder: string): string {
  return join(folder, 'index.sqlite')
}
