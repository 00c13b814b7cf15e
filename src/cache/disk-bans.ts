// Bans as rows beside the entries they cover, and how far those of other nodes have been heard. What
// is said of one is for others to read: here it is text. What comes while there is no database to
// write to waits for one.

import type { DatabaseSync } from 'node:sqlite'

import { transact } from './disk-schema.ts'

export interface SavedBan {
  readonly id: string
  readonly json: string
  /** Epoch ms. */
  readonly at: number
}

/** A purge may wait longer for the lock than a put. */
const BUSY_MS = 1000

export class SavedBans {
  readonly #unsaved = new Map<string, SavedBan>()
  readonly #undropped = new Set<string>()
  #heardUntil: string | undefined
  #isHeardSaved = true

  save(ban: SavedBan): void {
    this.#unsaved.set(ban.id, ban)
    this.#undropped.delete(ban.id)
  }

  drop(id: string): void {
    this.#unsaved.delete(id)
    this.#undropped.add(id)
  }

  /** What came before this, from other nodes, has been given to `save`. */
  hear(until: string): void {
    this.#heardUntil = until
    this.#isHeardSaved = false
  }

  /** The database is another one, or not as it was left. */
  begin(): void {
    this.#isHeardSaved = this.#heardUntil === undefined
  }

  /** When it returns, all that was saved outlives a loss of power, which entries need not. */
  settle(database: DatabaseSync): void {
    if (!this.#isSettled()) durably(database, () => this.#write(database))
    this.#clear()
  }

  /**
   * The same for what can be heard again: together with how far was heard it may be lost. Gives those
   * that nobody else who shares the database had saved.
   */
  settleHeard(database: DatabaseSync): readonly string[] {
    if (this.#isSettled()) return []
    const added = transact(database, () => this.#write(database))
    this.#clear()
    return added
  }

  #isSettled(): boolean {
    return this.#unsaved.size === 0 && this.#undropped.size === 0 && this.#isHeardSaved
  }

  #clear(): void {
    this.#unsaved.clear()
    this.#undropped.clear()
    this.#isHeardSaved = true
  }

  #write(database: DatabaseSync): string[] {
    const insert = database.prepare('INSERT OR IGNORE INTO bans (id, json, at) VALUES (?, ?, ?)')
    const added: string[] = []
    for (const { id, json, at } of this.#unsaved.values()) {
      if (Number(insert.run(id, json, at).changes) === 1) added.push(id)
    }
    const remove = database.prepare('DELETE FROM bans WHERE id = ?')
    for (const id of this.#undropped) remove.run(id)
    if (!this.#isHeardSaved && this.#heardUntil !== undefined) {
      database.exec('DELETE FROM heard')
      database.prepare('INSERT INTO heard VALUES (?)').run(this.#heardUntil)
    }
    return added
  }

  /** Those of the database, as far as there is one, and those that wait for it. */
  load(database: DatabaseSync | undefined): SavedBan[] {
    const saved = database === undefined ? [] : readBans(database, 'bans')
    const isSettled = ({ id }: SavedBan): boolean =>
      !this.#unsaved.has(id) && !this.#undropped.has(id)
    return [...saved.filter(isSettled), ...this.#unsaved.values()]
  }
}

/** Undefined where other nodes were never listened to. */
export function readHeard(database: DatabaseSync): string | undefined {
  const until = database.prepare('SELECT until FROM heard').get()?.['until']
  return typeof until === 'string' ? until : undefined
}

/** Other nodes are to be told of it. When it returns, that outlives a loss of power. */
export function keepUntold(database: DatabaseSync, { id, json, at }: SavedBan): void {
  const insert = 'INSERT OR IGNORE INTO untold (id, json, at) VALUES (?, ?, ?)'
  durably(database, () => database.prepare(insert).run(id, json, at))
}

/** They are told; that may be forgotten, since they may be told again. */
export function dropUntold(database: DatabaseSync, id: string): void {
  database.prepare('DELETE FROM untold WHERE id = ?').run(id)
}

export function readUntold(database: DatabaseSync): SavedBan[] {
  return readBans(database, 'untold')
}

function readBans(database: DatabaseSync, table: 'bans' | 'untold'): SavedBan[] {
  const rows = database.prepare(`SELECT id, json, at FROM ${table} ORDER BY at, id`).all()
  return rows.map(({ id, json, at }) => ({ id: String(id), json: String(json), at: Number(at) }))
}

function durably(database: DatabaseSync, work: () => unknown): void {
  const usual = database.prepare('PRAGMA busy_timeout').get()?.['timeout']
  database.exec(`PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA synchronous = FULL`)
  try {
    transact(database, work)
  } finally {
    database.exec(`PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = ${Number(usual)}`)
  }
}
