// The index of the disk tier as a SQLite database: how it is opened, and what is in it. Rows are
// the truth: a file without a row is nothing, and one row is one entry, whole or not there.

import { rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

import { sqliteTrouble } from './disk-trouble.ts'

/**
 * Of the tables, and of what has to stand in what they speak of. Another version's entries are dropped;
 * its bans are kept, those to be told, and how far others' were heard.
 */
const SCHEMA_VERSION = 3

/** How long the thread may stand still because another process holds the lock. */
const BUSY_MS = 20
const OPEN_TRIES = 40

/** Between them the sizes of a folder's totals follow every insert and delete, whoever makes it. */
const SCHEMA = `
  CREATE TABLE entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key BLOB NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    length INTEGER NOT NULL,
    file TEXT,
    used_at INTEGER NOT NULL,
    keep_until REAL NOT NULL,
    received_at REAL NOT NULL,
    object_bytes REAL NOT NULL,
    bucket TEXT NOT NULL,
    object_key BLOB NOT NULL,
    tags TEXT NOT NULL
  );
  CREATE INDEX entries_by_use ON entries (used_at);
  CREATE INDEX entries_of_bucket_by_use ON entries (bucket, used_at);
  CREATE INDEX entries_by_object ON entries (bucket, object_key);
  CREATE INDEX entries_by_file ON entries (file) WHERE file IS NOT NULL;
  CREATE TABLE contents (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
  CREATE TABLE totals (
    bucket TEXT PRIMARY KEY, entries INTEGER NOT NULL, bytes INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE rounds (name TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
  CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN
    INSERT INTO totals VALUES (new.bucket, 1, new.size)
    ON CONFLICT DO UPDATE SET entries = entries + 1, bytes = bytes + excluded.bytes;
  END;
  CREATE TRIGGER entry_removed AFTER DELETE ON entries BEGIN
    UPDATE totals SET entries = entries - 1, bytes = bytes - old.size WHERE bucket = old.bucket;
    DELETE FROM contents WHERE id = old.id;
  END;
`

const BANS = `
  CREATE TABLE IF NOT EXISTS bans (id TEXT PRIMARY KEY, json TEXT NOT NULL, at REAL NOT NULL);
  CREATE TABLE IF NOT EXISTS untold (id TEXT PRIMARY KEY, json TEXT NOT NULL, at REAL NOT NULL);
  CREATE TABLE IF NOT EXISTS heard (until TEXT NOT NULL);
`

const DROP_ENTRIES = ['entries', 'contents', 'totals', 'rounds']
  .map((table) => `DROP TABLE IF EXISTS ${table};`)
  .join('\n')

/**
 * Throws where there is no writing. A database that SQLite cannot read is begun anew: its entries
 * can be had again, and the files they leave behind are swept.
 */
export function openDatabase(path: string): DatabaseSync {
  try {
    return openPatiently(path)
  } catch (error) {
    if (sqliteTrouble(error) !== 'corrupt') throw error
    removeDatabase(path)
    return openPatiently(path)
  }
}

/** Others who have it open notice that theirs is no more, and open the new one. */
export function removeDatabase(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
}

/** Several that open a new folder at once meet in ways that SQLite's own patience does not cover. */
function openPatiently(path: string): DatabaseSync {
  const nap = new Int32Array(new SharedArrayBuffer(4))
  for (let tries = 1; ; tries += 1) {
    try {
      return openOnce(path)
    } catch (error) {
      if (sqliteTrouble(error) !== 'busy' || tries === OPEN_TRIES) throw error
      Atomics.wait(nap, 0, 0, 10)
    }
  }
}

function openOnce(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_MS })
  try {
    // Checkpoints are made by a thread of their own; the limit here is for when that one cannot.
    database.exec(`
      PRAGMA auto_vacuum = INCREMENTAL;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      PRAGMA wal_autocheckpoint = 16384;
      PRAGMA journal_size_limit = 33554432;
      PRAGMA cache_size = -8192;
      PRAGMA temp_store = MEMORY;
    `)
    transact(database, () => migrate(database))
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function migrate(database: DatabaseSync): void {
  database.exec(BANS)
  const version = database.prepare('PRAGMA user_version').get()?.['user_version']
  if (version === SCHEMA_VERSION) return
  database.exec(DROP_ENTRIES)
  database.exec(SCHEMA)
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`)
}

/** All of it or nothing. The lock is taken first: a transaction never finds out late. */
export function transact<Result>(database: DatabaseSync, work: () => Result): Result {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    // Some failures have ended the transaction already.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
