// Where a thread leaves its audit records: gathered for a moment, and handed over together to whoever
// keeps the chain. Between two threads what is under way is bounded: beyond, records are counted and
// not kept.

import { setTimeout as after } from 'node:timers/promises'

import type { AuditLogConfig } from '../config/audit-log.ts'
import type { AdminCall } from '../exchange/event.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { now } from '../primitives/clock.ts'
import type { AccessLine } from './access-log.ts'
import {
  adminEntry,
  createTimestamp,
  MOST_SEVERITY,
  requestEntry,
  severityOf,
  unheardEntry,
} from './audit-record.ts'
import type { Entry, Unheard } from './audit-record.ts'

/** `lost` were not handed over since the last time. Settles when they are taken. */
export type HandOver = (entries: readonly Entry[], lost: number) => Promise<void> | void

/** How long a record may wait for others: what a process that is killed loses of it. */
const GATHER_MS = 20
/** Characters that are gathered, or handed over and not taken yet. */
const MOST_UNDER_WAY = 16 * 1024 * 1024
const OFF = -1

export class AuditTrail {
  readonly #handOver: HandOver
  readonly #time = createTimestamp()
  #most = OFF
  #entries: Entry[] = []
  #size = 0
  #underWay = 0
  #lost = 0
  #timer: NodeJS.Timeout | undefined
  readonly #handing = new Set<Promise<void>>()

  constructor(config: AuditLogConfig | undefined, handOver: HandOver) {
    this.#handOver = handOver
    this.follow(config)
  }

  /** From now on records what this configuration says; undefined: nothing. */
  follow(config: AuditLogConfig | undefined): void {
    this.#most = config === undefined ? OFF : MOST_SEVERITY[config.level]
  }

  get isOn(): boolean {
    return this.#most !== OFF
  }

  /** `line` as it stands, or would stand, in the access log. */
  request(line: AccessLine, exchange: Exchange): void {
    if (severityOf(line.status) <= this.#most)
      this.#add(requestEntry(line, exchange, this.#time(now())))
  }

  unheard(refused: Unheard): void {
    if (severityOf(refused.status) <= this.#most)
      this.#add(unheardEntry(refused, this.#time(now())))
  }

  /** Whatever the level. */
  adminCall(call: AdminCall): void {
    if (this.isOn) this.#add(adminEntry(call, this.#time(now())))
  }

  /** What is gathered is handed over, and taken, within the time. */
  async close(patienceMs: number): Promise<void> {
    this.#flush()
    if (this.#handing.size === 0) return
    const patience = new AbortController()
    const late = after(patienceMs, undefined, { signal: patience.signal }).catch(() => {})
    await Promise.race([Promise.all(this.#handing), late])
    patience.abort()
  }

  #add(entry: Entry): void {
    if (this.#size + this.#underWay + entry.length > MOST_UNDER_WAY) {
      this.#lost += 1
      return
    }
    this.#entries.push(entry)
    this.#size += entry.length
    this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS)
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#entries.length === 0 && this.#lost === 0) return
    const [entries, size, lost] = [this.#entries, this.#size, this.#lost]
    this.#entries = []
    this.#size = 0
    this.#lost = 0
    const handed = this.#handOver(entries, lost)
    if (handed === undefined) return
    this.#underWay += size
    const taken = handed
      // The other end has ended: with it all that it was told.
      .catch(() => {})
      .finally(() => {
        this.#underWay -= size
        this.#handing.delete(taken)
      })
    this.#handing.add(taken)
  }
}
