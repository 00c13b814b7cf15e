// Who may come to a bucket, by address. The test stands where a trusted proxy would, and is any client.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { explainAt, stepOf } from '../support/explained.ts'
import { bucketAt } from '../support/front.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { runSluice } from '../support/sluice.ts'

const filters = {
  blocked: { blocklist: ['192.0.2.0/24', '2001:db8:bad::/48'] },
  allowed: { allowlist: ['10.0.0.0/8', '2001:db8::1'] },
  both: { allowlist: ['10.0.0.0/8'], blocklist: ['10.6.0.0/16'] },
  // Whatever else a route does comes after.
  site: { allowlist: ['10.0.0.0/8'] },
}
let front: CachedFront

before(async () => {
  front = await openCachedFront(
    { server: { trusted_proxies: ['127.0.0.1'] } },
    {
      buckets: (endpoint) =>
        Object.entries(filters).map(([name, ip_filter]) =>
          bucketAt(endpoint, {
            name,
            ip_filter,
            ...(name === 'site' && {
              index_document: 'index.html',
              error_document: { 403: 'no.html' },
            }),
          }),
        ),
    },
  )
  front.put('a', 'body')
  front.put('no.html', '<p>no')
})
after(() => front[Symbol.asyncDispose]())

interface Asking {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

function from(
  address: string,
  path: string,
  { method = 'GET', headers }: Asking = {},
): Promise<Answer> {
  const all = { 'X-Forwarded-For': address, ...headers }
  return request(front.url + path, { method, headers: all })
}

const ASKED: readonly (readonly [bucket: string, address: string, status: number])[] = [
  ['files', '192.0.2.1', 200],
  ['blocked', '192.0.2.1', 403],
  ['blocked', '::ffff:192.0.2.1', 403],
  ['blocked', '2001:DB8:BAD:0::7', 403],
  ['blocked', '192.0.3.1', 200],
  ['blocked', '2001:db8::1', 200],
  ['allowed', '10.9.9.9', 200],
  ['allowed', '2001:db8::1', 200],
  ['allowed', '192.0.2.1', 403],
  ['allowed', '2001:db8::2', 403],
  ['both', '10.1.0.1', 200],
  ['both', '10.6.0.1', 403],
  ['both', '192.0.2.1', 403],
]
for (const [bucket, address, status] of ASKED) {
  test(`${address} gets ${status} of the bucket ${bucket}`, async () => {
    assert.equal((await from(address, `/${bucket}/a`)).status, status)
  })
}

test('a denied client is told so, and nothing of the lists', async () => {
  const answer = await from('192.0.2.1', '/allowed/a')
  const { error, message, status } = JSON.parse(answer.text)
  assert.deepEqual(
    [error, message, status],
    ['address_denied', 'Nothing is served to this address.', 403],
  )
  assert.equal(answer.headers['cache-control'], 'no-store')
  const xml = await from('192.0.2.1', '/allowed/a', { headers: { 'x-amz-date': 'x' } })
  assert.match(xml.text, /<Code>AccessDenied<\/Code>/)
  const id = answer.headers['x-request-id']
  const line = await front.sluice.logLine((logged) => logged['request_id'] === id)
  assert.deepEqual(
    [line['client_ip'], line['bucket'], line['error'], line['cause']],
    ['192.0.2.1', 'allowed', 'address_denied', 'the address is not on the allowlist'],
  )
})

test('what one client has fetched into the cache is denied to another', async () => {
  front.put('kept', 'body')
  await from('10.0.0.1', '/allowed/kept')
  const hit = await from('10.0.0.1', '/allowed/kept')
  assert.equal(hit.headers['x-cache'], 'HIT')
  for (const method of ['GET', 'HEAD']) {
    const etag = { 'If-None-Match': String(hit.headers['etag']) }
    const denied = await from('192.0.2.1', '/allowed/kept', { method })
    assert.equal(denied.status, 403)
    assert.equal(denied.headers['etag'], undefined)
    assert.equal((await from('10.7.7.7', '/allowed/kept', { method, headers: etag })).status, 304)
  }
})

test('a denied client learns of no redirect, no missing object and no page', async () => {
  front.s3.clearRequests()
  for (const path of ['/site', '/site/none', '/site/']) {
    const answer = await from('192.0.2.1', path)
    assert.equal(answer.status, 403)
    assert.equal(JSON.parse(answer.text).error, 'address_denied')
  }
  assert.equal(front.s3.requests.filter(({ method }) => method === 'GET').length, 0)
})

test('an address that a client invents does not let it in', async () => {
  const answer = await from('10.0.0.1, 192.0.2.1', '/allowed/a')
  assert.equal(answer.status, 403)
})

test('what belongs to no bucket is answered to anybody', async () => {
  assert.equal((await from('192.0.2.1', '/health')).status, 200)
  assert.equal((await from('192.0.2.1', '/allowed/a', { method: 'OPTIONS' })).status, 204)
})

test('refusals are counted by their code', async () => {
  await from('192.0.2.1', '/both/a')
  const metrics = await request(`${front.opsUrl}/metrics`)
  assert.match(metrics.text, /sluice_refusals_total\{code="address_denied"\} [1-9]/)
})

describe('explain', () => {
  const outcome = async (path: string, address: string): Promise<string[]> => {
    const { steps, summary } = await explainAt(front, { path, address })
    const step = stepOf({ steps, summary }, 'ip_filter')
    return [step.outcome, step.reason, String(summary.status)]
  }

  test('tells why an address is admitted, or why not', async () => {
    assert.deepEqual((await outcome('/files/a', '192.0.2.1')).slice(0, 2), [
      'admitted',
      'The bucket has no ip_filter.',
    ])
    const [word, why] = await outcome('/both/a', '10.1.1.1')
    assert.deepEqual([word, why?.includes('on the allowlist')], ['admitted', true])
    const [no, because, status] = await outcome('/both/a', '10.6.1.1')
    assert.deepEqual([no, status], ['refused', '403'])
    assert.match(because ?? '', /the address is on the blocklist/)
  })

  test('goes through trusted proxies, and by 127.0.0.1 unless told otherwise', async () => {
    const headers = { 'x-forwarded-for': '192.0.2.77' }
    const client = async (address?: string): Promise<unknown> => {
      const asked = { path: '/files/a', headers, ...(address !== undefined && { address }) }
      return stepOf(await explainAt(front, asked), 'receive')['client_ip']
    }
    assert.equal(await client(), '192.0.2.77')
    assert.equal(await client('198.51.100.1'), '198.51.100.1')
  })
})

test('mistakes stop the start, each with its place', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-filter-'))
  const file = join(folder, 'config.yaml')
  const ip_filter = {
    allowlist: ['10.0.0.0/8', '300.0.0.1', '10.1.0.0/16'],
    blocklist: ['::ffff:10.0.0.0/104', 'example.com'],
    blocklst: [],
  }
  const buckets = [{ name: 'a', path_prefix: '/a', s3: { bucket: 'b' }, ip_filter }]
  writeFileSync(file, JSON.stringify({ buckets }))
  const { code, stdout, stderr } = await runSluice(['check', '--config', file])
  rmSync(folder, { recursive: true })
  assert.equal(code, 1)
  const told = (stdout + stderr)
    .split('\n')
    .flatMap((line) => /ip_filter\S*?(?=:)/.exec(line)?.[0] ?? [])
  assert.deepEqual(told.sort(), [
    'ip_filter.allowlist[0]',
    'ip_filter.allowlist[1]',
    'ip_filter.blocklist[1]',
    'ip_filter.blocklst',
  ])
})
