// A reading in the text that Prometheus reads. What is counted stands in our own numbers; the
// package knows the format and its escapes.

import { Gauge, Registry } from 'prom-client'

import { SECONDS } from '../exchange/counts.ts'
import { families } from './families.ts'
import type { FamilyName } from './families.ts'
import type { Reading, Series } from './reading.ts'

export interface Exposition {
  readonly contentType: string
  readonly text: string
}

interface Sample {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

export async function expose(reading: Reading): Promise<Exposition> {
  const registry = new Registry()
  // The cast: `families` is read-only, and these are its keys.
  for (const name of Object.keys(families) as FamilyName[]) {
    const { kind: type, help } = families[name]
    const values = (reading[name] ?? []).flatMap((series) => samplesOf(name, series))
    // Of all its kinds of metric this one adds nothing of its own to what `get` gives.
    const metric = new Gauge({ name, help, registers: [registry] })
    Object.assign(metric, { get: () => ({ name, help, type, values }) })
  }
  return { contentType: registry.contentType, text: await registry.metrics() }
}

function samplesOf(name: FamilyName, series: Series): Sample[] {
  const { kind, labels: names } = families[name]
  const labels = Object.fromEntries(
    names.map((label, index) => [label, series.labels[index] ?? '']),
  )
  if (kind === 'histogram') return histogramSamples(name, labels, series.values)
  return [{ metricName: name, labels, value: series.values[0] ?? 0 }]
}

function histogramSamples(
  name: string,
  labels: Sample['labels'],
  values: readonly number[],
): Sample[] {
  let count = 0
  const buckets = [...SECONDS, Number.POSITIVE_INFINITY].map((bound, index) => {
    count += values[index] ?? 0
    const le = Number.isFinite(bound) ? bound : '+Inf'
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count }
  })
  const sum = values[SECONDS.length + 1] ?? 0
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ]
}
