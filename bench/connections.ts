// What connections cost, and what becomes of more requests than there is time for: the memory of an
// idle connection of each kind, how a thousand active ones fare beside ten thousand idle ones, and a
// load that rises past what the machine can do, and falls again.

import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'

import { createCertificate } from '../test/support/certificates.ts'
import { startChild } from '../test/support/children.ts'
import type { Child } from '../test/support/children.ts'
import { scrape } from '../test/support/metrics.ts'
import { MIB, residentBytes } from '../test/support/resident.ts'
import { until } from '../test/support/until.ts'
import type { StepReport } from './connections/ramp.ts'
import { openStage, PATHS } from './connections/stage.ts'
import type { Stage } from './connections/stage.ts'
import { openFolder, run } from './place.ts'
import { figure, table } from './table.ts'

const USAGE = `node bench/connections.ts [--idle 10000] [--active 1000] [--most 8000] [--to 50000] [--path memory] [--threads 1] [--bound 500ms] [--s3-most 200] [--only idle|ramp]
  --idle N     idle connections of HTTP/1; of TLS and of HTTP/2 a fifth of them
  --active N   connections of the load at first, and --most N of them at the height of it
  --to RATE    requests a second at the height of the ramp
  --path ROAD  memory (hits) or origin (signed misses)
  --bound MS   server.limits.max_event_loop_delay; 0: never refuses for lack of time
  --s3-most N  buckets[].s3.max_concurrent_requests; without it as many as come

Each connection is a file descriptor on both ends: 'ulimit -n' must be above the idle and the active ones
together, here and for Sluice (systemd: LimitNOFILE, containers: ulimits).`

const IDLE = fileURLToPath(new URL('../test/support/idle-clients.ts', import.meta.url))
const RAMP = fileURLToPath(new URL('connections/ramp.ts', import.meta.url))
const KINDS = ['http', 'tls', 'h2'] as const
type Kind = (typeof KINDS)[number]
const OPEN_PATIENCE_MS = 120_000
const SETTLE_MS = 3000
const RAMP_STEPS = 10

const OPTIONS = {
  idle: { type: 'string', default: '10000' },
  active: { type: 'string', default: '1000' },
  most: { type: 'string', default: '8000' },
  to: { type: 'string', default: '50000' },
  path: { type: 'string', default: 'memory' },
  threads: { type: 'string', default: '1' },
  bound: { type: 'string', default: '500ms' },
  's3-most': { type: 'string' },
  only: { type: 'string', default: '' },
  help: { type: 'boolean', default: false },
} as const

const values = valuesGiven()
const [idle, active, highest] = [Number(values.idle), Number(values.active), Number(values.to)]
const path = values.path === 'origin' ? PATHS.origin : PATHS.memory

function valuesGiven() {
  try {
    const { values } = parseArgs({ options: OPTIONS })
    if (!values.help) return values
    console.log(USAGE)
    process.exit(0)
  } catch (error) {
    return giveUp(error)
  }
}

function giveUp(error: unknown): never {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
  process.exit(1)
}

function openHere(https?: { certPath: string; keyPath: string }): Promise<Stage> {
  const limits = { max_event_loop_delay: values.bound }
  const most = values['s3-most']
  const s3 = most === undefined ? {} : { max_concurrent_requests: Number(most) }
  return openStage({ folder: openFolder(), threads: Number(values.threads), limits, s3, https })
}

async function idleMemory(): Promise<void> {
  const rows = []
  using certificate = createCertificate()
  for (const kind of KINDS) {
    const stage = await openHere(kind === 'http' ? undefined : certificate)
    const before = await memoryOf(stage)
    const count = kind === 'http' ? idle : Math.round(idle / 5)
    const holder = await hold(stage, count, kind)
    const after = await memoryOf(stage)
    rows.push([kind, String(count), ...perConnection(before, after, count)])
    await end(holder)
    await stage.close()
  }
  const head = ['idle connections', 'how many', 'RSS KiB each', 'heap KiB each', 'RSS MiB']
  console.log(`${table([head, ...rows], 1)}\n`)
}

interface Memory {
  readonly rss: number
  readonly heap: number
}

/** When it has come to rest. */
async function memoryOf({ sluice, opsUrl }: Stage): Promise<Memory> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  const metrics = await scrape(opsUrl)
  return { rss: residentBytes(sluice.pid), heap: metrics.sum('nodejs_heap_size_used_bytes') }
}

function perConnection(before: Memory, after: Memory, count: number): string[] {
  const each = (bytes: number): string => figure(bytes / count / 1024)
  const rss = after.rss - before.rss
  return [each(rss), each(after.heap - before.heap), figure(after.rss / MIB)]
}

/** Clients that stay until they are ended. */
async function hold({ port }: Stage, count: number, kind: Kind): Promise<Child> {
  let said = ''
  const args = [IDLE, String(port), String(count), PATHS.memory, kind]
  const holder = startChild(process.execPath, args, { onStdout: (text) => (said += text) })
  const isOpen = (): boolean => said.includes(`open ${count}`)
  await until('all are open', async () => isOpen(), Boolean, OPEN_PATIENCE_MS)
  return holder
}

async function end(child: Child): Promise<void> {
  child.kill('SIGKILL')
  await child.exited
}

/** Up in even steps, on at the height, and down to a tenth. */
async function ramp(): Promise<void> {
  const stage = await openHere()
  const holder = idle === 0 ? undefined : await hold(stage, idle, 'http')
  const rss = [residentBytes(stage.sluice.pid)]
  const rates = Array.from(
    { length: RAMP_STEPS },
    (_, index) => (highest / RAMP_STEPS) * (index + 1),
  )
  const steps = [
    ...rates.map((rate) => `${rate}:2`),
    `${highest}:5`,
    ...Array(4).fill(`${highest / 10}:2`),
  ]
  const rows: string[][] = []
  await load(stage, steps.join(','), (report) => {
    rss.push(residentBytes(stage.sluice.pid))
    rows.push(rowOf(report, rss.at(-1) ?? 0))
  })
  const metrics = await scrape(stage.opsUrl)
  const head = [
    'req/s due',
    '200',
    '503',
    'other',
    'broken',
    'gave up',
    'p50 ms',
    'p99 ms',
    '503 p99',
    'since due',
    'load',
    'RSS MiB',
  ]
  console.log(table([head, ...rows], 0))
  console.log(
    `\nRSS ${rss.map((bytes) => figure(bytes / MIB)).join(' → ')} MiB; shed by reason: ${JSON.stringify(
      metrics
        .labels('sluice_shed_requests_total')
        .map(({ reason = '' }) => [reason, metrics.sum('sluice_shed_requests_total', { reason })]),
    )}; alive: ${stage.sluice.process.exitCode === null}`,
  )
  if (holder !== undefined) await end(holder)
  await stage.close()
}

async function load(
  { port }: Stage,
  steps: string,
  told: (report: StepReport) => void,
): Promise<void> {
  let rest = ''
  const command = [process.execPath, RAMP, String(port), path, String(active), values.most, steps]
  const child = run('load', command, (text) => {
    const lines = `${rest}${text}`.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) told(JSON.parse(line))
  })
  const { code } = await child.exited
  if (code !== 0) throw new Error(child.stderr())
}

function rowOf(report: StepReport, rss: number): string[] {
  const { answers, seconds } = report
  const perSecond = (count: number): string => (count / seconds).toFixed(0)
  const { '200': good = 0, '503': no = 0, ...others } = answers
  const other = Object.values(others).reduce((sum, count) => sum + count, 0)
  const ms = (value: number | undefined): string => (value === undefined ? '–' : figure(value))
  return [
    perSecond(report.due),
    perSecond(good),
    perSecond(no),
    perSecond(other),
    String(report.broken),
    String(report.givenUp),
    ms(report.acceptedP50Ms),
    ms(report.acceptedP99Ms),
    ms(report.refusedP99Ms),
    ms(report.sinceDueP99Ms),
    report.loadBusy.toFixed(2),
    figure(rss / MIB),
  ]
}

try {
  if (values.only !== 'ramp') await idleMemory()
  if (values.only !== 'idle') await ramp()
} catch (error) {
  giveUp(error)
}
process.exit(0)
