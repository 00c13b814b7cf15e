// What holds for all limits: whether there are any, what admitted answers say of them, how many callers
// are remembered and which of them are one; and that threads count together.

import assert from 'node:assert/strict'
import http from 'node:http'
import { test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'

const few = (requests: number) => ({ requests, window: '24h' })
const PER_IP = { name: 'per-ip', key: 'ip', ...few(2) }

async function openLimited(rate_limiting: object, settings: object = {}): Promise<CachedFront> {
  const server = { trusted_proxies: ['127.0.0.1'] }
  const front = await openCachedFront({ server, rate_limiting, ...settings })
  front.put('a', 'body')
  return front
}

function from(front: CachedFront, address: string, agent?: http.Agent): Promise<Answer> {
  const headers = { 'X-Forwarded-For': address }
  return request(`${front.url}/files/a`, { headers, ...(agent && { agent }) })
}

async function statuses(front: CachedFront, ...addresses: readonly string[]): Promise<string> {
  const found: number[] = []
  for (const address of addresses) found.push((await from(front, address)).status)
  return found.join(' ')
}

test('limits that are switched off limit nothing', async () => {
  await using front = await openLimited({ enabled: false, limits: [PER_IP] })
  assert.equal(await statuses(front, '192.0.2.1', '192.0.2.1', '192.0.2.1'), '200 200 200')
  const { json } = await front.call('GET', '/admin/limits')
  assert.deepEqual(json, { enabled: false, limits: [] })
})

test('an IPv6 client is as large as is said', async () => {
  await using front = await openLimited({ ipv6_prefix: 128, limits: [PER_IP] })
  const [one, other] = ['2001:db8::1', '2001:db8::2']
  assert.equal(await statuses(front, one, one, one, other), '200 200 429 200')
})

test('the limits of the server section are limits', async () => {
  const rate_limit = {
    enabled: true,
    per_ip: { requests_per_second: 0.001 },
    global: { requests_per_second: 0.001 },
  }
  const server = { trusted_proxies: ['127.0.0.1'], rate_limit }
  await using front = await openCachedFront({ server })
  front.put('a', 'body')
  assert.equal((await from(front, '192.0.2.1')).status, 200)
  const { headers } = await from(front, '192.0.2.1')
  assert.equal(headers['ratelimit-policy'], '"global";q=1;w=1000, "per-ip";q=1;w=1000')
})

test('where there is no room for more callers, the oldest is forgotten', async () => {
  await using front = await openLimited({ max_keys: 1000, limits: [PER_IP] })
  assert.equal(await statuses(front, '192.0.2.1', '192.0.2.1', '192.0.2.1'), '200 200 429')
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 })
  const others = Array.from({ length: 4000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`)
  await Promise.all(others.map((address) => from(front, address, agent)))
  agent.destroy()
  assert.equal(await statuses(front, '192.0.2.1'), '200')
  const { json } = await front.call('GET', '/admin/limits')
  const [limit] = json['limits'] as readonly { keys: number }[]
  assert.ok(limit !== undefined && limit.keys > 900 && limit.keys <= 1000, String(limit?.keys))
})

test('admitted answers say what is left where they are told to, and what is cached does not', async () => {
  const perUser = { name: 'per-user', key: 'user', ...few(10) }
  await using front = await openLimited(
    { headers: true, limits: [PER_IP, perUser] },
    { cache: { cache_layers: ['memory'] } },
  )
  const looks: string[] = []
  for (let count = 0; count < 2; count += 1) {
    const { headers, rawHeaders } = await from(front, '192.0.2.1')
    const names = rawHeaders.filter((name) => name === 'RateLimit')
    looks.push([headers['x-cache'], names.length, headers['ratelimit']].join(' '))
    assert.equal(headers['ratelimit-policy'], '"per-ip";q=2;w=86400, "per-user";q=10;w=86400')
  }
  assert.deepEqual(
    looks.map((line) => line.replaceAll(/t=\d+/g, 't=…')),
    ['MISS 2 "per-ip";r=1;t=…, "per-user";r=9;t=…', 'HIT 2 "per-ip";r=0;t=…, "per-user";r=8;t=…'],
  )
  const refused = await from(front, '192.0.2.1')
  assert.match(String(refused.headers['ratelimit']), /^"per-ip";r=0;t=\d+$/)
})

test('threads count together, to the request, and tell it as one', async () => {
  await using front = await openLimited(
    { limits: [{ name: 'all', key: 'global', ...few(30) }] },
    { server: { threads: 2 } },
  )
  // A connection each, so that both threads have many.
  const asked = Array.from({ length: 80 }, () =>
    request(`${front.url}/files/a`, { headers: { connection: 'close' } }),
  )
  const found = (await Promise.all(asked)).map(({ status }) => status)
  assert.equal(found.filter((status) => status === 200).length, 30)
  assert.equal(found.filter((status) => status === 429).length, 50)
  const { json } = await front.call('GET', '/admin/limits')
  const [limit] = json['limits'] as readonly object[]
  assert.deepEqual(limit, {
    bucket: null,
    name: 'all',
    key: 'global',
    algorithm: 'token_bucket',
    requests: 30,
    window: '1d',
    burst: 30,
    refused: 50,
    refused_by_bucket: { '': 0, files: 50 },
    keys: 1,
  })
})
