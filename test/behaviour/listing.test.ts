// A directory as a page and as JSON: what is in it, page by page, with links that lead back to the
// objects, whatever their names are.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { explainAt, stepOf } from '../support/explained.ts'
import { bucketAt } from '../support/front.ts'
import { request } from '../support/http.ts'
import type { Answer, RequestOptions } from '../support/http.ts'
import { follow, linksIn } from '../support/listed.ts'
import { assertMoves } from '../support/metrics.ts'
import { until } from '../support/until.ts'

const HOSTILE: readonly string[] = [
  '<script>alert(1)<',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  'javascript:alert(1)',
  'line\nbreak\r\u0001\u007f',
  'turned \u202e around \u2066 \u200f',
  'a b+c%41?x#y&z;=',
  'é e\u0301 😀 日本語',
  '...',
  '.hidden',
  '~',
  '[x]{y}|^`\\',
]

let front: CachedFront
const settings = { metadata_headers: false, cache: { negative_ttl: 0 } }

before(async () => {
  front = await openCachedFront(
    {},
    {
      buckets: (at) => [
        bucketAt(at, { name: 'page', listing: 'html' }),
        bucketAt(at, { name: 'data', listing: 'json' }),
        bucketAt(at, { name: 'site', listing: 'html', index_document: 'index.html', ...settings }),
        bucketAt(at, {
          name: 'error',
          listing: 'html',
          error_document: { 404: 'a.txt' },
          response_headers: { set: { 'Cache-Control': 'public, max-age=300', 'X-Own': 'yes' } },
        }),
        bucketAt(at, { name: 'pages', listing: 'json', index_document: 'index.html' }),
        bucketAt(at, { name: 'inside', listing: 'json', s3: { key_prefix: 'dir/' } }),
        bucketAt(at, {
          name: 'u',
          path_prefix: '/u/{tenant}',
          listing: 'json',
          s3: { key_prefix: 't/{tenant}/' },
        }),
        bucketAt(at, { name: 'taken', path_prefix: '/data/dir/taken' }),
        bucketAt(at, {
          name: 'none',
          hide_forbidden: true,
          s3: { bucket: 'no-such' },
          listing: 'json',
        }),
      ],
    },
  )
  for (const name of HOSTILE) front.put(`odd/${name}`, `object ${name}`)
  for (const key of [
    'a.txt',
    'dir/b.txt',
    'dir/deep/c.txt',
    'dir/taken/secret.txt',
    '/lead',
    'x//y',
  ]) {
    front.put(key, `object ${key}`)
  }
  for (const key of ['dots/../up', 'dots/./here', 'dots/fine', 'marked/', 'with/index.html'])
    front.put(key, key)
  for (const tenant of ['acme', 'acme2']) {
    front.put(`t/${tenant}/`, '')
    front.put(`t/${tenant}/of-${tenant}`, 'x')
  }
  for (let index = 0; index < 30; index += 1)
    front.put(`many/${index % 2 === 0 ? `g${index}/x` : `k${index}`}`, 'x')
})
after(() => front[Symbol.asyncDispose]())

const ask = (path: string, options?: RequestOptions): Promise<Answer> =>
  request(`${front.url}${path}`, options)

const listings = (): number =>
  front.s3.requests.filter(({ rawTarget }) => rawTarget.includes('list-type')).length

interface Told {
  readonly path: string
  readonly prefixes: { name: string; href: string | null }[]
  readonly entries: {
    name: string
    href: string | null
    size: number
    last_modified: string
    etag: string
  }[]
  readonly next: string | null
}

async function told(path: string): Promise<Told> {
  const answer = await ask(path)
  assert.deepEqual([answer.status, answer.headers['content-type']], [200, 'application/json'])
  return JSON.parse(answer.text)
}

const namesOf = ({ prefixes, entries }: Told): string[][] => [
  prefixes.map(({ name }) => name),
  entries.map(({ name }) => name),
]

describe('a page', () => {
  test('tells what a directory holds, with its links', async () => {
    const { status, text, headers } = await ask('/page/dir/')
    assert.deepEqual([status, headers['content-type']], [200, 'text/html; charset=utf-8'])
    const names = linksIn(text).map(({ text: name }) => name)
    assert.deepEqual(names, ['deep/', 'taken/', 'b.txt'])
    assert.match(text, /<a href="\.\.\/">Parent directory<\/a>/)
    assert.match(text, /<html lang="en">.*<h1>Index of \/page\/dir\/<\/h1>.*<th scope="col">Name/s)
    assert.match(text, /title="16 bytes">16 B<.*<time datetime="\d{4}-\d\d-\d\dT\d\d:\d\dZ">/)
  })

  test('of the root has no parent, with and without its slash', async () => {
    for (const path of ['/page/', '/page']) {
      const { text } = await ask(path)
      assert.doesNotMatch(text, /\.\.\//)
      const link = linksIn(text).find(({ text: name }) => name === 'a.txt')
      const found = await request(follow(`${front.url}${path}`, link?.href ?? ''))
      assert.equal(found.text, 'object a.txt')
    }
  })

  test('shows hostile names safely, and its links lead to the objects', async () => {
    const { text } = await ask('/page/odd/')
    const links = linksIn(text)
    assert.equal(links.length, HOSTILE.length)
    for (const hostile of ['<script', '<img', "onmouseover='", '\u202e', '\u2066', '\u0001']) {
      assert.ok(!text.includes(hostile), hostile)
    }
    const bodies = await Promise.all(
      links.map(({ href }) => request(follow(`${front.url}/page/odd/`, href))),
    )
    const found = bodies.map((answer) => answer.text)
    assert.deepEqual(found.toSorted(), HOSTILE.map((name) => `object ${name}`).toSorted())
    for (const { href } of links) assert.match(href, /^\.\/[A-Za-z0-9\-._~/%]+$/)
  })

  test('leads through names that begin with a slash, or have two', async () => {
    for (const [directory, inner, key] of [
      ['/page/', '/', '/lead'],
      ['/page/x/', '/', 'x//y'],
    ] as const) {
      const at = `${front.url}${directory}`
      const link = linksIn((await request(at)).text).find(({ text }) => text === inner)
      const below = follow(at, link?.href ?? '')
      const [only] = linksIn((await request(below)).text)
      assert.equal((await request(follow(below, only?.href ?? ''))).text, `object ${key}`)
      assert.equal(follow(below, '../'), at)
    }
  })

  test('has no link where no address leads', async () => {
    const { text } = await ask('/page/dots/')
    assert.deepEqual(
      linksIn(text).map(({ text: name }) => name),
      ['fine'],
    )
    assert.match(text, /<bdi>\.\.\/<\/bdi> \(no address leads here\)/)
  })

  test('loads nothing from elsewhere, and is kept by nobody', async () => {
    const { headers, text } = await ask('/page/')
    const policy = String(headers['content-security-policy'])
    assert.match(policy, /^default-src 'none'; style-src 'sha256-[\w+/]{43}='; base-uri 'none'/)
    assert.equal(headers['cache-control'], 'no-store')
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.doesNotMatch(text, /<script|<link|<img|style="|https?:/)
    assert.match(text, /color-scheme:light dark/)
  })

  test('what the operator sets goes with it, but for what keeps it safe', async () => {
    const { headers } = await ask('/error/')
    assert.deepEqual([headers['x-own'], headers['cache-control']], ['yes', 'no-store'])
  })

  test('is JSON for who asks for JSON', async () => {
    const accept = { headers: { accept: 'application/json' } }
    const { headers } = await ask('/page/', accept)
    assert.deepEqual([headers['content-type'], headers['vary']], ['application/json', 'Accept'])
    const browser = { headers: { accept: 'text/html,application/xml;q=0.9,*/*;q=0.8' } }
    const shown = await ask('/page/', browser)
    assert.deepEqual(
      [shown.headers['content-type'], shown.headers['vary']],
      ['text/html; charset=utf-8', 'Accept'],
    )
  })

  test('goes on where it ended, to the end, with every name once', async () => {
    const names: string[] = []
    let at = `${front.url}/page/many/?max-keys=7`
    for (let pages = 0; at !== '' && pages < 10; pages += 1) {
      const { text } = await request(at)
      names.push(...linksIn(text).map(({ text: name }) => name))
      const next = /<a rel="next" href="([^"]+)"/.exec(text)?.[1]
      at = next === undefined ? '' : `${follow(at, next)}&max-keys=7`
    }
    assert.equal(names.length, 30)
    assert.equal(new Set(names).size, 30)
  })
})

describe('JSON', () => {
  test('tells names, sizes, times and links', async () => {
    const { path, prefixes, entries, next } = await told('/data/dir/')
    assert.deepEqual(
      [path, prefixes, next],
      ['/data/dir/', [{ name: 'deep/', href: './deep/' }], null],
    )
    const [entry] = entries
    assert.deepEqual(
      [entries.length, entry?.name, entry?.href, entry?.size],
      [1, 'b.txt', './b.txt', 16],
    )
    assert.match(`${entry?.last_modified} ${entry?.etag}`, /^\d{4}-\d\d-\d\dT[\d:.]+Z "\w{32}"$/)
  })

  test('of one name a page goes on to the end', async () => {
    const names: string[] = []
    let token: string | null = ''
    for (let pages = 0; token !== null && pages < 40; pages += 1) {
      const from: string = token === '' ? '' : `&continuation-token=${token}`
      const page: Told = await told(`/data/many/?max-keys=1${from}`)
      names.push(...namesOf(page).flat())
      token = page.next
    }
    assert.equal(names.length, 30)
    assert.equal(new Set(names).size, 30)
  })

  test('the key prefix of the replica is neither asked for nor told', async () => {
    assert.deepEqual(namesOf(await told('/inside/')), [['deep/', 'taken/'], ['b.txt']])
    assert.deepEqual(namesOf(await told('/inside/deep/')), [[], ['c.txt']])
  })

  test('a part of a bucket that a path has named lists itself alone', async () => {
    assert.deepEqual(namesOf(await told('/u/acme/')), [[], ['of-acme']])
    assert.deepEqual(namesOf(await told('/u/acme')), [[], ['of-acme']])
    assert.equal((await ask('/u/acm/x/')).status, 404)
  })

  test('what a longer prefix has taken is not told', async () => {
    assert.deepEqual(namesOf(await told('/data/dir/')), [['deep/'], ['b.txt']])
  })

  test('an object with the name of the directory is the directory', async () => {
    assert.deepEqual(namesOf(await told('/data/marked/')), [[], []])
  })
})

test('an index document goes before its directory, and a directory before an error', async () => {
  assert.equal((await ask('/site/with/')).text, 'with/index.html')
  assert.match((await ask('/site/dir/')).text, /Index of \/site\/dir\//)
  assert.equal((await ask('/site/none/')).status, 404)
  const missing = await ask('/error/none/')
  assert.deepEqual([missing.status, missing.text], [404, 'object a.txt'])
})

test('a path without a slash is an object, and off tells nothing', async () => {
  for (const path of ['/page/dir', '/data/dir', '/files/', '/files/dir/', '/files?list-type=2']) {
    const answer = await ask(path)
    assert.deepEqual([answer.status, answer.text.includes('b.txt')], [404, false], path)
  }
})

test('a HEAD has the head that a GET has', async () => {
  for (const path of ['/page/dir/', '/data/dir/']) {
    const [got, head] = [await ask(path), await ask(path, { method: 'HEAD' })]
    assert.deepEqual([head.status, head.text], [200, ''])
    assert.equal(head.headers['content-length'], got.headers['content-length'])
    assert.equal(head.headers['content-type'], got.headers['content-type'])
  }
})

test('what cannot be asked for is refused, and the origin not asked', async () => {
  const before = listings()
  const tokens = ['x', '1.', '1.!!', '1.YQ==', `1.${'A'.repeat(9000)}`, '1.AA', '2.YQ', '%ff']
  for (const query of [
    'max-keys=-1',
    'max-keys=x',
    ...tokens.map((token) => `continuation-token=${token}`),
  ]) {
    for (const bucket of ['page', 'data']) {
      const { status } = await ask(`/${bucket}/dir/?${query}`)
      assert.ok(status === 400 || status === 414, `${query}: ${status}`)
    }
  }
  assert.equal(listings(), before)
})

test('a made-up token tells no more than the directory it is used on', async () => {
  const made = (after: string): string => `1.${Buffer.from(after).toString('base64url')}`
  for (const after of ['', 'a', '/', '../', 'dir/', 'odd/', 't/acme2/', '\u{10ffff}', 'zzz']) {
    if (after === '') continue
    const { prefixes, entries } = await told(`/u/acme/?continuation-token=${made(after)}`)
    const names = [...prefixes, ...entries].map(({ name }) => name)
    assert.ok(
      names.every((name) => name === 'of-acme'),
      `${after}: ${names.join()}`,
    )
    const below = await told(`/data/dir/?continuation-token=${made(after)}`)
    assert.ok(
      namesOf(below)
        .flat()
        .every((name) => ['deep/', 'b.txt'].includes(name)),
    )
  }
})

test('a change is seen at once, since nothing is kept', async () => {
  assert.deepEqual(namesOf(await told('/data/fresh/').catch(() => told('/data/marked/'))), [[], []])
  front.put('fresh/one', 'x')
  assert.deepEqual(namesOf(await told('/data/fresh/')), [[], ['one']])
  front.put('fresh/two', 'x')
  assert.deepEqual(namesOf(await told('/data/fresh/')), [[], ['one', 'two']])
})

test('a crowd asks the origin once', async () => {
  const fault = front.s3.fault({ kind: 'delay', delayMs: 300, match: { key: '' } })
  const isListing = ({ rawTarget }: { rawTarget: string }): boolean =>
    rawTarget.includes('prefix=odd')
  const before = front.s3.requests.filter(isListing).length
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask('/data/odd/')))
  assert.ok(answers.every(({ status }) => status === 200))
  assert.equal(front.s3.requests.filter(isListing).length, before + 1)
  fault.remove()
})

test('a bucket that is not there, or fails, is told of in the one table', async () => {
  const answer = await ask('/none/')
  assert.deepEqual([answer.status, JSON.parse(answer.text).error], [502, 'origin_misconfigured'])
})

test('it is counted and logged like any other request, and its query is not', async () => {
  await assertMoves(front.opsUrl, () => ask('/data/dir/?max-keys=5&token=hush'), [
    ['sluice_cache_requests_total', { bucket: 'data', result: 'bypass' }, 1],
    ['sluice_origin_requests_total', { bucket: 'data', outcome: 'object' }, 1],
    ['sluice_http_requests_total', { bucket: 'data', method: 'GET', status: '200' }, 1],
  ])
  const line = await front.sluice.logLine(({ key, bucket }) => key === 'dir/' && bucket === 'data')
  assert.deepEqual([line['status'], line['path'], line['attempts']], [200, '/data/dir/', 1])
  assert.doesNotMatch(front.sluice.stdout(), /hush/)
})

test('a purge changes nothing about it', async () => {
  await front.purge({ all: true })
  assert.equal((await ask('/data/dir/')).status, 200)
})

test('explain tells that names would be told, and of what', async () => {
  const listed = await explainAt(front, { path: '/data/dir/' })
  const step = stepOf(listed, 'listing')
  assert.deepEqual(
    [step['form'], step['prefix'], step['recursive'], step['authorized_as']],
    ['json', 'dir/', false, '/data/dir/'],
  )
  assert.equal(stepOf(listed, 'names').outcome, 'asks')
  const { summary } = listed
  assert.deepEqual(
    [summary.served, summary.asks_origin, summary.bucket, summary.key],
    [null, true, 'data', 'dir/'],
  )
  const object = await explainAt(front, { path: '/data/dir/b.txt' })
  assert.equal(stepOf(object, 'listing').outcome, 'none')
  const index = await explainAt(front, { path: '/site/dir/' })
  assert.match(stepOf(index, 'listing').reason, /no index document/)
})

test('explain knows that a remembered absence of the index leads to names', async () => {
  assert.deepEqual(namesOf(await told('/pages/dir/')), [['deep/', 'taken/'], ['b.txt']])
  const { summary, steps } = await explainAt(front, { path: '/pages/dir/' })
  assert.equal(steps.at(-1)?.step, 'names')
  assert.deepEqual([summary.served, summary.status, summary.asks_origin], [null, null, true])
  const shown = await explainAt(front, { path: '/pages/with/' })
  assert.ok(shown.steps.every(({ step }) => step !== 'names'))
})

test('the origin is let go when the last who waits has left', async () => {
  const fault = front.s3.fault({ kind: 'hang', match: { key: '' } })
  const leaving = new AbortController()
  const asked = ask('/data/many/', { signal: leaving.signal }).catch(() => undefined)
  const open = (): boolean =>
    front.s3.requests.some(({ state, rawTarget }) => state === 'open' && rawTarget.includes('many'))
  await until(
    'the origin is asked',
    async () => open(),
    (isOpen) => isOpen,
  )
  leaving.abort()
  await asked
  await until(
    'the origin is let go',
    async () => open(),
    (isOpen) => !isOpen,
    5000,
  )
  fault.remove()
})
