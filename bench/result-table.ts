// All that was measured as one table for a terminal.

import { MARKS, marksText, MEANINGS } from './marks.ts'
import { besideOf, isSpeedDoubtful, ratioOf } from './summary.ts'
import type { Line, Ratio } from './summary.ts'
import { figure, table } from './table.ts'

const NONE = '–'
/** Beside whom everybody is set; the names are those of their lines. */
const YARDSTICKS = ['do-nothing', 'nginx', 'varnish'] as const
const SHORT = ['/nothing', '/nginx', '/varnish']
const WORD_COLUMNS = 3

export function resultTable(lines: readonly Line[]): string {
  const speed = ['req/s', ...SHORT]
  const cpu = ['CPU µs', ...SHORT]
  const rest = ['p50 ms', 'p99 ms', 'p99.9 ms', 'RSS MiB', 'cores', 'marks']
  const head = ['road', 'size', 'server', ...speed, ...cpu, ...rest]
  return table([head, ...lines.map((line) => rowOf(line, lines))], WORD_COLUMNS)
}

/** What the marks mean that are there. */
export function legend(lines: readonly Line[]): string {
  const present = MARKS.filter((mark) => {
    return lines.some(({ rounds }) => rounds.some(({ marks }) => marks.includes(mark)))
  })
  return present.map((mark) => `${mark}: ${MEANINGS[mark]}`).join('\n')
}

function rowOf(line: Line, lines: readonly Line[]): string[] {
  const names = [line.road, line.size, line.server]
  const { figures } = line
  const marks = marksText(line.rounds)
  if (figures === undefined) return [...names, ...Array.from({ length: 13 }, () => NONE), marks]
  const ratios = YARDSTICKS.map((server) => {
    return server === line.server ? undefined : ratioOf(line, besideOf(line, server, lines))
  })
  const about = isSpeedDoubtful(line) ? '~' : ''
  return [
    ...names,
    about + figure(figures.requestsPerSecond),
    ...ratios.map(speedText),
    figure(figures.cpuUsPerRequest),
    ...ratios.map((ratio) => ratio?.cpu.toFixed(2) ?? NONE),
    figure(figures.p50Ms),
    figure(figures.p99Ms),
    figure(figures.p999Ms),
    figures.rssMiB.toFixed(0),
    figures.coreShare.toFixed(2),
    marks,
  ]
}

function speedText(ratio: Ratio | undefined): string {
  if (ratio === undefined) return NONE
  return (ratio.isSpeedDoubtful ? '~' : '') + ratio.speed.toFixed(2)
}
