import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'
import { Gauge, Registry } from 'prom-client'

import { SECONDS } from '../exchange/counts.ts'
import { families } from './families.ts'
import type { FamilyName } from './families.ts'
import type { Reading, Series } from './reading.ts'
import { writeText } from './text-format.ts'

/** As the package writes it, from samples with all that it can be told. */
async function byThePackage(reading: Reading): Promise<string> {
  const registry = new Registry()
  for (const name of Object.keys(families) as FamilyName[]) {
    const { kind: type, help } = families[name]
    const values = (reading[name] ?? []).flatMap((series) => samplesOf(name, series))
    const metric = new Gauge({ name, help, registers: [registry] })
    Object.assign(metric, { get: () => ({ name, help, type, values }) })
  }
  return registry.metrics()
}

function samplesOf(name: FamilyName, { labels: given, values }: Series): object[] {
  const { kind, labels: names } = families[name]
  const labels = Object.fromEntries(names.map((label, index) => [label, given[index]]))
  if (kind !== 'histogram') return [{ metricName: name, labels, value: values[0] }]
  let count = 0
  const buckets = [...SECONDS, '+Inf'].map((le, index) => {
    count += values[index] ?? 0
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: values.at(-1) },
    { metricName: `${name}_count`, labels, value: count },
  ]
}

const number = fc.oneof(fc.nat(), fc.double({ noNaN: true, noDefaultInfinity: true }))

function seriesOf(name: FamilyName): fc.Arbitrary<Series[]> {
  const { kind, labels } = families[name]
  const size = { minLength: labels.length, maxLength: labels.length }
  const ranges = { minLength: SECONDS.length + 1, maxLength: SECONDS.length + 1 }
  const values =
    kind === 'histogram'
      ? fc.tuple(fc.array(fc.nat(), ranges), number).map(([counts, sum]) => [...counts, sum])
      : fc.tuple(number)
  return fc.array(fc.record({ labels: fc.array(fc.string({ unit: 'binary' }), size), values }), {
    maxLength: 3,
  })
}

test('a reading is written as the package would write it', async () => {
  const names = Object.keys(families) as FamilyName[]
  const all = Object.fromEntries(names.map((name) => [name, seriesOf(name)]))
  await fc.assert(
    fc.asyncProperty(fc.record(all), async (reading) => {
      assert.equal(writeText(reading), await byThePackage(reading))
    }),
    { seed: 7, numRuns: 30 },
  )
})

test('what is no number is written as Prometheus reads it', () => {
  for (const [value, written] of [
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, '+Inf'],
    [Number.NEGATIVE_INFINITY, '-Inf'],
  ] as const) {
    const text = writeText({ sluice_connections_open: [{ labels: [], values: [value] }] })
    assert.ok(text.includes(`\nsluice_connections_open ${written}\n`))
  }
})
