// The audit log of the whole process: one chain, and the places it is written to. It takes what threads
// hand over, gives each record its place in the chain, and offers it to each sink; it waits for none.

import { hash } from 'node:crypto'

import type { AuditLogConfig, AuditOutput } from '../config/audit-log.ts'
import type { Emit } from '../exchange/event.ts'
import { now } from '../primitives/clock.ts'
import { Secret } from '../primitives/secret.ts'
import { Chain } from './audit-chain.ts'
import type { ChainHead } from './audit-chain.ts'
import { AuditFile } from './audit-file.ts'
import { createTimestamp, endEntry, lostEntry, startEntry } from './audit-record.ts'
import type { Entry, Lost } from './audit-record.ts'
import { AuditSink } from './audit-sink.ts'
import type { AuditCounts, AuditSinkOptions, Delivery } from './audit-sink.ts'
import { AuditSpool } from './audit-spool.ts'
import type { Upload } from './audit-spool.ts'
import { openSyslog } from './audit-syslog.ts'
import { AuditTrouble } from './audit-trouble.ts'
import type { Reading } from './reading.ts'
import { readAudit } from './read-counts.ts'

export interface AuditLogOptions {
  /** Undefined: nothing is kept, until `reopen`. */
  readonly config: AuditLogConfig | undefined
  readonly emit: Emit
  readonly random: () => number
  readonly version: string
  readonly hostname: string
  readonly pid: number
  /** Makes what puts objects where the configuration says. */
  readonly uploader: (config: NonNullable<AuditLogConfig['s3']>) => Upload
}

interface OpenSink {
  readonly sink: AuditSink
  /** What would make it another one. */
  readonly settings: string
  readonly delivery: Delivery
  readonly config: AuditLogConfig
}

/** How long the end waits for what is slow to take its records. */
const FLUSH_MS = 5000
/** Of it, until what was lost can be told. */
const ROOM_MS = 2000
const MOST_WAITING = 100_000
const SPOOL_BUFFER_BYTES = 16 * 1024 * 1024
const OUTPUTS = ['file', 'syslog', 's3'] as const

export class AuditLog {
  readonly #options: AuditLogOptions
  readonly #instance: string
  readonly #time = createTimestamp()
  readonly #counts = new Map<AuditOutput, AuditCounts>()
  #chain = new Chain()
  #sinks = new Map<AuditOutput, OpenSink>()
  /** What comes while it is opened anew. */
  #waiting: Entry[] | undefined
  #lostWaiting = 0

  private constructor(options: AuditLogOptions) {
    this.#options = options
    const name = options.hostname.replaceAll(/[^A-Za-z0-9.-]/g, '-').slice(0, 64)
    const own = Math.floor(options.random() * 2 ** 32).toString(16)
    this.#instance = `${name}-${own.padStart(8, '0')}`
  }

  /** Rejects where what is configured cannot be written at all. */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const log = new AuditLog(options)
    await log.#begin(options.config)
    return log
  }

  /** `lost` of a thread never came. */
  take(entries: readonly Entry[], lost = 0): void {
    if (this.#waiting !== undefined) {
      const room = Math.max(0, MOST_WAITING - this.#waiting.length)
      this.#waiting.push(...entries.slice(0, room))
      this.#lostWaiting += lost + Math.max(0, entries.length - room)
      return
    }
    if (this.#sinks.size === 0) return
    for (const entry of entries) this.#add(entry)
    if (lost > 0) this.#loseEverywhere(lost)
    for (const { sink } of this.#sinks.values()) this.#tellGap(sink)
  }

  read(): Reading {
    return readAudit(this.#counts)
  }

  /**
   * From now on writes where this configuration says; a sink that it leaves as it was goes on. One that
   * cannot be opened rejects, and what was there before it is opened again. What comes meanwhile waits.
   */
  async reopen(config: AuditLogConfig | undefined): Promise<void> {
    if (this.#waiting !== undefined) throw new Error('the audit log is being opened already')
    this.#waiting = []
    try {
      if (describe(config).size === 0) await this.close()
      else if (this.#sinks.size === 0) await this.#begin(config)
      else await this.#replace(config)
    } finally {
      const [waiting, lost] = [this.#waiting, this.#lostWaiting]
      this.#waiting = undefined
      this.#lostWaiting = 0
      this.take(waiting, lost)
    }
  }

  /** Writes out what is still held back, for as long as may be waited for. */
  async close(): Promise<void> {
    if (this.#sinks.size === 0) return
    const deadline = AbortSignal.timeout(FLUSH_MS)
    const soon = AbortSignal.timeout(ROOM_MS)
    await Promise.all([...this.#sinks.values()].map(({ sink }) => sink.whenRoom(soon)))
    for (const { sink } of this.#sinks.values()) this.#tellGap(sink)
    this.#add(endEntry({ instance: this.#instance }, this.#time(now())))
    await this.#retire(OUTPUTS, deadline)
  }

  async #begin(config: AuditLogConfig | undefined): Promise<void> {
    const names = OUTPUTS.filter((name) => config?.[name] !== undefined)
    if (config === undefined || names.length === 0) return
    const opened: { name: AuditOutput; sink: OpenSink; head: ChainHead | undefined }[] = []
    try {
      for (const name of names) {
        const sink = this.#make(name, config)
        opened.push({ name, sink, head: await sink.delivery.open() })
      }
    } catch (error) {
      await Promise.all(opened.map(({ sink }) => sink.sink.close(AbortSignal.timeout(FLUSH_MS))))
      throw error
    }
    const heads = opened.flatMap(({ head }) => (head === undefined ? [] : [head]))
    const [newest] = heads.toSorted((one, other) => other.seq - one.seq)
    this.#chain = new Chain(newest ?? this.#chain.head)
    this.#sinks = new Map(opened.map(({ name, sink }) => [name, sink]))
    const { version, pid } = this.#options
    const facts = { instance: this.#instance, version, pid, outputs: names }
    this.#add(startEntry(facts, this.#time(now())))
    for (const { name, head } of opened) this.#tellBehind(name, head, newest)
  }

  /** Records that another sink has, and that never came here. */
  #tellBehind(sink: AuditOutput, head: ChainHead | undefined, newest: ChainHead | undefined): void {
    if (head === undefined || newest === undefined || head.seq >= newest.seq) return
    const [from, to] = [head.seq + 1, newest.seq]
    this.#tellLost({ sink, from, to, count: to - head.seq })
  }

  async #replace(config: AuditLogConfig | undefined): Promise<void> {
    const wanted = describe(config)
    const failures: unknown[] = []
    for (const name of OUTPUTS) {
      const before = this.#sinks.get(name)
      if (before?.settings === wanted.get(name)) continue
      // First the old one ends: they may write to one place, and only some of its settings be new.
      await this.#retire([name])
      if (config?.[name] === undefined) continue
      try {
        await this.#open(name, config)
      } catch (error) {
        failures.push(error)
        if (before !== undefined) await this.#open(name, before.config)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  async #open(name: AuditOutput, config: AuditLogConfig): Promise<void> {
    const made = this.#make(name, config)
    const head = await made.delivery.open()
    const { seq, hash: own } = this.#chain.head
    // What lies there is of another chain.
    const isForeign =
      head !== undefined && (head.seq > seq || (head.seq === seq && head.hash !== own))
    if (isForeign && made.delivery instanceof AuditFile) await made.delivery.beginAnew()
    this.#sinks.set(name, made)
    this.#tellBehind(name, head, { seq, hash: own })
  }

  #make(name: AuditOutput, config: AuditLogConfig): OpenSink {
    const { emit, random } = this.#options
    const counts = this.#countsOf(name)
    const trouble = new AuditTrouble(name === 's3' ? 's3-spool' : name, emit)
    const { delivery, bufferBytes } = this.#deliveryFor(name, config, trouble)
    const countsItself = name === 's3'
    const options: AuditSinkOptions = { name, delivery, bufferBytes, counts, trouble, random }
    const sink = new AuditSink({ ...options, countsItself })
    return { sink, settings: describe(config).get(name) ?? '', delivery, config }
  }

  #deliveryFor(
    name: AuditOutput,
    { file, syslog, s3 }: AuditLogConfig,
    trouble: AuditTrouble,
  ): { delivery: Delivery; bufferBytes: number } {
    const { hostname, pid, uploader, emit, random } = this.#options
    if (name === 'file' && file !== undefined) {
      const delivery = new AuditFile(file, (error) => trouble.failing(error))
      return { delivery, bufferBytes: file.bufferBytes }
    }
    if (name === 'syslog' && syslog !== undefined) {
      return { delivery: openSyslog(syslog, { hostname, pid }), bufferBytes: syslog.bufferBytes }
    }
    if (s3 === undefined) throw new Error(`the audit log has no ${name}`)
    const delivery = new AuditSpool({
      config: s3,
      instance: this.#instance,
      upload: uploader(s3),
      counts: this.#countsOf(name),
      trouble: new AuditTrouble(name, emit),
      random,
    })
    return { delivery, bufferBytes: SPOOL_BUFFER_BYTES }
  }

  #countsOf(name: AuditOutput): AuditCounts {
    const known = this.#counts.get(name)
    if (known !== undefined) return known
    const counts = { written: 0, dropped: 0, failed: 0 }
    this.#counts.set(name, counts)
    return counts
  }

  #add(entry: Entry): void {
    const record = this.#chain.add(entry)
    for (const { sink } of this.#sinks.values()) sink.offer(record)
  }

  #loseEverywhere(count: number): void {
    for (const name of this.#sinks.keys()) this.#countsOf(name).dropped += count
    const reason = 'a thread could not hand them over'
    this.#options.emit({ kind: 'audit', sink: 'all', state: 'losing', reason, lost: count })
    this.#tellLost({ count })
  }

  #tellGap(sink: AuditSink): void {
    const gap = sink.takeGap()
    if (gap !== undefined) this.#tellLost(gap)
  }

  #tellLost(lost: Lost): void {
    this.#add(lostEntry(lost, this.#time(now())))
  }

  async #retire(
    names: readonly AuditOutput[],
    deadline = AbortSignal.timeout(FLUSH_MS),
  ): Promise<void> {
    const leaving = names.flatMap((name) => this.#sinks.get(name)?.sink ?? [])
    for (const name of names) this.#sinks.delete(name)
    await Promise.all(leaving.map((sink) => sink.close(deadline)))
  }
}

/** Of each output a digest of its settings: secrets among them. */
function describe(config: AuditLogConfig | undefined): ReadonlyMap<AuditOutput, string> {
  const described = OUTPUTS.flatMap((name) => {
    const settings = config?.[name]
    return settings === undefined ? [] : [[name, digestOf(settings)] as const]
  })
  return new Map(described)
}

function digestOf(settings: object): string {
  const reveal = (value: unknown): unknown => {
    if (value instanceof Secret) return value.reveal()
    if (typeof value !== 'object' || value === null) return value
    return Object.entries(value).map(([name, child]) => [name, reveal(child)])
  }
  return hash('sha256', JSON.stringify(reveal(settings)), 'hex')
}
