// What metrics cost: no series for whatever clients make up, and little time of those who serve.

import assert from 'node:assert/strict'
import http from 'node:http'
import { after, before, test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { bucketAt } from '../support/front.ts'
import { request } from '../support/http.ts'
import { scrape, untilMetrics } from '../support/metrics.ts'
import { bearer, SECRET, token } from '../support/tokens.ts'

const MANY = 10_000
const AT_ONCE = 32
const SCRAPES = 40
const MOST_MS = 10

let front: CachedFront
const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE })

before(async () => {
  front = await openCachedFront(
    {
      jwt: { secret: SECRET },
      logging: { access_log: false },
      rate_limiting: {
        limits: [{ name: 'each-user', key: 'user', requests: 1_000_000, window: '1m' }],
      },
    },
    {
      s3: { health_check: { enabled: false } },
      // As many series as a large installation has.
      buckets: (at) =>
        Array.from({ length: 40 }, (_, index) =>
          bucketAt(at, {
            name: `b${index}`,
            ...(index === 0 ? { auth: { enabled: true } } : {}),
            s3: {
              health_check: { enabled: false },
              replicas: ['one', 'two', 'three'].map((name) => ({ name, endpoint: at })),
            },
          }),
        ),
    },
  )
  front.put('k', 'hello')
})
after(async () => {
  agent.destroy()
  await front?.[Symbol.asyncDispose]()
})

/** So many at a time, each by its number. */
async function each(count: number, act: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const work = async (): Promise<void> => {
    while (next < count) await act(next++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

async function series(): Promise<number> {
  const { text } = await scrape(front.opsUrl)
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length
}

/** What a client can make up. */
async function ask(index: number): Promise<void> {
  const user = bearer(token({ claims: { sub: `user-${index}`, tenant: `t${index}` } }))
  const headers = {
    ...user,
    'user-agent': `agent-${index}`,
    'x-request-id': `id-${index}`,
    host: `host-${index}.test`,
    'x-forwarded-for': `10.0.${index % 256}.${index >> 8}`,
  }
  const bucket = index % 3 === 0 ? 'nowhere' : 'b0'
  const path = `/${bucket}/path-${index}?query-${index}=${index}`
  const method = index % 50 === 0 ? (index % 100 === 0 ? 'PROPFIND' : 'DELETE') : 'GET'
  await request(`${front.url}${path}`, { headers, method, agent })
}

test('ten thousand paths and users leave the series as they were', async () => {
  // Each kind of answer once.
  await each(200, ask)
  const before = await series()
  await each(MANY, (index) => ask(200 + index))
  await untilMetrics(front.opsUrl, 'all of them', ({ sum }) => {
    return sum('sluice_http_requests_total') >= MANY + 200
  })
  assert.equal(await series(), before)
  const { text } = await scrape(front.opsUrl)
  assert.doesNotMatch(text, /user-|path-|agent-|host-|10\.0\.|query-/)
})

test('a scrape costs the thread that serves less than ten milliseconds', async (t) => {
  const cost = async (work: () => Promise<unknown>): Promise<number> => {
    const before = await scrape(front.opsUrl)
    await work()
    const now = await scrape(front.opsUrl)
    return (now.sum('process_cpu_seconds_total') - before.sum('process_cpu_seconds_total')) * 1000
  }
  const scrapes = async (): Promise<void> => {
    for (let index = 0; index < SCRAPES; index += 1)
      await request(`${front.opsUrl}/metrics`, { agent })
  }
  // The code is warm, as it is where somebody scrapes every few seconds.
  await scrapes()
  // What else the machine does makes it seem more, and never less.
  let ms = Infinity
  for (let round = 0; round < 4; round += 1) {
    ms = Math.min(ms, (await cost(scrapes)) / (SCRAPES + 1))
  }
  t.diagnostic(`${await series()} series, ${ms.toFixed(2)} ms of CPU a scrape`)
  assert.ok(ms < MOST_MS, `${ms} ms`)
})
