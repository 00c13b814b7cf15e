// The audit log in a file: appended to, moved aside when it is full or its day (UTC) is over, and
// opened again after every error. A batch that could be written only in part is taken back, so that
// the file holds whole records alone.

import { mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join, parse } from 'node:path'

import type { AuditFileConfig } from '../config/audit-log.ts'
import { monotonic, now } from '../primitives/clock.ts'
import type { ChainedRecord, ChainHead } from './audit-chain.ts'
import type { Delivery } from './audit-sink.ts'
import { mendFile, mendTail } from './audit-tail.ts'

/** How often it is looked whether the file is still where it was: others may move it too. */
const LOOK_MS = 1000
const MODE = 0o640
const FOLDER_MODE = 0o750

interface OpenFile {
  readonly handle: FileHandle
  readonly inode: number
  /** Of whole records. */
  bytes: number
  /** What its last record is of. */
  last: { readonly seq: number; readonly day: string; readonly hash: string } | undefined
}

export class AuditFile implements Delivery {
  readonly batchBytes = 1024 * 1024
  readonly #config: AuditFileConfig
  readonly #failing: (error: unknown) => void
  #file: OpenFile | undefined
  #lookedAt = 0
  #syncedAt = 0
  #syncTimer: NodeJS.Timeout | undefined

  /** `failing` is told what goes wrong when nobody waits for it. */
  constructor(config: AuditFileConfig, failing: (error: unknown) => void) {
    this.#config = config
    this.#failing = failing
  }

  async open(): Promise<ChainHead | undefined> {
    const file = await this.#reopen()
    return file.last ?? (await this.#lastOfBackups())
  }

  async deliver(records: readonly ChainedRecord[]): Promise<number> {
    const file = await this.#ready()
    const fitting = this.#fitting(records, file)
    if (fitting.length === 0) {
      await this.#rotate(file)
      return this.deliver(records)
    }
    const batch = Buffer.from(fitting.map(({ line }) => `${line}\n`).join(''))
    try {
      await writeAll(file, batch)
      if (this.#config.fsync === 'always') await file.handle.datasync()
    } catch (error) {
      await this.#takeBack(file)
      throw error
    }
    file.bytes += batch.byteLength
    const { seq = 0, line = '' } = fitting.at(-1) ?? {}
    file.last = { seq, day: dayOf(now()), hash: line.slice(-66, -2) }
    if (this.#config.fsync === 'interval') this.#syncSoon()
    return fitting.length
  }

  async close(): Promise<void> {
    clearTimeout(this.#syncTimer)
    const file = this.#file
    this.#file = undefined
    if (file === undefined) return
    if (this.#config.fsync !== 'never') await file.handle.datasync()
    await file.handle.close()
  }

  /** Moves aside what is there: the chain that comes next does not go on from it. */
  async beginAnew(): Promise<void> {
    if (this.#file?.last !== undefined) await this.#rotate(this.#file)
  }

  async #ready(): Promise<OpenFile> {
    const file = this.#file
    if (file === undefined) return this.#reopen()
    if (monotonic() - this.#lookedAt < LOOK_MS) return file
    this.#lookedAt = monotonic()
    const found = await stat(this.#config.path).catch(() => undefined)
    if (found?.ino === file.inode) return file
    await this.#let(file)
    return this.#reopen()
  }

  async #reopen(): Promise<OpenFile> {
    const { path } = this.#config
    await mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE })
    // Looked at first: to open a pipe is to wait for its reader.
    const there = await stat(path).catch(() => undefined)
    if (there !== undefined && !there.isFile()) throw new Error(`${path} is not a file`)
    const handle = await open(path, 'a+', MODE)
    try {
      const { ino } = await handle.stat()
      const { last, bytes } = await mendTail(handle, path)
      const known = last && { seq: last.seq, day: last.time.slice(0, 10), hash: last.hash }
      this.#file = { handle, inode: ino, bytes, last: known }
      this.#lookedAt = monotonic()
      return this.#file
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Those that may still go into this file. */
  #fitting(records: readonly ChainedRecord[], file: OpenFile): readonly ChainedRecord[] {
    const { rotation, maxFileBytes } = this.#config
    if (file.last === undefined) return records.slice(0, Math.max(1, fit(records, maxFileBytes)))
    if (rotation === 'daily' && file.last.day !== dayOf(now())) return []
    return records.slice(0, fit(records, maxFileBytes - file.bytes))
  }

  async #rotate(file: OpenFile): Promise<void> {
    const { path, fsync } = this.#config
    if (fsync !== 'never') await file.handle.datasync()
    const { seq = 0 } = file.last ?? {}
    await rename(path, join(dirname(path), backupName(path, seq, now())))
    await this.#let(file)
    await this.#reopen()
    await this.#prune().catch(this.#failing)
  }

  async #prune(): Promise<void> {
    const backups = await this.#backups()
    const folder = dirname(this.#config.path)
    for (const name of backups.slice(0, -this.#config.maxBackupFiles)) {
      await unlink(join(folder, name))
    }
  }

  /** Oldest first. */
  async #backups(): Promise<string[]> {
    const { path } = this.#config
    const { name, ext } = parse(basename(path))
    const names = await readdir(dirname(path))
    return names
      .filter((found) => found.startsWith(`${name}-`) && found.endsWith(ext))
      .filter((found) => BACKUP.test(found.slice(name.length, found.length - ext.length)))
      .sort()
  }

  /** The program may have ended between moving one aside and writing to the next. */
  async #lastOfBackups(): Promise<ChainHead | undefined> {
    const newest = (await this.#backups()).at(-1)
    if (newest === undefined) return undefined
    return (await mendFile(join(dirname(this.#config.path), newest))).last
  }

  /** To the records that were there before; a file that cannot be is mended when it is opened again. */
  async #takeBack(file: OpenFile): Promise<void> {
    await file.handle.truncate(file.bytes).catch(() => {})
    await this.#let(file)
  }

  async #let(file: OpenFile): Promise<void> {
    if (this.#file === file) this.#file = undefined
    await file.handle.close().catch(() => {})
  }

  #syncSoon(): void {
    const waited = monotonic() - this.#syncedAt
    const ms = Math.max(0, this.#config.fsyncIntervalMs - waited)
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = undefined
      this.#syncedAt = monotonic()
      this.#file?.handle.datasync().catch(this.#failing)
    }, ms)
  }
}

/** How many of them so many bytes hold. */
function fit(records: readonly ChainedRecord[], bytes: number): number {
  let left = bytes
  const over = records.findIndex((record) => (left -= record.bytes) < 0)
  return over < 0 ? records.length : over
}

async function writeAll({ handle }: OpenFile, batch: Buffer): Promise<void> {
  let rest = batch
  while (rest.byteLength > 0) {
    const { bytesWritten } = await handle.write(rest)
    rest = rest.subarray(bytesWritten)
  }
}

const BACKUP = /^-\d{12}-\d{8}T\d{6}Z$/

/** By the number of its last record, so that they sort as they follow each other, and by its end. */
function backupName(path: string, lastSeq: number, at: number): string {
  const { name, ext } = parse(basename(path))
  const time = new Date(at).toISOString().replace(/[-:]|\.\d+/g, '')
  return `${name}-${String(lastSeq).padStart(12, '0')}-${time}${ext}`
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}
