// `npm run bench:micro`: the steps of a request, alone and in nanoseconds, beside what they may cost.

import { Exchange } from '../src/exchange/exchange.ts'
import { parseTarget } from '../src/http/path.ts'
import { parseRange } from '../src/http/range.ts'
import { RequestIds } from '../src/http/request-id.ts'
import { accessLine } from '../src/observe/access-log.ts'
import { ExchangeTally } from '../src/observe/exchange-tally.ts'
import { Traffic } from '../src/observe/traffic.ts'
import { createSigner } from '../src/origin/sign.ts'
import { RouteTable } from '../src/routing/routing.ts'
import { describeMachine } from './machine.ts'
import { accessSteps, firstTokens } from './micro-access.ts'
import { cacheSteps } from './micro-cache.ts'
import { saveResult } from './results.ts'
import { stepTable } from './step-table.ts'
import { BATCH, nothingWasTimed, timeFirst, timeSteps } from './time.ts'
import type { Step, Timing } from './time.ts'

async function measureMicro(): Promise<Timing[]> {
  const firsts = []
  for (const first of firstTokens()) firsts.push(await timeFirst(first))
  return [...timeSteps([...requestSteps(), ...cacheSteps(), ...(await accessSteps())]), ...firsts]
}

function requestSteps(): Step[] {
  return [
    { name: 'route match, 50 prefixes', budgetNs: 100, run: routeMatch() },
    { name: 'route match, 50 with names', budgetNs: undefined, run: namedMatch() },
    { name: 'path parse', budgetNs: undefined, run: pathParse() },
    { name: 'range parse', budgetNs: 200, run: rangeParse() },
    { name: 'signature', budgetNs: 6000, run: signature() },
    { name: 'request id', budgetNs: undefined, run: requestId() },
    { name: 'access line', budgetNs: undefined, run: line() },
    { name: 'metrics of a memory hit', budgetNs: 300, run: tally() },
    { name: 'traffic of a memory hit', budgetNs: 150, run: traffic() },
  ]
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

/** Another field each time, as they come. */
function rangeParse(): (turn: number) => unknown {
  const fields = Array.from({ length: BATCH }, (_, index) => `bytes=${index}-${index + 1_048_575}`)
  return (turn) => parseRange(fields[turn])
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
  exchange.facts.route = { bucket, key }
  exchange.facts.cache = { kind: 'hit', isStale: false, ttlS: 60, detail: 'memory' }
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
  exchange.facts.route = { bucket: 'products', key: 'picture.jpg' }
  exchange.facts.obtain = { attempts: 1, replica: 'primary', failed: [] }
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

const timings = await measureMicro()
console.log(stepTable(timings))
console.log(`\n${saveResult('micro', { machine: describeMachine(), timings })}`)
if (nothingWasTimed()) throw new Error('nothing was measured')
