// A reading in the text format of Prometheus. With many buckets and replicas there are thousands of lines,
// and whoever scrapes holds up whoever is served: written here, a line costs a tenth of what it costs the
// package that knows all formats; a test holds the two against each other.

import { SECONDS } from '../exchange/counts.ts'
import { families } from './families.ts'
import type { FamilyName } from './families.ts'
import type { Reading, Series } from './reading.ts'

const BOUNDS: readonly string[] = [...SECONDS.map(String), '+Inf']
/** Behind the ranges of a histogram. */
const SUM = BOUNDS.length

export function writeText(reading: Reading): string {
  // The cast: `families` is read-only, and these are its keys.
  const names = Object.keys(families) as FamilyName[]
  return `${names.map((name) => writeFamily(name, reading[name] ?? [])).join('\n\n')}\n`
}

function writeFamily(name: FamilyName, all: readonly Series[]): string {
  const { kind, help } = families[name]
  let text = `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${kind}`
  for (const series of all) {
    const labels = labelsOf(name, series.labels)
    if (kind === 'histogram') text += histogram(name, labels, series.values)
    else text += `\n${name}${braced(labels)} ${numberText(series.values[0] ?? 0)}`
  }
  return text
}

function histogram(name: string, labels: string, values: readonly number[]): string {
  const before = `\n${name}_bucket{${labels === '' ? '' : `${labels},`}le="`
  let text = ''
  let count = 0
  for (const [index, bound] of BOUNDS.entries()) {
    count += values[index] ?? 0
    text += `${before}${bound}"} ${count}`
  }
  const all = braced(labels)
  return `${text}\n${name}_sum${all} ${numberText(values[SUM] ?? 0)}\n${name}_count${all} ${count}`
}

function labelsOf(name: FamilyName, values: readonly string[]): string {
  return families[name].labels
    .map((label, index) => `${label}="${escapeValue(values[index] ?? '')}"`)
    .join(',')
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`
}

function escapeValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value < 0 ? '-Inf' : '+Inf'
}
