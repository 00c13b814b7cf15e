// server.server_timing: answers say what took how long, to whom they may be read by.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'

const APP = 'https://app.example.com'
let front: Front

before(async () => {
  front = await openFront(
    { server: { server_timing: true }, cache: { cache_layers: ['memory'] } },
    {
      buckets: (endpoint) => [
        bucketAt(endpoint, { name: 'shared', cors: { origins: [APP] } }),
        bucketAt(endpoint, { name: 'plain', cache: { enabled: false } }),
      ],
    },
  )
  front.put('a.txt', 'hello')
})
after(() => front?.[Symbol.asyncDispose]())

/** Names and what is said of them, of a header that is of the form to the letter. */
function timingOf(header: unknown): Record<string, string | number> {
  const metrics = String(header).split(', ')
  return Object.fromEntries(
    metrics.map((metric) => {
      const [, name = '', kind, value] = /^([a-z]+);(dur|desc)=([\w.]+)$/.exec(metric) ?? []
      assert.ok(kind !== undefined && value !== undefined, metric)
      return [name, kind === 'dur' ? Number(value) : value]
    }),
  )
}

test('a miss tells what S3 took, a hit what was read here', async () => {
  const miss = timingOf((await request(`${front.url}/files/a.txt`)).headers['server-timing'])
  assert.deepEqual(Object.keys(miss), ['cache', 'route', 'access', 'lookup', 'origin', 'total'])
  assert.equal(miss['cache'], 'miss')
  assert.ok(Number(miss['origin']) > 0 && Number(miss['origin']) <= Number(miss['total']))
  const hit = timingOf((await request(`${front.url}/files/a.txt`)).headers['server-timing'])
  assert.deepEqual(Object.keys(hit), ['cache', 'route', 'access', 'lookup', 'read', 'total'])
  assert.equal(hit['cache'], 'hit')
  const past = timingOf((await request(`${front.url}/plain/a.txt`)).headers['server-timing'])
  assert.deepEqual([past['cache'], 'origin' in past, 'lookup' in past], ['bypass', true, false])
})

test('refusals have theirs', async () => {
  const { status, headers } = await request(`${front.url}/files/missing`)
  assert.equal(status, 404)
  assert.equal(timingOf(headers['server-timing'])['cache'], 'miss')
})

test('a page that may read the answer may read it of that too, and no other', async () => {
  const ask = async (path: string, origin: string): Promise<unknown> => {
    const { headers } = await request(front.url + path, { headers: { Origin: origin } })
    assert.ok('server-timing' in headers)
    return headers['timing-allow-origin']
  }
  assert.equal(await ask('/shared/a.txt', APP), APP)
  assert.equal(await ask('/shared/a.txt', 'https://other.example'), undefined)
  assert.equal(await ask('/files/a.txt', APP), undefined)
})

test('it is off unless it is asked for', async () => {
  await using quiet = await openFront()
  quiet.put('a.txt', 'hello')
  const { headers } = await request(`${quiet.url}/files/a.txt`)
  assert.deepEqual(
    Object.keys(headers).filter((name) => name.includes('timing')),
    [],
  )
})
