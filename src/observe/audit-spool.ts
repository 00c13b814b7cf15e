// The audit log on its way to S3: records are gathered in a file, which is closed after a while, and sent
// as it is until it has arrived. What lies there survives the program; the next one sends it.

import { mkdir, open, readdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

import type { AuditS3Config } from '../config/audit-log.ts'
import { backoffMs } from '../primitives/backoff.ts'
import { now } from '../primitives/clock.ts'
import { parseRecord } from './audit-chain.ts'
import type { ChainedRecord, ChainHead } from './audit-chain.ts'
import { whenAborted } from './audit-sink.ts'
import type { AuditCounts, Delivery } from './audit-sink.ts'
import { mendFile } from './audit-tail.ts'
import type { AuditTrouble } from './audit-trouble.ts'

/** Puts an object where the configuration says; rejects when it may not have arrived. */
export type Upload = (key: string, bytes: Uint8Array, signal: AbortSignal) => Promise<void>

export interface AuditSpoolOptions {
  readonly config: AuditS3Config
  /** Of this process: no other writes objects of the same names. */
  readonly instance: string
  readonly upload: Upload
  readonly counts: AuditCounts
  readonly trouble: AuditTrouble
  readonly random: () => number
}

/** What one object holds at the most, before it is made smaller. */
const BATCH_BYTES = 16 * 1024 * 1024
const BACKOFF = { initialBackoffMs: 1000, maxBackoffMs: 10_000 }
const HEAD = 'head.json'
/** Instance, day, first and last record, and how many they are. */
const SEALED = /^(.+)_(\d{4}-\d{2}-\d{2})_(\d+)-(\d+)-(\d+)\.jsonl$/
const OPEN = /^open_(.+)_(\d{4}-\d{2}-\d{2})_\d+\.jsonl$/
const compress = promisify(gzip)

interface OpenBatch {
  readonly handle: FileHandle
  readonly path: string
  readonly day: string
  readonly first: number
  last: number
  count: number
  bytes: number
  hash: string
}

export class AuditSpool implements Delivery {
  readonly batchBytes = 1024 * 1024
  readonly #options: AuditSpoolOptions
  readonly #stop = new AbortController()
  #batch: OpenBatch | undefined
  #sealTimer: NodeJS.Timeout | undefined
  /** Steps that touch the open batch, one after the other. */
  #turn: Promise<unknown> = Promise.resolve()
  #spooled = 0
  #sending: Promise<void> | undefined
  #isClosing = false
  #wake: (() => void) | undefined
  #isMore = false
  readonly #failing = (error: unknown): void => this.#options.trouble.failing(error)

  constructor(options: AuditSpoolOptions) {
    this.#options = options
  }

  async open(): Promise<ChainHead | undefined> {
    const { spoolFolder } = this.#options.config
    await mkdir(spoolFolder, { recursive: true, mode: 0o750 })
    const left = await this.#sealLeft()
    const names = await this.#sealed()
    const sizes = await Promise.all(names.map((name) => stat(join(spoolFolder, name))))
    this.#spooled = sizes.reduce((sum, { size }) => sum + size, 0)
    const noted = await readHead(join(spoolFolder, HEAD))
    if (names.length > 0) this.#send()
    const heads = [...left, ...(noted === undefined ? [] : [noted])]
    return heads.toSorted((one, other) => other.seq - one.seq)[0]
  }

  async deliver(records: readonly ChainedRecord[]): Promise<number> {
    return this.#inTurn(async () => {
      const batch = (this.#batch ??= await this.#begin(records[0]?.seq ?? 0))
      const bytes = Buffer.from(records.map(({ line }) => `${line}\n`).join(''))
      if (this.#spooled + bytes.byteLength > this.#options.config.maxSpoolBytes) {
        throw new Error(`the spool is full: ${this.#options.config.spoolFolder}`)
      }
      await append(batch, bytes)
      const { seq = 0, line = '' } = records.at(-1) ?? {}
      batch.last = seq
      batch.hash = line.slice(-66, -2)
      batch.count += records.length
      this.#spooled += bytes.byteLength
      // It has been taken, whatever becomes of the sealing.
      if (batch.bytes >= BATCH_BYTES) await this.#seal().catch(this.#failing)
      return records.length
    })
  }

  /** Sends what there is; what does not arrive in time stays for the next program. */
  async close(deadline: AbortSignal): Promise<void> {
    this.#isClosing = true
    await this.#inTurn(() => this.#seal()).catch(this.#failing)
    this.#wake?.()
    whenAborted(deadline, () => this.#stop.abort())
    this.#send()
    await this.#sending
  }

  #inTurn<Result>(step: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(step)
    this.#turn = result.catch(() => {})
    return result
  }

  async #begin(first: number): Promise<OpenBatch> {
    const { config, instance } = this.#options
    const day = new Date(now()).toISOString().slice(0, 10)
    const path = join(config.spoolFolder, `open_${instance}_${day}_${first}.jsonl`)
    const handle = await open(path, 'a+', 0o640)
    clearTimeout(this.#sealTimer)
    this.#sealTimer = setTimeout(() => {
      this.#inTurn(() => this.#seal()).catch(this.#failing)
    }, config.exportIntervalMs)
    return { handle, path, day, first, last: first, count: 0, bytes: 0, hash: '' }
  }

  /** The open batch is one to be sent. */
  async #seal(): Promise<void> {
    const batch = this.#batch
    clearTimeout(this.#sealTimer)
    if (batch === undefined) return
    this.#batch = undefined
    const { spoolFolder } = this.#options.config
    try {
      await batch.handle.datasync()
    } finally {
      await batch.handle.close()
    }
    if (batch.count === 0) return unlink(batch.path)
    await rename(batch.path, join(spoolFolder, sealedName(this.#options.instance, batch)))
    const head = JSON.stringify({ seq: batch.last, hash: batch.hash })
    await writeFile(join(spoolFolder, HEAD), head).catch(this.#failing)
    this.#send()
  }

  /** Of a program that ended suddenly. Gives where they end. */
  async #sealLeft(): Promise<ChainHead[]> {
    const { spoolFolder } = this.#options.config
    const heads: ChainHead[] = []
    for (const name of await readdir(spoolFolder)) {
      const [, instance, day] = OPEN.exec(name) ?? []
      if (instance === undefined || day === undefined) continue
      const path = join(spoolFolder, name)
      const { last } = await mendFile(path)
      if (last === undefined) {
        await unlink(path)
        continue
      }
      const lines = (await readFile(path, 'utf8')).split('\n')
      const first = parseRecord(lines[0] ?? '')?.seq ?? last.seq
      const batch = { day, first, last: last.seq, count: lines.length - 1 }
      await rename(path, join(spoolFolder, sealedName(instance, batch)))
      heads.push(last)
    }
    return heads
  }

  /** Oldest first. */
  async #sealed(): Promise<string[]> {
    const names = await readdir(this.#options.config.spoolFolder)
    const firstOf = (name: string): number => Number(SEALED.exec(name)?.[3])
    return names
      .filter((name) => SEALED.test(name))
      .sort((one, other) => firstOf(one) - firstOf(other))
  }

  #send(): void {
    this.#isMore = true
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined
    })
  }

  async #sendAll(): Promise<void> {
    const { counts, trouble, random } = this.#options
    for (let failures = 0; !this.#stop.signal.aborted;) {
      this.#isMore = false
      const [name] = await this.#sealed().catch(() => [])
      if (name === undefined && this.#isMore) continue
      if (name === undefined) return
      const count = Number(SEALED.exec(name)?.[5])
      try {
        await this.#sendOne(name)
        counts.written += count
        failures = 0
        trouble.well()
      } catch (error) {
        counts.failed += count
        trouble.failing(error)
        // At the end once more at once, and then not again: it stays where it is.
        if (this.#isClosing && failures > 0) return
        await this.#pause(backoffMs(BACKOFF, failures, random()))
        failures += 1
      }
    }
  }

  async #sendOne(name: string): Promise<void> {
    const { config, upload } = this.#options
    const path = join(config.spoolFolder, name)
    const [, instance = '', day = '', first = '', last = ''] = SEALED.exec(name) ?? []
    const lines = await readFile(path)
    const isGzip = config.compression === 'gzip'
    const range = [first, last].map((seq) => seq.padStart(12, '0')).join('-')
    const file = `${range}.jsonl${isGzip ? '.gz' : ''}`
    const key = `${config.pathPrefix}${day.replaceAll('-', '/')}/${instance}/${file}`
    await upload(key, isGzip ? await compress(lines) : lines, this.#stop.signal)
    await unlink(path)
    this.#spooled -= lines.byteLength
  }

  /** Until the end is near. */
  async #pause(ms: number): Promise<void> {
    if (this.#isClosing) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }
}

async function append(batch: OpenBatch, bytes: Buffer): Promise<void> {
  try {
    let rest = bytes
    while (rest.byteLength > 0) {
      const { bytesWritten } = await batch.handle.write(rest)
      rest = rest.subarray(bytesWritten)
    }
    batch.bytes += bytes.byteLength
  } catch (error) {
    await batch.handle.truncate(batch.bytes).catch(() => {})
    throw error
  }
}

function sealedName(
  instance: string,
  { day, first, last, count }: Pick<OpenBatch, 'day' | 'first' | 'last' | 'count'>,
): string {
  return `${instance}_${day}_${first}-${last}-${count}.jsonl`
}

async function readHead(path: string): Promise<ChainHead | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '')
  const [, seq, hash] = /^\{"seq":(\d{1,15}),"hash":"([0-9a-f]{64})"\}$/.exec(text) ?? []
  return seq === undefined || hash === undefined ? undefined : { seq: Number(seq), hash }
}
