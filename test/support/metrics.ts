// What a Sluice tells Prometheus, read as Prometheus reads it.

import assert from 'node:assert/strict'

import { request } from './http.ts'
import { until } from './until.ts'

export type Labels = Readonly<Record<string, string>>

export interface Metrics {
  readonly text: string
  /** Of the `# TYPE` lines. */
  readonly families: ReadonlyMap<string, string>
  /** The sum over all samples of the name whose labels include these; 0 where there are none. */
  sum(name: string, labels?: Labels): number
  /** The labels of all samples of the name. */
  labels(name: string): readonly Labels[]
}

interface Sample {
  readonly name: string
  readonly labels: Labels
  readonly value: number
}

export async function scrape(opsUrl: string): Promise<Metrics> {
  const { status, text } = await request(`${opsUrl}/metrics`)
  assert.equal(status, 200, text)
  const lines = text.split('\n')
  const samples = lines.filter((line) => line !== '' && !line.startsWith('#')).map(parseSample)
  const types = lines.flatMap((line) => {
    const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    return name === undefined || type === undefined ? [] : [[name, type] as const]
  })
  return {
    text,
    families: new Map(types),
    sum: (name, labels = {}) =>
      samples
        .filter((sample) => sample.name === name && includes(sample.labels, labels))
        .reduce((sum, { value }) => sum + value, 0),
    labels: (name) => samples.filter((sample) => sample.name === name).map(({ labels }) => labels),
  }
}

/** An exchange is counted when its answer has ended, which its client hears of a little earlier. */
export function untilMetrics(
  opsUrl: string,
  what: string,
  isIt: (metrics: Metrics) => boolean,
): Promise<Metrics> {
  return until(what, () => scrape(opsUrl), isIt)
}

function parseSample(line: string): Sample {
  const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
  assert.ok(match, `no sample: ${line}`)
  const [, name = '', labels = '', value = ''] = match
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
  return {
    name,
    labels: Object.fromEntries(pairs.map(([, label = '', text = '']) => [label, text])),
    value: value === '+Inf' ? Infinity : Number(value),
  }
}

function includes(all: Labels, some: Labels): boolean {
  return Object.entries(some).every(([name, value]) => all[name] === value)
}

/** A metric, the labels of the samples that count, and by how much their sum has moved. */
export type Move = readonly [name: string, labels: Labels, by: number]

/** What an act moves, and by how much; what stands there with 0 it must not move. */
export async function assertMoves(
  opsUrl: string,
  act: () => Promise<unknown>,
  moves: readonly Move[],
): Promise<void> {
  const before = await scrape(opsUrl)
  await act()
  const moved = (now: Metrics): Move[] =>
    moves.map(([name, labels]) => [name, labels, now.sum(name, labels) - before.sum(name, labels)])
  const isThere = (now: Metrics): boolean =>
    moved(now).every(([, , by], index) => by >= (moves[index]?.[2] ?? 0))
  await untilMetrics(opsUrl, JSON.stringify(moves), isThere).catch(() => undefined)
  assert.deepEqual(moved(await scrape(opsUrl)), moves)
}
