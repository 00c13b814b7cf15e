// The metrics of one thread: what its exchanges left behind, and what its parts have counted.

import { performance } from 'node:perf_hooks'

import type { Counts } from '../exchange/counts.ts'
import { ExchangeTally, one } from './exchange-tally.ts'
import { readCounts } from './read-counts.ts'
import { sumReadings } from './reading.ts'
import type { Reading } from './reading.ts'

export class ThreadMetrics {
  readonly exchanges = new ExchangeTally()

  read(counts: Counts): Reading {
    const exchanges = this.exchanges.read(counts.cache?.buckets ?? [])
    return sumReadings([exchanges, readCounts(counts), readThread()])
  }
}

function readThread(): Reading {
  const { heapUsed, heapTotal, external } = process.memoryUsage()
  const { active } = performance.eventLoopUtilization()
  return {
    nodejs_heap_size_used_bytes: [one([], heapUsed)],
    nodejs_heap_size_total_bytes: [one([], heapTotal)],
    nodejs_external_memory_bytes: [one([], external)],
    nodejs_eventloop_active_seconds_total: [one([], active / 1000)],
  }
}
