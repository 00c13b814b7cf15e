// A reading in the text that Prometheus reads.

import { Gauge, Registry } from 'prom-client'
import type { RegistryContentType } from 'prom-client'

import { SECONDS } from '../exchange/counts.ts'
import { families } from './families.ts'
import type { FamilyName } from './families.ts'
import type { Reading, Series } from './reading.ts'
import { writeText } from './text-format.ts'

export interface Exposition {
  readonly contentType: string
  readonly text: string
}

const OPEN_METRICS = Registry.OPENMETRICS_CONTENT_TYPE
const PROMETHEUS = Registry.PROMETHEUS_CONTENT_TYPE

interface Sample {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
  readonly exemplar?: {
    readonly labelSet: Sample['labels']
    readonly value: number
    readonly timestamp: number
  }
}

/** Whether there is something that only OpenMetrics can say. */
export function hasExemplars(reading: Reading): boolean {
  return Object.values(reading).some((all) => all.some(({ exemplars }) => exemplars !== undefined))
}

/** The package is slower than it need be, but knows what else OpenMetrics asks for. */
export async function expose(reading: Reading, isOpenMetrics = false): Promise<Exposition> {
  if (!isOpenMetrics) return { contentType: PROMETHEUS, text: writeText(reading) }
  const registry: Registry<RegistryContentType> = new Registry()
  registry.setContentType(isOpenMetrics ? OPEN_METRICS : PROMETHEUS)
  // The cast: `families` is read-only, and these are its keys.
  for (const name of Object.keys(families) as FamilyName[]) {
    const { kind: type, help } = families[name]
    const values = (reading[name] ?? []).flatMap((series) => samplesOf(name, series))
    // Of all its kinds of metric this one adds nothing of its own to what `get` gives.
    const metric = new Gauge({ name, help, registers: [registry] })
    // OpenMetrics names a counter without its end, which the package adds to its samples.
    const told = isOpenMetrics && type === 'counter' ? name.replace(/_total$/, '') : name
    const samples = told === name ? values : values.map((one) => ({ ...one, metricName: told }))
    Object.assign(metric, { get: () => ({ name: told, help, type, values: samples }) })
  }
  return { contentType: registry.contentType, text: await registry.metrics() }
}

function samplesOf(name: FamilyName, series: Series): Sample[] {
  const { kind, labels: names } = families[name]
  const labels = Object.fromEntries(
    names.map((label, index) => [label, series.labels[index] ?? '']),
  )
  if (kind === 'histogram') return histogramSamples(name, labels, series)
  return [{ metricName: name, labels, value: series.values[0] ?? 0 }]
}

function histogramSamples(
  name: string,
  labels: Sample['labels'],
  { values, exemplars }: Series,
): Sample[] {
  let count = 0
  const buckets = [...SECONDS, Number.POSITIVE_INFINITY].map((bound, index) => {
    count += values[index] ?? 0
    const le = Number.isFinite(bound) ? bound : '+Inf'
    const sample = { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count }
    const exemplar = exemplars?.[index]
    if (exemplar === undefined) return sample
    const { traceId: trace_id, value, at: timestamp } = exemplar
    return { ...sample, exemplar: { labelSet: { trace_id }, value, timestamp } }
  })
  const sum = values[SECONDS.length + 1] ?? 0
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ]
}
