// Bans as rows beside the entries they cover. What is said of one is for others to read: here it is
// text. What comes while there is no database to write to waits for one.

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

  save(ban: SavedBan): void {
    this.#unsaved.set(ban.id, ban)
    this.#undropped.delete(ban.id)
  }

  drop(id: string): void {
    this.#unsaved.delete(id)
    this.#undropped.add(id)
  }

  /** When it returns, all that was saved outlives a loss of power, which entries need not. */
  settle(database: DatabaseSync): void {
    if (this.#unsaved.size === 0 && this.#undropped.size === 0) return
    durably(database, () => {
      const insert = database.prepare('INSERT OR REPLACE INTO bans (id, json, at) VALUES (?, ?, ?)')
      for (const { id, json, at } of this.#unsaved.values()) insert.run(id, json, at)
      const remove = database.prepare('DELETE FROM bans WHERE id = ?')
      for (const id of this.#undropped) remove.run(id)
    })
    this.#unsaved.clear()
    this.#undropped.clear()
  }

  /** Those of the database, as far as there is one, and those that wait for it. */
  load(database: DatabaseSync | undefined): SavedBan[] {
    const saved = database === undefined ? [] : readBans(database)
    const isSettled = ({ id }: SavedBan): boolean =>
      !this.#unsaved.has(id) && !this.#undropped.has(id)
    return [...saved.filter(isSettled), ...this.#unsaved.values()]
  }
}

function readBans(database: DatabaseSync): SavedBan[] {
  const rows = database.prepare('SELECT id, json, at FROM bans ORDER BY at, id').all()
  return rows.map(({ id, json, at }) => ({ id: String(id), json: String(json), at: Number(at) }))
}

function durably(database: DatabaseSync, work: () => void): void {
  const usual = database.prepare('PRAGMA busy_timeout').get()?.['timeout']
  database.exec(`PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA synchronous = FULL`)
  try {
    transact(database, work)
  } finally {
    database.exec(`PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = ${Number(usual)}`)
  }
}
