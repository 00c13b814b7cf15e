// The steps every request takes, alone and in nanoseconds, beside what they may cost. Runs after
// the benchmark, and by itself.

import { Exchange } from '../src/exchange/exchange.ts'
import { parseTarget } from '../src/http/path.ts'
import { parseRange } from '../src/http/range.ts'
import { RequestIds } from '../src/http/request-id.ts'
import { accessLine } from '../src/observe/access-log.ts'
import { ExchangeTally } from '../src/observe/exchange-tally.ts'
import { Traffic } from '../src/observe/traffic.ts'
import { createSigner } from '../src/origin/sign.ts'
import { RouteTable } from '../src/routing/routing.ts'
import { measureAccess } from './micro-access.ts'
import { figure, table } from './table.ts'
import { BATCH, nothingWasTimed, time } from './time.ts'

export interface Micro {
  readonly step: string
  readonly ns: number
  /** Undefined where the step has no budget of its own, only its share of the whole request's. */
  readonly budgetNs: number | undefined
}

export async function measureMicro(): Promise<Micro[]> {
  return [
    { step: 'route match, 50 prefixes', ns: time(routeMatch()), budgetNs: 100 },
    { step: 'route match, 50 with names', ns: time(namedMatch()), budgetNs: undefined },
    { step: 'path parse', ns: time(pathParse()), budgetNs: undefined },
    { step: 'range parse', ns: time(() => parseRange('bytes=0-1048575')), budgetNs: undefined },
    { step: 'signature', ns: time(signature()), budgetNs: 6000 },
    { step: 'request id', ns: time(requestId()), budgetNs: undefined },
    { step: 'access line', ns: time(line()), budgetNs: undefined },
    { step: 'metrics of a memory hit', ns: time(tally()), budgetNs: 300 },
    { step: 'traffic of a memory hit', ns: time(traffic()), budgetNs: 150 },
    ...(await measureAccess()),
  ]
}

export function microTable(micro: readonly Micro[]): string {
  const rows = micro.map(({ step, ns, budgetNs }) => [
    step,
    figure(ns),
    budgetNs === undefined ? '' : String(budgetNs),
    budgetNs !== undefined && ns > budgetNs ? 'over' : '',
  ])
  return table([['step', 'ns', 'budget ns', ''], ...rows], 1)
}

function routeMatch(): (turn: number) => unknown {
  const prefixes = Array.from({ length: 50 }, (_, index) => `/tenant-${index}/assets`)
  const routes = new RouteTable(
    prefixes.map((prefix) => ({ prefix, hosts: [], value: prefix.length })),
  )
  const paths = prefixes.map((prefix) => `${prefix}/images/2024/picture.jpg`)
  return (turn) => routes.match('cdn.example.com', paths[turn % paths.length] ?? '')
}

function namedMatch(): (turn: number) => unknown {
  const apps = Array.from({ length: 50 }, (_, index) => `/app-${index}`)
  const routes = new RouteTable(
    apps.map((app) => ({ prefix: `${app}/{tenant}/files`, hosts: [], value: app.length })),
  )
  const paths = apps.map((app) => `${app}/acme/files/2024/picture.jpg`)
  return (turn) => routes.match('cdn.example.com', paths[turn % paths.length] ?? '')
}

function pathParse(): () => unknown {
  return () => parseTarget('/products/images/2024/a-rather-usual-name.jpg?width=200')
}

function signature(): (turn: number) => unknown {
  const sign = createSigner('us-east-1')
  const credentials = {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    sessionToken: undefined,
  }
  const host = '127.0.0.1:9000'
  const paths = Array.from({ length: BATCH }, (_, index) => `/bucket/images/${index}.jpg`)
  const now = Date.now()
  return (turn) =>
    sign({ method: 'GET', host, path: paths[turn] ?? '', query: '' }, credentials, now)
}

function requestId(): () => unknown {
  const pool = new RequestIds()
  return () => pool.create()
}

function line(): () => unknown {
  const exchange = finishedExchange()
  return () => accessLine(exchange)
}

function tally(): (turn: number) => unknown {
  const counted = new ExchangeTally()
  const exchanges = ['products', 'pictures', 'films'].map((bucket) => hit(bucket, 'picture.jpg'))
  const [fallback = finishedExchange()] = exchanges
  return (turn) => {
    counted.observe(exchanges[turn % exchanges.length] ?? fallback)
    return counted
  }
}

/** Of a thousand objects, most of which are none of the hottest. */
function traffic(): (turn: number) => unknown {
  const watched = new Traffic(Math.random)
  watched.watch(true)
  const exchanges = Array.from({ length: BATCH }, (_, index) => hit('products', `${index}.jpg`))
  const [fallback = finishedExchange()] = exchanges
  return (turn) => {
    watched.observe(exchanges[turn] ?? fallback)
    return watched
  }
}

function hit(bucket: string, key: string): Exchange {
  const exchange = finishedExchange()
  exchange.note('route', { bucket, key })
  exchange.note('cache', { kind: 'hit', isStale: false, ttlS: 60, detail: 'memory' })
  return exchange
}

function finishedExchange(): Exchange {
  const arrival = {
    id: 'AAAAAAAAAAAAAAAAAAAAAA',
    receivedAt: 0,
    startedAt: 0,
    method: 'GET',
    target: '/products/picture.jpg?width=200',
    clientAddress: '127.0.0.1',
    headers: {},
  }
  const exchange = new Exchange(arrival)
  exchange.note('route', { bucket: 'products', key: 'picture.jpg' })
  exchange.note('obtain', { attempts: 1, replica: 'primary', failed: [] })
  exchange.sent = {
    status: 200,
    bytes: 1024,
    isWhole: true,
    firstByteAt: 1.25,
    stalledMs: 0,
    endedAt: 1.5,
  }
  return exchange
}

if (import.meta.main) {
  console.log(microTable(await measureMicro()))
  if (nothingWasTimed()) throw new Error('nothing was measured')
}
