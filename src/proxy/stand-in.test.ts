import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { NO_CACHING } from '../exchange/object-head.ts'
import { discardBody } from '../exchange/body.ts'
import type { ObjectHead } from '../exchange/object-head.ts'
import { Refusal } from '../exchange/refusal.ts'
import { readConditions } from '../http/conditional.ts'
import { OriginFailure } from '../origin/origin.ts'
import type { ObjectQuestion } from '../origin/origin.ts'
import { obtain } from './obtain.ts'
import type { Ask } from './obtain.ts'
import type { RouteRules, Website } from './snapshot.ts'
import { redirectToSlash, standIn } from './stand-in.ts'
import type { StandIn } from './stand-in.ts'
import { WrittenFields } from './written-fields.ts'

const HEAD: ObjectHead = {
  size: 4,
  etag: '"a"',
  lastModified: undefined,
  contentType: 'text/html',
  fields: ['Content-Language', 'de', 'Cache-Control', 'max-age=9'],
  metadata: ['x-amz-meta-x', 'y'],
  checksums: [],
  versionId: undefined,
  redirectLocation: undefined,
  caching: NO_CACHING,
}

interface Scene {
  readonly error?: unknown
  readonly path?: string
  readonly method?: 'GET' | 'HEAD'
  readonly query?: string
  readonly headers?: Record<string, string>
  readonly website?: Partial<Website>
  /** What the origin holds. */
  readonly keys?: readonly string[]
  readonly head?: Partial<ObjectHead>
  /** How it fails, when asked for one of them. */
  readonly failure?: Error
}

interface Shown {
  readonly instead: StandIn | undefined
  readonly asked: readonly ObjectQuestion[]
}

async function shown(scene: Scene): Promise<Shown> {
  const { path = '/b/dir', method = 'GET', query = '', headers = {} } = scene
  const asked: ObjectQuestion[] = []
  const ask: Ask = async (question) => {
    asked.push(question)
    if (scene.keys?.includes(question.key) !== true) return { kind: 'not-found' }
    if (scene.failure !== undefined) throw scene.failure
    const body = {
      kind: 'stream',
      length: 4,
      start: () => assert.fail('nobody reads it'),
      discard: () => undefined,
    } as const
    const head = { ...HEAD, ...scene.head }
    return { kind: 'object', head, first: 0, last: 3, body: () => body, discard: () => undefined }
  }
  const instead = await standIn({
    error: scene.error ?? new Refusal('not_found'),
    request: { method, path, query, host: undefined, headers, hasBody: false },
    route: route(scene.website),
    plan: {
      method,
      key: path.startsWith('/b/') ? path.slice('/b/'.length) : path.slice('/'.length),
      versionId: 'v',
      partNumber: undefined,
      ranges: [{ kind: 'open', first: 2 }],
      conditions: readConditions(headers),
      isRevalidation: false,
    },
    obtain: (plan) => obtain(plan, ask),
  })
  if (instead !== undefined) discardBody(instead.reply.body)
  return { instead, asked }
}

function route(website: Partial<Website> = {}): RouteRules {
  return {
    bucket: 'b',
    pathPrefix: '/b',
    siteOf: undefined,
    takesSignatures: false,
    allowVersions: true,
    hideForbidden: false,
    metadataHeaders: true,
    setHeaders: ['X-Own', '1'],
    ownedHeaders: new Set(['x-own']),
    commonHeaders: [],
    written: new WrittenFields(),
    varyBy: undefined,
    listing: 'off',
    website: {
      isPlain: false,
      indexDocument: 'index.html',
      redirectSlash: true,
      errorDocuments: new Map([[404, '404.html']]),
      spa: false,
      ...website,
    },
  }
}

function locationOf({ instead }: Shown): string | undefined {
  return instead?.reply.status === 302 ? instead.reply.headers[1] : undefined
}

describe('the redirect to a directory', () => {
  const keys = ['dir/index.html', '/evil/index.html']

  test('is given when it has an index document, and refuses nothing', async () => {
    const scene = await shown({ keys, query: 'a=b' })
    assert.equal(locationOf(scene), '/b/dir/?a=b')
    assert.equal(scene.instead?.refusal, undefined)
    assert.deepEqual(scene.instead?.reply.headers.slice(2), ['X-Own', '1'])
    assert.deepEqual(
      scene.asked.map(({ method, key, versionId, range }) => [method, key, versionId, range]),
      [['HEAD', 'dir/index.html', undefined, undefined]],
    )
  })

  for (const [why, scene] of [
    ['there is none', { keys: [] }],
    ['the path has its slash', { keys, path: '/b/dir/' }],
    ['it would name another host', { keys, path: '//evil' }],
    ['it is turned off', { keys, website: { redirectSlash: false } }],
    ['there are no index documents', { keys, website: { indexDocument: undefined } }],
    ['what is missing is not missing', { keys, error: new Refusal('origin_forbidden') }],
    ['the origin fails', { keys, failure: new OriginFailure('reset', 'x') }],
  ] as const) {
    test(`is not given when ${why}`, async () => {
      assert.equal(locationOf(await shown(scene)), undefined)
    })
  }

  test('writes the path as a path', () => {
    const request = {
      method: 'GET',
      path: '/b/a b/é?#%',
      query: '',
      host: undefined,
      headers: {},
      hasBody: false,
    } as const
    const { headers } = redirectToSlash(request, route())
    assert.equal(headers[1], '/b/a%20b/%C3%A9%3F%23%25/')
  })
})

describe('the page of an application', () => {
  const keys = ['index.html', '404.html']
  const website = { spa: true }
  const navigation = { 'sec-fetch-mode': 'navigate' }

  test('is shown to who navigates, as if it had been asked for', async () => {
    const { instead, asked } = await shown({ keys, website, headers: navigation })
    assert.equal(instead?.reply.status, 206)
    assert.equal(instead.refusal, undefined)
    assert.deepEqual(instead.reply.headers.slice(-2), ['Vary', 'Accept, Sec-Fetch-Mode'])
    const { key, versionId, range } = asked.at(-1) ?? {}
    assert.deepEqual([key, versionId, range], ['index.html', undefined, { kind: 'open', first: 2 }])
  })

  for (const [why, scene] of [
    ['a script', { headers: { 'sec-fetch-mode': 'no-cors', accept: 'text/html' } }],
    ['a program', { headers: { accept: '*/*' } }],
    ['a website of many pages', { headers: navigation, website: { spa: false } }],
  ] as const) {
    test(`is not shown to ${why}`, async () => {
      assert.equal((await shown({ keys, website, ...scene })).instead?.reply.status, 404)
    })
  }

  test('that is missing leaves the object missing', async () => {
    const { instead } = await shown({ keys: ['404.html'], website, headers: navigation })
    assert.equal(instead?.reply.status, 404)
  })

  test('that fails is a failure, and that is not wanted is not sent', async () => {
    const failure = new OriginFailure('reset', 'x')
    await assert.rejects(shown({ keys, website, headers: navigation, failure }), failure)
    const headers = { ...navigation, 'if-match': '"b"' }
    await assert.rejects(shown({ keys, website, headers }), { code: 'precondition_failed' })
  })
})

describe('the page for an error', () => {
  const keys = ['404.html', 'dir']

  test('has its status, its words, and nothing of the object that it is', async () => {
    const { instead, asked } = await shown({ keys, headers: { 'if-none-match': '*' } })
    assert.equal(instead?.reply.status, 404)
    assert.equal(instead.refusal?.code, 'not_found')
    assert.equal(instead.reply.statedLength, 4)
    assert.deepEqual(instead.reply.headers, [
      'Content-Type',
      'text/html',
      'Cache-Control',
      'no-store',
      'Content-Language',
      'de',
    ])
    const { method, range, ifMatch } = asked.at(-1) ?? {}
    assert.deepEqual([method, range, ifMatch], ['GET', undefined, undefined])
  })

  test('keeps what the refusal has to say in its headers', async () => {
    const error = new Refusal('range_not_satisfiable', { headers: ['Content-Range', 'bytes */4'] })
    const website = { errorDocuments: new Map([[416, '404.html']]) }
    const { instead } = await shown({ keys, error, website })
    assert.deepEqual(instead?.reply.headers.slice(-2), ['Content-Range', 'bytes */4'])
  })

  test('is there for failures of the origin, by their status', async () => {
    const website = { errorDocuments: new Map([[504, '404.html']]) }
    const { instead } = await shown({ keys, error: new OriginFailure('timeout', 'x'), website })
    assert.equal(instead?.reply.status, 504)
    assert.equal(instead.refusal?.code, 'origin_timeout')
  })

  for (const [why, scene] of [
    ['there is none for the status', { keys, error: new Refusal('origin_forbidden') }],
    ['it is missing', { keys: [] }],
    ['it fails', { keys, failure: new OriginFailure('reset', 'x') }],
    ['it is what is missing', { keys, path: '/b/404.html' }],
    ['it leads elsewhere', { keys, head: { redirectLocation: '/x' } }],
    ['an S3 client asks', { keys, headers: { 'x-amz-date': 'x' } }],
    [
      'the error is a bug',
      {
        keys,
        error: new TypeError('x'),
        website: { errorDocuments: new Map([[500, '404.html']]) },
      },
    ],
  ] as const) {
    // prettier-ignore
    test(`is not shown when ${why}`, async () => {
      assert.equal((await shown(scene)).instead, undefined)
    })
  }
})
