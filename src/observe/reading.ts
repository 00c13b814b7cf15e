// What one thread, or all of them, have counted up to an instant: plain data that can travel between
// threads and be summed.

import { families } from './families.ts'
import type { FamilyName } from './families.ts'

export interface Series {
  /** Values of the family's labels, in its order. */
  readonly labels: readonly string[]
  /** One number; of a histogram those of its ranges, not cumulated, and then the sum. */
  readonly values: readonly number[]
  /** Of a histogram: by range, requests that a trace tells more of. */
  readonly exemplars?: readonly (Exemplar | undefined)[]
}

export interface Exemplar {
  readonly traceId: string
  readonly value: number
  /** Epoch seconds. */
  readonly at: number
}

export type Reading = Readonly<Partial<Record<FamilyName, readonly Series[]>>>

/** All as one. */
export function sumReadings(readings: readonly Reading[]): Reading {
  return mapFamilies((name) => {
    const merged = new Map<string, Series>()
    for (const series of readings.flatMap((reading) => reading[name] ?? [])) {
      const key = JSON.stringify(series.labels)
      const known = merged.get(key)
      merged.set(key, known === undefined ? series : add(name, known, series))
    }
    return [...merged.values()]
  })
}

/** Without what was only true at that instant: what is left of a thread that has ended. */
export function countersOf(reading: Reading): Reading {
  return mapFamilies((name) => (families[name].kind === 'gauge' ? [] : (reading[name] ?? [])))
}

function add(name: FamilyName, one: Series, other: Series): Series {
  const { labels, values } = one
  const isShared = families[name].isShared?.(labels) === true
  const sum = values.map((value, index) => {
    const added = other.values[index] ?? 0
    return isShared ? Math.max(value, added) : value + added
  })
  const exemplars = newest(one.exemplars, other.exemplars)
  return exemplars === undefined ? { labels, values: sum } : { labels, values: sum, exemplars }
}

function newest(a: Series['exemplars'], b: Series['exemplars']): Series['exemplars'] {
  if (a === undefined || b === undefined) return a ?? b
  return Array.from({ length: Math.max(a.length, b.length) }, (_, range) => {
    const [one, other] = [a[range], b[range]]
    return one === undefined || (other !== undefined && other.at > one.at) ? other : one
  })
}

function mapFamilies(seriesOf: (name: FamilyName) => readonly Series[]): Reading {
  const reading: Partial<Record<FamilyName, readonly Series[]>> = {}
  // The cast: `families` is read-only, and these are its keys.
  for (const name of Object.keys(families) as FamilyName[]) {
    const series = seriesOf(name)
    if (series.length > 0) reading[name] = series
  }
  return reading
}
