import assert from 'node:assert/strict'
import { test } from 'node:test'

import { MEANINGS } from './marks.ts'
import type { Mark } from './marks.ts'
import { legend, resultTable } from './result-table.ts'
import { summarize } from './summary.ts'
import type { Line } from './summary.ts'

function lineOf(
  server: string,
  [requestsPerSecond, cpuUsPerRequest]: readonly [number, number],
  marks: readonly Mark[] = [],
): Line {
  const latencies = { p50Ms: 0.45, p99Ms: 1.2, p999Ms: 12.34 }
  const round = { requestsPerSecond, cpuUsPerRequest, ...latencies, coreShare: 1, rssMiB: 95.4 }
  const rounds = [{ ...round, marks }]
  return { road: 'memory', size: '1KB', server, figures: summarize(rounds), rounds }
}

const LINES: readonly Line[] = [
  lineOf('do-nothing', [70_000, 14]),
  lineOf('nginx', [63_000, 15.75]),
  lineOf('sluice', [56_000, 17.5], ['load']),
  { road: 'memory', size: '1KB', server: 'varnish', figures: undefined, rounds: [] },
]

function cellsOf(lines: readonly Line[], row: number): string[] {
  const text = resultTable(lines).split('\n')[row + 2] ?? ''
  return text.split(/ {2,}/)
}

test('each line has its figures and how they stand to each yardstick', () => {
  const speeds = ['63000', '0.90', '–', '–']
  const cpu = ['15.8', '1.13', '–', '–']
  const rest = ['0.45', '1.20', '12.3', '95', '1.00']
  assert.deepEqual(cellsOf(LINES, 1), ['memory', '1KB', 'nginx', ...speeds, ...cpu, ...rest])
})

test('a speed in doubt has a tilde, in the ratios too, and the mark behind it', () => {
  const cells = cellsOf(LINES, 2)
  assert.deepEqual(cells.slice(3, 7), ['~56000', '~0.80', '~0.89', '–'])
  assert.deepEqual(cells.slice(7, 11), ['17.5', '1.25', '1.11', '–'])
  assert.equal(cells.at(-1), 'load 1/1')
})

test('who has no such road has a dash in every column', () => {
  const cells = cellsOf(LINES, 3)
  assert.deepEqual(cells.slice(0, 3), ['memory', '1KB', 'varnish'])
  assert.deepEqual([...new Set(cells.slice(3))], ['–'])
  const [head = ''] = resultTable(LINES).split('\n')
  assert.equal(cells.length, head.split(/ {2,}/).length - 1)
})

test('nobody is set beside themselves', () => {
  assert.deepEqual(cellsOf(LINES, 0).slice(4, 7), ['–', '1.11', '–'])
})

test('the marks that are there are explained, and no others', () => {
  assert.equal(legend(LINES), `load: ${MEANINGS.load}`)
  assert.equal(legend([]), '')
})
