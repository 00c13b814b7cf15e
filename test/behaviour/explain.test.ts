// What is explained is what then happens: every request here is explained first, and then made.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { bucketAt } from '../support/front.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { explainAt } from '../support/explained.ts'
import type { Asked, Explained } from '../support/explained.ts'
import { until } from '../support/until.ts'

const BODY = 'x'.repeat(150 * 1024)
const PAGE = { contentType: 'text/html' }
let front: CachedFront

before(async () => {
  front = await openCachedFront(
    {
      cache: { cache_layers: ['memory', 'disk'], slice_size: '64KiB' },
      server: { limits: { max_uri_length: 300, max_header_size: '4KB' } },
    },
    {
      buckets: (endpoint) => [
        bucketAt(endpoint, { name: 'hosted', hosts: ['cdn.example.com', '*.example.org'] }),
        bucketAt(endpoint, { name: 'plain', cache: { enabled: false } }),
        bucketAt(endpoint, { name: 'quick', cache: { ttl: '0s', stale_while_revalidate: '1h' } }),
        bucketAt(endpoint, { name: 'stale', cache: { ttl: '0s', stale_while_revalidate: '0s' } }),
        bucketAt(endpoint, {
          name: 'site',
          index_document: 'index.html',
          error_document: { 404: '404.html' },
        }),
        bucketAt(endpoint, { name: 'app', index_document: 'app.html', spa: true }),
        bucketAt(endpoint, {
          name: 'ruled',
          response_headers: { set: { 'X-Own': 'mine' }, remove: ['ETag'] },
        }),
        bucketAt(endpoint, { name: 'versions', allow_versions: true }),
        bucketAt('http://127.0.0.1:1', {
          name: 'down',
          s3: { circuit_breaker: { failure_threshold: 1 }, health_check: { enabled: false } },
        }),
      ],
    },
  )
  front.put('a/1', BODY, { contentType: 'text/plain', metadata: { owner: 'me' } })
  front.put('cold', BODY)
  front.put('empty', '')
  front.put('moved', 'body', { websiteRedirectLocation: '/else' })
  front.put('never', 'body', { cacheControl: 'no-store' })
  front.put('asks', 'body', { cacheControl: 'no-cache' })
  front.put('index.html', '<p>index', PAGE)
  const soon = { ...PAGE, cacheControl: 'max-age=0, stale-while-revalidate=600' }
  front.put('app.html', '<p>app', soon)
  front.put('404.html', '<p>nothing', PAGE)
  front.put('dir/index.html', '<p>dir', PAGE)
})
after(() => front[Symbol.asyncDispose]())

interface Case extends Asked {
  /** Requests that come before. */
  readonly after?: readonly Asked[]
  /** What is said of the whole. */
  readonly verdict?: string
  readonly status: number | null
}

const html = { accept: 'text/html' }
const a1 = '/files/a/1'
const warm = [{ path: a1 }]
const CASES: readonly Case[] = [
  { path: '/files/cold', verdict: 'fetch', status: null },
  { path: a1, after: warm, verdict: 'serve', status: 200 },
  { path: a1, method: 'HEAD', after: warm, verdict: 'serve', status: 200 },
  { path: '/files/a%2F1', after: warm, verdict: 'serve', status: 200 },
  { path: a1, headers: { range: 'bytes=5-70000' }, after: warm, verdict: 'serve', status: 206 },
  { path: a1, headers: { range: 'bytes=0-1,9-10' }, after: warm, verdict: 'serve', status: 206 },
  { path: a1, headers: { range: 'bytes=999999-' }, after: warm, verdict: 'serve', status: 416 },
  { path: a1, headers: { range: 'lines=1-2' }, after: warm, verdict: 'serve', status: 200 },
  { path: a1, headers: { 'if-none-match': '*' }, after: warm, verdict: 'serve', status: 304 },
  { path: a1, headers: { 'if-match': '"no"' }, after: warm, verdict: 'serve', status: 412 },
  {
    path: a1,
    headers: { 'cache-control': 'no-cache' },
    after: warm,
    verdict: 'revalidate',
    status: null,
  },
  {
    path: a1,
    headers: { 'cache-control': 'no-store' },
    after: warm,
    verdict: 'serve',
    status: 200,
  },
  { path: '/files/b', headers: { 'cache-control': 'no-store' }, verdict: 'pass', status: null },
  {
    path: '/files/b2',
    headers: { 'cache-control': 'only-if-cached' },
    verdict: 'refuse',
    status: 504,
  },
  { path: `${a1}?partNumber=1`, after: warm, verdict: 'pass', status: null },
  { path: `${a1}?partNumber=x`, status: 400 },
  { path: '/files/nowhere', after: [{ path: '/files/nowhere' }], verdict: 'serve', status: 404 },
  { path: '/files/empty', after: [{ path: '/files/empty' }], verdict: 'serve', status: 200 },
  { path: '/files/moved', after: [{ path: '/files/moved' }], verdict: 'serve', status: 301 },
  { path: '/files/never', after: [{ path: '/files/never' }], verdict: 'fetch', status: null },
  { path: '/files/asks', after: [{ path: '/files/asks' }], verdict: 'revalidate', status: null },
  { path: '/files/', status: 404 },
  { path: '/quick/a/1', after: [{ path: '/quick/a/1' }], verdict: 'refresh', status: 200 },
  { path: '/stale/a/1', after: [{ path: '/stale/a/1' }], verdict: 'revalidate', status: null },
  { path: '/plain/a/1', status: null },
  { path: '/ruled/a/1', after: [{ path: '/ruled/a/1' }], verdict: 'serve', status: 200 },
  { path: '/hosted/a/1', status: 404 },
  { path: '/hosted/a/1', headers: { host: 'img.example.org' }, verdict: 'fetch', status: null },
  { path: '/hosted/a/1', headers: { host: 'bad host' }, status: 400 },
  { path: '/nothing/here', status: 404 },
  { path: '/files/../a/1', status: 400 },
  { path: '/files/%zz', status: 400 },
  { path: '/files/a#b', status: 400 },
  { path: `/files/${'k'.repeat(300)}`, status: 414 },
  { path: a1, headers: { 'x-long': 'x'.repeat(5000) }, status: 431 },
  { path: a1, method: 'POST', status: 405 },
  { path: a1, method: 'OPTIONS', status: 204 },
  { path: '/health', status: 200 },
  { path: '/site', status: 302 },
  { path: '/site/', after: [{ path: '/site/' }], verdict: 'serve', status: 200 },
  {
    path: '/site/none',
    after: [{ path: '/site/none' }, { path: '/site/404.html' }],
    verdict: 'serve',
    status: 404,
  },
  { path: '/site/other', after: [{ path: '/site/other' }], verdict: 'serve', status: 404 },
  {
    path: '/app/some/where',
    headers: html,
    after: [{ path: '/app/some/where', headers: html }, { path: '/app/' }],
    verdict: 'serve',
    status: 200,
  },
  { path: '/down/a', after: [{ path: '/down/a' }], verdict: 'fetch', status: 503 },
]

describe('what is explained is what then happens', () => {
  for (const [index, one] of CASES.entries()) {
    const { method = 'GET', path, headers = {}, after: earlier = [] } = one
    const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value.slice(0, 30)}`)
    const again = earlier.length > 0 ? ' again' : ''
    const name = [`${method} ${path.slice(0, 40)}`, ...fields].join(', ')
    test(`${index + 1}. ${name}${again}`, async () => {
      for (const before of earlier) await make(before)
      const explained = await explainWithoutTrace(one)
      const answer = await make(one)
      const { status, verdict } = explained.summary
      assert.deepEqual([status, verdict], [one.status, one.verdict])
      assertForetold(explained, answer)
    })
  }
})

function make({ path, method = 'GET', headers = {} }: Asked): Promise<Answer> {
  return request(`${front.url}${path}`, { method, headers: { host: 'localhost', ...headers } })
}

/** No question to S3, nothing counted, and nothing kept or dropped. */
async function explainWithoutTrace(asked: Asked): Promise<Explained> {
  const counts = async (): Promise<Readonly<Record<string, { entries?: number }>>> =>
    (await front.call('GET', '/admin/cache/stats')).json as Awaited<ReturnType<typeof counts>>
  // What came before may still be on its way to the disk.
  const known = await until(
    'the disk has followed',
    counts,
    ({ memory, disk }) => memory?.entries === disk?.entries,
  )
  const questions = asksOfObjects()
  const explained = await explainAt(front, asked)
  assert.deepEqual(await counts(), known)
  assert.equal(asksOfObjects(), questions)
  return explained
}

/** Probes are not ours. */
function asksOfObjects(): number {
  return front.s3.requests.filter(({ key }) => key !== undefined && key !== '').length
}

function assertForetold({ summary, steps }: Explained, answer: Answer): void {
  const { status, code, cache_status: cacheStatus, x_cache: xCache } = summary
  if (status !== null) {
    assert.equal(answer.status, status)
    assert.equal(answer.headers['x-cache'], xCache)
    assert.equal(withoutTtl(answer.headers['cache-status']), withoutTtl(cacheStatus))
  } else {
    // What the origin then says is added.
    const [, reason = ''] = /fwd=([a-z-]+)/.exec(cacheStatus) ?? []
    const said = String(answer.headers['cache-status'])
    assert.ok(reason === '' || said.includes(`fwd=${reason}`), `${said} for ${cacheStatus}`)
  }
  if (code !== undefined && answer.text.startsWith('{')) {
    assert.equal(JSON.parse(answer.text).error, code)
  }
  const headers = steps.at(-1)?.['headers'] ?? []
  for (const line of headers as string[]) {
    const [name = '', value = ''] = line.split(/: (.*)/s)
    if (name === 'Age' || name === 'Date') continue
    const sent = answer.headers[name.toLowerCase()]
    if (name === 'Content-Type' && value.startsWith('multipart/')) continue
    assert.equal(sent, value, name)
  }
}

function withoutTtl(cacheStatus: unknown): string {
  return String(cacheStatus).replace(/; ttl=-?\d+/, '')
}
