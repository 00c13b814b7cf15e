// Whose pages may read what a bucket answers: preflights, answers, refusals, from the cache or not.

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

const APP = 'https://app.example.com'
const WIDGET = 'https://a.widgets.example.org'
const EVIL = 'https://evil.test'
const buckets = {
  shared: {
    cors: {
      origins: [APP, 'https://*.widgets.example.org'],
      methods: ['GET', 'HEAD'],
      headers: ['Range', 'X-Custom'],
      expose: ['ETag', 'X-Request-ID'],
      max_age: '20m',
    },
    ip_filter: { blocklist: ['192.0.2.0/24'] },
  },
  plainly: { cors: { origins: [APP] } },
  private: { cors: { origins: [APP], methods: ['GET'], credentials: true, headers: ['*'] } },
  public: { cors: { origins: ['*'] } },
  varied: {
    cors: { origins: [APP] },
    response_headers: { set: { Vary: 'Accept-Encoding' } },
  },
}
let front: CachedFront

before(async () => {
  front = await openCachedFront(
    { server: { trusted_proxies: ['127.0.0.1'] } },
    {
      buckets: (endpoint) =>
        Object.entries(buckets).map(([name, more]) => bucketAt(endpoint, { name, ...more })),
    },
  )
  front.put('a', 'the body')
})
after(() => front[Symbol.asyncDispose]())

type Sent = Readonly<Record<string, string>>

function ask(path: string, headers: Sent = {}, method = 'GET'): Promise<Answer> {
  return request(front.url + path, { method, headers })
}

function preflight(path: string, more: Sent = {}): Promise<Answer> {
  return ask(path, { Origin: APP, 'Access-Control-Request-Method': 'GET', ...more }, 'OPTIONS')
}

const PREFIX = 'access-control-'

/** The CORS fields of an answer, without their common beginning. */
function corsOf({ headers }: Answer): Record<string, unknown> {
  const own = Object.entries(headers).filter(([name]) => name.startsWith(PREFIX))
  return Object.fromEntries(own.map(([name, value]) => [name.slice(PREFIX.length), value]))
}

describe('a preflight', () => {
  test('is answered with what the bucket allows', async () => {
    const answer = await preflight('/shared/a')
    assert.equal(answer.status, 204)
    assert.equal(answer.text, '')
    assert.deepEqual(corsOf(answer), {
      'allow-origin': APP,
      'allow-methods': 'GET, HEAD',
      'allow-headers': 'Range, X-Custom',
      'max-age': '1200',
    })
    assert.match(String(answer.headers['vary']), /\bOrigin\b/)
  })

  test('is answered for ten minutes and without headers unless told otherwise', async () => {
    assert.deepEqual(corsOf(await preflight('/plainly/a')), {
      'allow-origin': APP,
      'allow-methods': 'GET, HEAD',
      'max-age': '600',
    })
  })

  test('with credentials names the origin, and any header that is asked for', async () => {
    const headers = { 'Access-Control-Request-Headers': 'authorization,x-a' }
    assert.deepEqual(corsOf(await preflight('/private/a', headers)), {
      'allow-origin': APP,
      'allow-credentials': 'true',
      'allow-methods': 'GET',
      'allow-headers': 'authorization, x-a',
      'max-age': '600',
    })
  })

  test('of another origin, or for another method, is granted nothing', async () => {
    for (const more of [{ Origin: EVIL }, { 'Access-Control-Request-Method': 'DELETE' }]) {
      const answer = await preflight('/shared/a', more)
      assert.equal(answer.status, 204)
      assert.deepEqual(corsOf(answer), {})
      assert.match(String(answer.headers['vary']), /\bOrigin\b/)
    }
    const head = { 'Access-Control-Request-Method': 'HEAD' }
    assert.deepEqual(corsOf(await preflight('/private/a', head)), {})
  })

  test('into a private network is granted when it asks', async () => {
    const asked = { 'Access-Control-Request-Private-Network': 'true' }
    assert.equal(corsOf(await preflight('/shared/a', asked))['allow-private-network'], 'true')
    const evil = await preflight('/shared/a', { ...asked, Origin: EVIL })
    assert.deepEqual(corsOf(evil), {})
  })

  test('asks nobody, and comes before the filter of addresses', async () => {
    front.s3.clearRequests()
    const answer = await preflight('/shared/none', { 'X-Forwarded-For': '192.0.2.1' })
    assert.equal(corsOf(answer)['allow-origin'], APP)
    assert.equal(front.s3.requests.filter(({ method }) => method === 'GET').length, 0)
  })

  test('to a bucket without cors, or to none, is an OPTIONS like any other', async () => {
    for (const path of ['/files/a', '/nowhere']) {
      const answer = await preflight(path)
      assert.deepEqual([answer.status, answer.headers['allow']], [204, 'GET, HEAD, OPTIONS'])
      assert.deepEqual(corsOf(answer), {})
      assert.equal(answer.headers['vary'], undefined)
    }
  })
})

test('an OPTIONS that is no preflight is 204 with Allow', async () => {
  const answer = await ask('/shared/a', {}, 'OPTIONS')
  assert.deepEqual([answer.status, answer.headers['allow']], [204, 'GET, HEAD, OPTIONS'])
  assert.deepEqual(corsOf(answer), {})
  assert.equal(answer.headers['vary'], 'Origin')
})

describe('an answer', () => {
  test('says who may read it, fresh or from the cache, and keeps nothing of it there', async () => {
    const seen: unknown[] = []
    front.put('once', 'body')
    for (const origin of [APP, EVIL, WIDGET, APP]) {
      const answer = await ask('/shared/once', { Origin: origin })
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['vary'], 'Origin')
      seen.push([answer.headers['x-cache'], corsOf(answer)['allow-origin']])
    }
    const none = await ask('/shared/once')
    seen.push([none.headers['x-cache'], corsOf(none)['allow-origin']])
    assert.equal(none.headers['vary'], 'Origin')
    assert.deepEqual(seen, [
      ['MISS', APP],
      ['HIT', undefined],
      ['HIT', WIDGET],
      ['HIT', APP],
      ['HIT', undefined],
    ])
  })

  test('says what may be read of it', async () => {
    assert.deepEqual(corsOf(await ask('/shared/a', { Origin: APP })), {
      'allow-origin': APP,
      'expose-headers': 'ETag, X-Request-ID',
    })
  })

  test('is for every page where origins are "*", and then never with credentials', async () => {
    for (const headers of [{}, { Origin: EVIL }]) {
      assert.deepEqual(corsOf(await ask('/public/a', headers)), { 'allow-origin': '*' })
    }
    assert.deepEqual(corsOf(await ask('/private/a', { Origin: APP })), {
      'allow-origin': APP,
      'allow-credentials': 'true',
    })
  })

  test('to a method that is not allowed says nothing', async () => {
    assert.deepEqual(corsOf(await ask('/private/a', { Origin: APP }, 'HEAD')), {})
    assert.equal(corsOf(await ask('/shared/a', { Origin: APP }, 'HEAD'))['allow-origin'], APP)
  })

  test('of every kind says it: 206, 304, and every refusal', async () => {
    const etag = String((await ask('/shared/a')).headers['etag'])
    const asked: readonly (readonly [path: string, more: Sent, status: number])[] = [
      ['/shared/a', { Range: 'bytes=0-1' }, 206],
      ['/shared/a', { 'If-None-Match': etag }, 304],
      ['/shared/none', {}, 404],
      ['/shared/a', { Range: 'bytes=99-' }, 416],
      ['/shared/a', { 'If-Match': '"other"' }, 412],
      ['/shared/a', { 'X-Forwarded-For': '192.0.2.1' }, 403],
    ]
    for (const [path, more, status] of asked) {
      const answer = await ask(path, { Origin: APP, ...more })
      assert.equal(answer.status, status)
      assert.equal(corsOf(answer)['allow-origin'], APP, String(status))
      assert.equal(answer.headers['vary'], 'Origin')
    }
  })

  test('of what was never understood says it too', async () => {
    for (const [path, method, status] of [
      ['/shared/a', 'POST', 405],
      ['/shared/%zz', 'GET', 400],
    ] as const) {
      const answer = await ask(path, { Origin: APP }, method)
      assert.equal(answer.status, status)
      assert.deepEqual([corsOf(answer)['allow-origin'], answer.headers['vary']], [APP, 'Origin'])
    }
  })

  test('keeps what it differs by besides', async () => {
    const answer = await ask('/varied/a', { Origin: APP })
    assert.equal(answer.headers['vary'], 'Accept-Encoding, Origin')
  })

  test('of a bucket without cors says nothing of it', async () => {
    const answer = await ask('/files/a', { Origin: APP })
    assert.deepEqual([answer.headers['vary'], corsOf(answer)], [undefined, {}])
  })
})

test('explain tells whether a page may read the answer', async () => {
  const told = async (path: string, headers: Sent, method = 'GET'): Promise<unknown[]> => {
    const step = stepOf(await explainAt(front, { path, headers, method }), 'cors')
    return [step.outcome, step['headers']]
  }
  assert.deepEqual(await told('/plainly/a', { origin: APP }), [
    'shared',
    ['Vary: Origin', `Access-Control-Allow-Origin: ${APP}`],
  ])
  assert.deepEqual(await told('/plainly/a', { origin: EVIL }), ['not shared', ['Vary: Origin']])
  const asked = { origin: APP, 'access-control-request-method': 'GET' }
  const [outcome, lines] = await told('/plainly/a', asked, 'OPTIONS')
  assert.equal(outcome, 'shared')
  assert.match(JSON.stringify(lines), /Allow-Methods: GET, HEAD/)
})

describe('mistakes stop the start, each with its place:', () => {
  const good = { origins: [APP] }
  const bad: readonly (readonly [it: string, cors: object, place: string, words: RegExp])[] = [
    ['no origins', {}, 'cors.origins', /missing|required|wanted/],
    ['a path', { origins: [`${APP}/x`] }, 'cors.origins[0]', /write https:\/\/app\.example\.com/],
    ['a host', { origins: ['app.example.com'] }, 'cors.origins[0]', /wanted an origin/],
    ['the usual port', { origins: [`${APP}:443`] }, 'cors.origins[0]', /write https/],
    ['a star inside', { origins: ['https://a*.example.com'] }, 'cors.origins[0]', /origin/],
    ['null', { origins: ['null'] }, 'cors.origins[0]', /no origin/],
    ['all and one', { origins: [APP, '*'] }, 'cors.origins[1]', /every origin/],
    ['credentials for all', { origins: ['*'], credentials: true }, 'cors.credentials', /"\*"/],
    ['all exposed', { ...good, credentials: true, expose: ['*'] }, 'cors.expose[0]', /exposes/],
    ['an unknown method', { ...good, methods: ['POST'] }, 'cors.methods[0]', /one of GET/],
    ['no header', { ...good, headers: ['a b'] }, 'cors.headers[0]', /header name/],
    ['too long', { ...good, max_age: '2d' }, 'cors.max_age', /duration/],
    ['another name', { ...good, origin: [] }, 'cors.origin', /did you mean origins/],
  ]
  const set = { 'access-control-allow-origin': '*' }
  let said: readonly string[] = []

  before(async () => {
    const settings = [
      ...bad.map(([, cors]) => ({ cors })),
      { cors: good, response_headers: { set } },
      { response_headers: { set } },
    ]
    const folder = mkdtempSync(join(tmpdir(), 'sluice-cors-'))
    const file = join(folder, 'config.yaml')
    const all = settings.map((more, index) => ({
      name: `b${index}`,
      path_prefix: `/b${index}`,
      s3: { bucket: 'b' },
      ...more,
    }))
    writeFileSync(file, JSON.stringify({ buckets: all }))
    const { code, stdout, stderr } = await runSluice(['check', '--config', file])
    rmSync(folder, { recursive: true })
    assert.equal(code, 1)
    said = (stdout + stderr).split('\n')
  })

  const of = (index: number): string[] => said.filter((line) => line.includes(`buckets[${index}].`))

  for (const [index, [it, , place, words]] of bad.entries()) {
    test(it, () => {
      const [line = '', ...more] = of(index)
      assert.deepEqual(more, [])
      assert.ok(line.includes(`buckets[${index}].${place}: `), line)
      assert.match(line, words)
    })
  }

  test('the same said by response_headers', () => {
    assert.match(of(bad.length).join(), /set\.access-control-allow-origin: .*cors answers for/)
    assert.deepEqual(of(bad.length + 1), [])
  })
})
