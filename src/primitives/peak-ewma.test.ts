import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createPeakEwma, latencyAt, observeLatency } from './peak-ewma.ts'

test('bad news is believed at once', () => {
  const ewma = createPeakEwma()
  observeLatency(ewma, 10, 1000)
  observeLatency(ewma, 900, 1001)
  assert.equal(ewma.valueMs, 900)
})

test('good news is believed the more, the longer the last news is past', () => {
  const after = (passedMs: number): number => {
    const ewma = createPeakEwma()
    observeLatency(ewma, 1000, 0)
    observeLatency(ewma, 0, passedMs)
    return ewma.valueMs
  }
  assert.equal(after(0), 1000)
  assert.ok(after(100) > 900)
  assert.ok(after(10_000) > 350 && after(10_000) < 380)
  assert.ok(after(100_000) < 1)
})

test('a clock that stands still or goes back changes nothing for the worse', () => {
  const ewma = createPeakEwma()
  observeLatency(ewma, 100, 5000)
  observeLatency(ewma, 50, 4000)
  assert.equal(ewma.valueMs, 100)
})

test('steady latency is told as it is', () => {
  const ewma = createPeakEwma()
  for (let at = 0; at < 60_000; at += 100) observeLatency(ewma, 25, at)
  assert.ok(Math.abs(ewma.valueMs - 25) < 1e-9)
})

test('what was slow once counts less and less while nobody asks it', () => {
  const ewma = createPeakEwma()
  observeLatency(ewma, 5000, 0)
  assert.equal(latencyAt(ewma, 0), 5000)
  assert.ok(latencyAt(ewma, 10_000) < 2000)
  assert.ok(latencyAt(ewma, 120_000) < 1)
  assert.equal(ewma.valueMs, 5000)
})
