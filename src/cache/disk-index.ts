// What the disk tier knows of its entries, in SQLite. Every call is short and synchronous; whoever
// has much to do does it in pieces.

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'

import { openDatabase, transact } from './disk-schema.ts'
import type { EntryFacts, Swept } from './tier.ts'

export interface IndexedEntry {
  readonly id: number
  /** How long it is as bytes. */
  readonly length: number
  /** The file that holds it, unless its bytes are in the index. */
  readonly file: string | null
  readonly bytes: Uint8Array | null
  readonly usedAt: number
  readonly keepUntil: number
}

/** An entry to be; without `row`, one to be no more. */
export interface Change {
  readonly key: string
  readonly row: NewRow | undefined
}

export interface NewRow {
  readonly facts: EntryFacts
  /** What it counts for against the bytes of the tier. */
  readonly size: number
  readonly length: number
  readonly file: string | undefined
  readonly bytes: Uint8Array | undefined
  readonly usedAt: number
}

/** One entry as a sweep sees it. */
export interface Listed {
  readonly id: number
  readonly size: number
  readonly facts: EntryFacts
}

export interface Removed extends Swept {
  /** Which nothing speaks of any more. */
  readonly files: readonly string[]
  /** Whose they were, one for each entry. */
  readonly buckets: readonly string[]
}

interface ListedRow {
  readonly id: number
  readonly size: number
  readonly bucket: string
  readonly objectKey: Uint8Array
  readonly tags: string
  readonly objectBytes: number
  readonly receivedAt: number
  readonly keepUntil: number
}

const LISTED = `id, size, bucket, object_key AS objectKey, tags, object_bytes AS objectBytes,
  received_at AS receivedAt, keep_until AS keepUntil`
const EVICTED_AT_ONCE = 64
/** Entries to come will want them. */
const FREE_PAGES_KEPT = 1024
const NOT_TEXT = 0xff

export class DiskIndex {
  readonly database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(path: string) {
    this.database = openDatabase(path)
  }

  find(key: string): IndexedEntry | undefined {
    const [found] = this.#all<IndexedEntry>(
      `SELECT id, length, file, bytes, used_at AS usedAt, keep_until AS keepUntil
       FROM entries LEFT JOIN contents USING (id) WHERE key = ?`,
      bytesOfText(key),
    )
    return found
  }

  /** All changes or none. Gives the files of what was replaced or removed. */
  write(changes: readonly Change[], uses: ReadonlyMap<number, number>): string[] {
    return transact(this.database, () => {
      for (const [id, usedAt] of uses) this.#use(id, usedAt)
      return changes.flatMap(({ key, row }) => {
        const files = this.#removeKey(key)
        if (row !== undefined) this.#insert(key, row)
        return files
      })
    })
  }

  /** So many bytes of what was used longest ago, of one bucket or of all, or a first part of them. */
  evict(bytes: number, bucket?: string): Removed {
    return transact(this.database, () => {
      const oldest = this.#oldest(bucket)
      const ids: number[] = []
      let freed = 0
      for (const { id, size } of oldest) {
        if (freed >= bytes) break
        ids.push(id)
        freed += size
      }
      return this.#removeIds(ids)
    })
  }

  /** What was used longest ago of what has a file, so many bytes together or a first part of them. */
  oldestFiles(bytes: number): { readonly id: number; readonly file: string }[] {
    const sql = `SELECT id, file, size FROM entries WHERE file IS NOT NULL
      ORDER BY used_at, id LIMIT ${EVICTED_AT_ONCE}`
    let found = 0
    return this.#all<{ id: number; file: string; size: number }>(sql).filter(({ size }) => {
      const isWanted = found < bytes
      found += size
      return isWanted
    })
  }

  remove(ids: readonly number[]): Removed {
    return transact(this.database, () => this.#removeIds(ids))
  }

  newestId(): number {
    const [newest] = this.#all<{ id: number }>('SELECT coalesce(max(id), 0) AS id FROM entries')
    return newest?.id ?? 0
  }

  listAfter(id: number, limit: number): Listed[] {
    const sql = `SELECT ${LISTED} FROM entries WHERE id > ? ORDER BY id LIMIT ?`
    return this.#all<ListedRow>(sql, id, limit).map(listedFrom)
  }

  /** What was received until an instant. */
  listObject(bucket: string, objectKey: string, until: number, limit: number): Listed[] {
    const sql = `SELECT ${LISTED} FROM entries
      WHERE bucket = ? AND object_key = ? AND received_at <= ? LIMIT ?`
    return this.#all<ListedRow>(sql, bucket, bytesOfText(objectKey), until, limit).map(listedFrom)
  }

  totalForObject(bucket: string, objectKey: string): Swept {
    const sql = `SELECT count(*) AS entries, coalesce(sum(size), 0) AS bytes
      FROM entries WHERE bucket = ? AND object_key = ?`
    return this.#total(sql, bucket, bytesOfText(objectKey))
  }

  hasFile(file: string): boolean {
    return this.#all('SELECT 1 FROM entries WHERE file = ?', file).length > 0
  }

  total(): Swept {
    return this
      .#total(`SELECT coalesce(sum(entries), 0) AS entries, coalesce(sum(bytes), 0) AS bytes
      FROM totals`)
  }

  totalFor(bucket: string): Swept {
    return this.#total('SELECT entries, bytes FROM totals WHERE bucket = ?', bucket)
  }

  /** Those that there ever was something of. */
  buckets(): string[] {
    return this.#all<{ bucket: string }>('SELECT bucket FROM totals').map(({ bucket }) => bucket)
  }

  /** True for the one, of all who share the folder, whose turn a round is. */
  claimRound(name: string, now: number, everyMs: number): boolean {
    const [last] = this.#all<{ at: number }>('SELECT at FROM rounds WHERE name = ?', name)
    // A clock that was set back must not put rounds off until it has caught up.
    if (last !== undefined && last.at <= now && now - last.at < everyMs) return false
    const { changes } = this.#prepared(
      `INSERT INTO rounds VALUES (?1, ?2)
       ON CONFLICT DO UPDATE SET at = excluded.at WHERE at IS ?3`,
    ).run(name, now, last?.at ?? null)
    return Number(changes) === 1
  }

  /** Gives a part of the unused space back to the disk. True where there is much more of it. */
  shrink(): boolean {
    const before = this.#freePages()
    this.database.exec('PRAGMA incremental_vacuum(256)')
    const after = this.#freePages()
    return after < before && after > FREE_PAGES_KEPT
  }

  /** Gives back what was written ahead: it waits for the disk. */
  settle(): void {
    this.database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }

  close(): void {
    this.database.close()
  }

  #oldest(bucket: string | undefined): { id: number; size: number }[] {
    return bucket === undefined
      ? this.#all('SELECT id, size FROM entries ORDER BY used_at, id LIMIT ?', EVICTED_AT_ONCE)
      : this.#all(
          'SELECT id, size FROM entries WHERE bucket = ? ORDER BY used_at, id LIMIT ?',
          bucket,
          EVICTED_AT_ONCE,
        )
  }

  #total(sql: string, ...values: SQLInputValue[]): Swept {
    const [{ entries, bytes } = { entries: 0, bytes: 0 }] = this.#all<Swept>(sql, ...values)
    return { entries, bytes }
  }

  #freePages(): number {
    const [row] = this.#all<{ freelist_count: number }>('PRAGMA freelist_count')
    return row?.freelist_count ?? 0
  }

  #insert(key: string, { facts, size, length, file, bytes, usedAt }: NewRow): void {
    const { lastInsertRowid } = this.#prepared(
      `INSERT INTO entries (key, size, length, file, used_at, keep_until, received_at,
         object_bytes, bucket, object_key, tags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      bytesOfText(key),
      size,
      length,
      file ?? null,
      usedAt,
      facts.keepUntil,
      facts.receivedAt,
      facts.objectBytes,
      facts.bucket,
      bytesOfText(facts.objectKey),
      JSON.stringify(facts.tags),
    )
    if (bytes === undefined) return
    this.#prepared('INSERT INTO contents VALUES (?, ?)').run(lastInsertRowid, bytes)
  }

  #use(id: number, usedAt: number): void {
    this.#prepared('UPDATE entries SET used_at = ? WHERE id = ?').run(usedAt, id)
  }

  #removeKey(key: string): string[] {
    const sql = 'DELETE FROM entries WHERE key = ? RETURNING file'
    return filesOf(this.#all(sql, bytesOfText(key)))
  }

  #removeIds(ids: readonly number[]): Removed {
    const gone = ids.flatMap((id) =>
      this.#all<{ size: number; file: string | null; bucket: string }>(
        'DELETE FROM entries WHERE id = ? RETURNING size, file, bucket',
        id,
      ),
    )
    const bytes = gone.reduce((sum, { size }) => sum + size, 0)
    const buckets = gone.map(({ bucket }) => bucket)
    return { entries: gone.length, bytes, files: filesOf(gone), buckets }
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  /** The columns are those of the statement's own text, which stands beside the type. */
  #all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepared(sql).all(...values) as Row[]
  }
}

function filesOf(rows: readonly { readonly file: string | null }[]): string[] {
  return rows.map(({ file }) => file).filter((file) => file !== null)
}

function listedFrom({ id, size, objectKey, tags, ...facts }: ListedRow): Listed {
  const { bucket, objectBytes, receivedAt, keepUntil } = facts
  return {
    id,
    size,
    facts: {
      bucket,
      objectKey: textOfBytes(objectKey),
      // Written by `#insert`, in the same database.
      tags: JSON.parse(tags) as string[],
      objectBytes,
      receivedAt,
      keepUntil,
    },
  }
}

/** UTF-8, and for text that has none (a lone surrogate) UTF-16 after a byte that no UTF-8 has. */
function bytesOfText(text: string): Uint8Array {
  if (text.isWellFormed()) return Buffer.from(text)
  return Buffer.concat([Buffer.of(NOT_TEXT), Buffer.from(text, 'utf16le')])
}

function textOfBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer[0] === NOT_TEXT) return buffer.toString('utf16le', 1)
  return buffer.toString()
}
