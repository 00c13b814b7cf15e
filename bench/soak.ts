// Mixed load for as long as one likes, with one trouble after another behind Sluice. Tells what
// became of every visit and how memory went; fails where something is left unexplained.

import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'

import { callAt } from '../test/support/cached-front.ts'
import { scrape } from '../test/support/metrics.ts'
import { inMiB, MIB, residentBytes } from '../test/support/resident.ts'
import { Ledger } from './soak/ledger.ts'
import { slopeOf } from './soak/slope.ts'
import type { Sample } from './soak/slope.ts'
import { troublesOf } from './soak/trouble.ts'
import { nextVisit, visit } from './soak/visits.ts'
import { ADMIN, openWorld, SMALL } from './soak/world.ts'
import type { SoakWorld } from './soak/world.ts'

const USAGE = 'npm run soak -- [--minutes 30] [--clients 24]'
const QUIET_MS = 6000
const TROUBLE_MS = 8000
const SAMPLE_MS = 2000
const MINUTE_MS = 60_000
/** What fills at first is no growth. */
const WARM_UP_SHARE = 0.3

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    clients: { type: 'string', default: '24' },
  },
})
const minutes = Number(values.minutes)
const clients = Number(values.clients)
if (!(minutes > 0) || !(clients > 0)) {
  process.stderr.write(`${USAGE}\n`)
  process.exit(2)
}
process.exitCode = (await soak()) ? 0 : 1

async function soak(): Promise<boolean> {
  await using world = await openWorld()
  const ledger = new Ledger()
  const endAt = performance.now() + minutes * 60_000
  const isOver = (): boolean => performance.now() >= endAt
  const samples: Sample[] = []
  const delays: number[] = []
  await Promise.all([
    ...Array.from({ length: clients }, () => come(world, ledger, isOver)),
    purge(world, isOver),
    trouble(world, ledger, isOver),
    watch(world, samples, isOver),
    listen(world, delays, isOver),
  ])
  const reports = [ledger.report(), await memoryReport(world, samples), delayReport(delays)]
  process.stdout.write(`${reports.join('\n\n')}\n`)
  return ledger.unexplained === 0
}

async function come({ sluice }: SoakWorld, ledger: Ledger, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    ledger.add(await visit(sluice.url, nextVisit(Math.random)))
    await delay(Math.random() * 40)
  }
}

async function purge({ sluice }: SoakWorld, isOver: () => boolean): Promise<void> {
  for (let round = 0; !isOver(); round += 1) {
    const key = `small/${Math.floor(Math.random() * SMALL)}`
    const rule = round % 20 === 0 ? { prefix: 'big/' } : { key }
    await callAt(sluice.opsUrl, 'POST', '/admin/cache/purge', {
      token: ADMIN,
      body: JSON.stringify({ bucket: 'assets', ...rule, soft: round % 3 === 0 }),
    })
    await delay(500)
  }
}

/** One after another, with time between them in which nothing is excused. */
async function trouble(world: SoakWorld, ledger: Ledger, isOver: () => boolean): Promise<void> {
  for (;;) {
    for (const next of troublesOf(world)) {
      await delay(QUIET_MS)
      if (isOver()) return
      const end = ledger.begin(next)
      await next.begin()
      await delay(TROUBLE_MS)
      await next.end()
      end()
    }
  }
}

async function watch(world: SoakWorld, samples: Sample[], isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    samples.push({ atMs: performance.now(), value: residentBytes(world.sluice.pid) })
    await delay(SAMPLE_MS)
  }
}

/** By how much the event loops come late, minute by minute. */
async function listen(
  { sluice }: SoakWorld,
  delays: number[],
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    await delay(MINUTE_MS)
    const path = '/admin/traffic?seconds=60'
    const { json } = await callAt(sluice.opsUrl, 'GET', path, { token: ADMIN })
    delays.push(Number(Object(json['event_loop_delay_ms']).p99))
  }
}

function delayReport(delays: readonly number[]): string {
  const sorted = delays.toSorted((a, b) => a - b)
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0
  const told = `${middle.toFixed(1)} ms in the middle minute, ${sorted.at(-1)?.toFixed(1)} in the worst`
  return `event-loop delay, p99 of a minute: ${told}`
}

async function memoryReport({ sluice }: SoakWorld, samples: readonly Sample[]): Promise<string> {
  const warm = samples.slice(Math.floor(samples.length * WARM_UP_SHARE))
  const { perHour, r2 } = slopeOf(warm)
  const most = Math.max(...samples.map(({ value }) => value))
  const metrics = await scrape(sluice.opsUrl)
  const gauges = ['nodejs_heap_size_used_bytes', 'nodejs_external_memory_bytes']
  const told = gauges.map((name) => `${name} ${inMiB(metrics.sum(name))}`)
  return [
    `resident: ${inMiB(warm.at(-1)?.value ?? 0)} at the end, ${inMiB(most)} at most, growing by`,
    `${(perHour / MIB).toFixed(1)} MiB an hour (r² ${r2.toFixed(2)}, the first third left out);`,
    `${told.join(', ')}, process_open_fds ${metrics.sum('process_open_fds')}`,
  ].join(' ')
}
