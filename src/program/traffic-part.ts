// What one thread has seen pass, here or at the end of a line, and what all of them have.

import { mergeTop, NO_TOTALS, sumTotals, sumTraffic, LOOK_MS } from '../observe/observe.ts'
import type {
  TopReading,
  Totals,
  Traffic,
  TrafficReading,
  TrafficSample,
} from '../observe/observe.ts'
import type { TrafficDesk } from '../admin/admin.ts'
import type { OriginCounts, ServerCounts } from '../exchange/counts.ts'
import { monotonic, now } from '../primitives/clock.ts'
import { answersOf } from './fleet-desk.ts'
import type { Answers, ThreadLine } from './thread-line.ts'

/** Of all threads, whichever configuration they serve. */
export type FleetTraffic = Pick<TrafficDesk, 'read' | 'top'>

export interface TrafficPart {
  read(seconds: number): Promise<TrafficReading>
  top(): Promise<TopReading>
}

export interface WatchOptions {
  readonly traffic: Traffic
  readonly server: () => ServerCounts
  readonly origins: () => readonly OriginCounts[]
}

export interface WatchedTraffic extends TrafficPart {
  /** Whether there is anybody who may ask. */
  watch(isWatched: boolean): void
}

export function watchTraffic({ traffic, server, origins }: WatchOptions): WatchedTraffic {
  const sample = (): TrafficSample => {
    let originBytes = 0
    for (const { replicas } of origins()) for (const { bytes } of replicas) originBytes += bytes
    return { originBytes, inFlight: server().running }
  }
  const look = (): void => traffic.look(now(), monotonic(), sample)
  let timer: NodeJS.Timeout | undefined
  return {
    read: async (seconds) => traffic.read(seconds, now(), server()),
    top: async () => traffic.top.read(),
    watch: (isWatched) => {
      if (isWatched === (timer !== undefined)) return
      traffic.watch(isWatched)
      clearInterval(timer)
      timer = isWatched ? setInterval(look, LOOK_MS).unref() : undefined
    },
  }
}

const PATIENCE_MS = 2000

// The casts: what comes over a line is what `trafficAnswersOf` of this very program gave to it.
function trafficAt(line: ThreadLine): TrafficPart {
  return {
    read: (seconds) => line.ask('traffic', [seconds], PATIENCE_MS) as Promise<TrafficReading>,
    top: () => line.ask('top', [], PATIENCE_MS) as Promise<TopReading>,
  }
}

/** The other end; what it does not know, `others` may. */
export function trafficAnswersOf(part: TrafficPart, others: Answers): Answers {
  return async (name, args) => {
    if (name === 'traffic') return part.read(Number(args[0]))
    if (name === 'top') return part.top()
    return others(name, args)
  }
}

/** Of one thread that is here. */
export function localTraffic(part: TrafficPart): FleetTraffic {
  return {
    read: async (seconds) => ({ threads: 1, reading: await part.read(seconds) }),
    top: async (limit) => mergeTop([await part.top()], limit),
  }
}

/** What has passed since the start does not become less when a thread ends. */
export function trafficOf(lines: () => readonly ThreadLine[]): FleetTraffic {
  const last = new Map<ThreadLine, Totals>()
  let departed = NO_TOTALS
  return {
    read: async (seconds) => {
      const readings = await answersOf(lines(), async (line) => {
        const reading = await trafficAt(line).read(seconds)
        last.set(line, reading.sinceStart)
        return reading
      })
      for (const [line, totals] of last) {
        if (!line.isClosed) continue
        departed = sumTotals([departed, totals])
        last.delete(line)
      }
      const reading = sumTraffic(readings, seconds)
      const sinceStart = sumTotals([departed, ...last.values()])
      return { threads: readings.length, reading: { ...reading, sinceStart } }
    },
    top: async (limit) =>
      mergeTop(await answersOf(lines(), (line) => trafficAt(line).top()), limit),
  }
}
