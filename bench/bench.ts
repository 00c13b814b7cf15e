// What Sluice costs, beside a Node server that does nothing and nginx on the same road to the same
// origin. The contenders take turns in every round, so that what disturbs the machine disturbs all
// of them, and each figure is the middle one of its rounds.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Child } from '../test/support/children.ts'
import { openContest } from './contenders.ts'
import type { Contender } from './contenders.ts'
import { describeMachine, missingPrograms } from './machine.ts'
import type { Machine } from './machine.ts'
import { measure, median } from './measure.ts'
import type { Measurement } from './measure.ts'
import { measureMicro, microTable } from './micro.ts'
import { readOptions, USAGE } from './options.ts'
import type { Options, Size } from './options.ts'
import { openFolder } from './place.ts'
import { figure, table } from './table.ts'

interface Line extends Measurement {
  readonly size: string
  readonly server: string
  /** Requests per second, as a share of the do-nothing server's. */
  readonly ratio: number
  /** CPU time per request, in multiples of the do-nothing server's. */
  readonly cpuRatio: number
  readonly rounds: readonly Measurement[]
}

const RESULTS = fileURLToPath(new URL('results', import.meta.url))
const EXIT_PATIENCE_MS = 10_000
const BUSY_LOAD = 0.5
const ADVICE = 'CPU per request still means something, requests per second do not'

async function bench(options: Options): Promise<void> {
  const missing = missingPrograms(options)
  if (missing.length > 0) throw new Error(`not installed: ${missing.join(', ')}`)
  mkdirSync(RESULTS, { recursive: true })
  const machine = describeMachine()
  console.log(`${machineText(machine)}\n`)

  const profileFolder = options.cpuProfile ? RESULTS : undefined
  const contest = { folder: openFolder(), profileFolder, ...options }
  const { contenders, origin } = await openContest(contest)
  const lines: Line[] = []
  for (const size of options.sizes) lines.push(...(await compare(contenders, size, options)))
  await Promise.all([origin, ...contenders.map(({ child }) => child)].map(end))
  console.log(`${linesTable(lines)}\n`)

  const micro = await measureMicro()
  console.log(microTable(micro))
  const name = new Date().toISOString().replaceAll(':', '-').slice(0, 19)
  const file = join(RESULTS, `${name}.json`)
  writeFileSync(file, `${JSON.stringify({ machine, options, lines, micro }, undefined, 2)}\n`)
  console.log(`\n${file}`)
}

async function compare(
  contenders: readonly Contender[],
  size: Size,
  { rounds, roundSeconds, warmUpSeconds }: Options,
): Promise<Line[]> {
  for (const contender of contenders) await measure(contender, size, warmUpSeconds)
  const measured = contenders.map((): Measurement[] => [])
  for (let round = 0; round < rounds; round += 1) {
    progress(`${size.name}, round ${round + 1} of ${rounds}`)
    for (const [index, contender] of contenders.entries()) {
      measured[index]?.push(await measure(contender, size, roundSeconds))
    }
  }
  const middles = measured.map(median)
  const [yardstick] = middles
  return contenders.flatMap(({ name }, index) => {
    const middle = middles[index]
    if (middle === undefined || yardstick === undefined) return []
    const ratio = middle.requestsPerSecond / yardstick.requestsPerSecond
    const cpuRatio = middle.cpuUsPerRequest / yardstick.cpuUsPerRequest
    const own = measured[index] ?? []
    return [{ size: size.name, server: name, ...middle, ratio, cpuRatio, rounds: own }]
  })
}

/** Asked to end, so that a profile is written, and made to. */
async function end(child: Child): Promise<void> {
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), EXIT_PATIENCE_MS)
  await child.exited
  clearTimeout(timer)
}

function machineText(machine: Machine): string {
  const { cpu, cores, memoryGiB, kernel, node, nginx, wrk, pinned, loadAverage } = machine
  const busy =
    loadAverage < BUSY_LOAD ? '' : `\nthe machine is busy (load ${figure(loadAverage)}): ${ADVICE}`
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}
node ${node}, nginx ${nginx}, wrk ${wrk}; pinned: ${pinned}${busy}`
}

function linesTable(lines: readonly Line[]): string {
  const head = ['size', 'server', 'req/s', 'ratio', 'CPU µs/req', 'CPU ratio', 'core %']
  const rows = lines.map((line) => [
    line.size,
    line.server,
    figure(line.requestsPerSecond),
    line.ratio.toFixed(2),
    figure(line.cpuUsPerRequest),
    line.cpuRatio.toFixed(2),
    (line.coreShare * 100).toFixed(0),
    figure(line.p50Ms),
    figure(line.p99Ms),
    line.rssMiB.toFixed(0),
  ])
  return table([[...head, 'p50 ms', 'p99 ms', 'RSS MiB'], ...rows], 2)
}

/** Written over itself, for someone who watches. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}\r`)
}

try {
  await bench(readOptions(process.argv.slice(2)))
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
  process.exit(1)
}
