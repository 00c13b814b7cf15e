// A load that comes at its own pace, whatever becomes of it: a program of its own. Questions are due at
// even distances; each takes a connection that is free, or a new one while there may be more, or waits
// for one, not for ever, and its time counts from when it was due. For every step of the pace it writes a
// line of JSON.
//
// Arguments: port, path, connections to begin with, the most there may be, and the steps as `rate:seconds,…`.

import { LOG_RANGES, percentileOf, rangeOf } from '../../src/primitives/log-histogram.ts'
import { Line } from './line.ts'
import type { Answered } from './line.ts'

export interface StepReport {
  readonly rate: number
  readonly seconds: number
  readonly due: number
  /** By status. */
  readonly answers: Readonly<Record<string, number>>
  /** Connections that closed on a question. */
  readonly broken: number
  /** Questions that waited too long for a connection. */
  readonly givenUp: number
  readonly connections: number
  /** With what was waited for a connection. */
  readonly sinceDueP99Ms: number | undefined
  readonly acceptedP50Ms: number | undefined
  readonly acceptedP99Ms: number | undefined
  readonly refusedP99Ms: number | undefined
  /** How busy the load itself was, of 1: nearly 1, and it is the load that was measured. */
  readonly loadBusy: number
}

const TICK_MS = 1
/** For a connection that is free. */
const PATIENCE_MS = 2000

const [, , portText, path = '/', fewestText, mostText, stepsText = ''] = process.argv
const [port = 0, fewest = 0, most = 0] = [portText, fewestText, mostText].map(Number)
const question = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`

/** First come, first served, so that all connections get their turn. */
class Queue<Item> {
  #items: Item[] = []
  #start = 0

  push(item: Item): void {
    this.#items.push(item)
  }

  shift(): Item | undefined {
    const item = this.#items[this.#start]
    if (item !== undefined) this.#start += 1
    if (this.#start < CUT) return item
    this.#items = this.#items.slice(this.#start)
    this.#start = 0
    return item
  }

  leave(gone: Item): void {
    this.#items = this.#items.slice(this.#start).filter((item) => item !== gone)
    this.#start = 0
  }
}

const CUT = 10_000
const free = new Queue<Line>()
const lines = new Set<Line>()
/** Instants at which questions were due that nobody has asked yet. */
const queue = new Queue<number>()
let givenUp = 0
let answers: Record<string, number> = {}
let broken = 0
let asked = 0
let accepted = new Uint32Array(LOG_RANGES)
let sinceDue = new Uint32Array(LOG_RANGES)
let refused = new Uint32Array(LOG_RANGES)

const events = {
  answered: (line: Line, { status, ms, askedMs }: Answered): void => {
    answers[status] = (answers[status] ?? 0) + 1
    count(status < 400 ? accepted : refused, askedMs)
    if (status < 400) count(sinceDue, ms)
    const dueAt = nextDue()
    if (dueAt === undefined) free.push(line)
    else line.ask(dueAt)
  },
  closed: (line: Line, dueAt: number | undefined): void => {
    lines.delete(line)
    if (dueAt === undefined) free.leave(line)
    else broken += 1
  },
}

function count(counts: Uint32Array, ms: number): void {
  const range = rangeOf(ms)
  counts[range] = (counts[range] ?? 0) + 1
}

function nextDue(): number | undefined {
  const eldest = performance.now() - PATIENCE_MS
  for (;;) {
    const dueAt = queue.shift()
    if (dueAt === undefined || dueAt >= eldest) return dueAt
    givenUp += 1
  }
}

function ask(dueAt: number): void {
  asked += 1
  const line = free.shift() ?? (lines.size < most ? open() : undefined)
  if (line === undefined) queue.push(dueAt)
  else line.ask(dueAt)
}

function open(): Line {
  const line = new Line(port, question, events)
  lines.add(line)
  return line
}

async function step(rate: number, seconds: number): Promise<StepReport> {
  const before = { asked, busy: performance.eventLoopUtilization() }
  answers = {}
  broken = 0
  accepted = new Uint32Array(LOG_RANGES)
  sinceDue = new Uint32Array(LOG_RANGES)
  refused = new Uint32Array(LOG_RANGES)
  givenUp = 0
  const startedAt = performance.now()
  let due = 0
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsed = performance.now() - startedAt
      const wanted = (Math.min(elapsed / 1000, seconds) * rate) | 0
      for (; due < wanted; due += 1) ask(startedAt + (due / rate) * 1000)
      if (elapsed < seconds * 1000) return
      clearInterval(timer)
      resolve()
    }, TICK_MS)
  })
  return {
    rate,
    seconds,
    due: asked - before.asked,
    answers,
    broken,
    givenUp,
    connections: lines.size,
    sinceDueP99Ms: percentileOf(sinceDue, 0.99),
    acceptedP50Ms: percentileOf(accepted, 0.5),
    acceptedP99Ms: percentileOf(accepted, 0.99),
    refusedP99Ms: percentileOf(refused, 0.99),
    loadBusy: performance.eventLoopUtilization(before.busy).utilization,
  }
}

for (let count = 0; count < fewest; count += 1) free.push(open())
for (const text of stepsText.split(',')) {
  const [rate = 0, seconds = 1] = text.split(':').map(Number)
  console.log(JSON.stringify(await step(rate, seconds)))
}
for (const line of lines) line.destroy()
process.exit(0)
