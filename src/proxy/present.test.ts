import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { NO_CACHING } from '../exchange/object-head.ts'
import { noBody } from '../exchange/body.ts'
import type { StreamBody } from '../exchange/body.ts'
import type { ObjectHead } from '../exchange/object-head.ts'
import { fieldsOf } from '../exchange/reply.ts'
import type { Reply } from '../exchange/reply.ts'
import { readConditions } from '../http/conditional.ts'
import type { Obtained } from './obtain.ts'
import type { Plan } from './plan.ts'
import { present } from './present.ts'
import type { RouteRules } from './snapshot.ts'
import { WrittenFields } from './written-fields.ts'

const HEAD: ObjectHead = {
  size: 100,
  etag: '"a"',
  lastModified: 'Sun, 06 Nov 1994 08:49:37 GMT',
  contentType: 'text/html',
  fields: ['Content-Language', 'de', 'Cache-Control', 'max-age=9', 'Expires', 'never'],
  metadata: ['x-amz-meta-colour', 'blue'],
  checksums: ['x-amz-checksum-crc32', 'AAAAAA=='],
  versionId: 'v1',
  redirectLocation: undefined,
  caching: NO_CACHING,
}
const PLAN: Plan = {
  method: 'GET',
  key: 'k',
  versionId: undefined,
  partNumber: undefined,
  ranges: undefined,
  conditions: readConditions({}),
  isRevalidation: false,
}
const ROUTE: RouteRules = {
  bucket: 'b',
  pathPrefix: '/b',
  siteOf: undefined,
  takesSignatures: false,
  allowVersions: false,
  hideForbidden: false,
  metadataHeaders: true,
  setHeaders: [],
  ownedHeaders: new Set(),
  commonHeaders: ['X-Common', '1'],
  written: new WrittenFields(),
  varyBy: undefined,
  listing: 'off',
  website: {
    isPlain: true,
    indexDocument: undefined,
    redirectSlash: false,
    errorDocuments: new Map(),
    spa: false,
  },
}
const BODY: StreamBody = {
  kind: 'stream',
  length: 100,
  start: () => ({ resume: () => undefined, stop: () => undefined }),
  discard: () => undefined,
}

function reply(
  obtained: Partial<Obtained> = {},
  plan: Partial<Plan> = {},
  route: Partial<RouteRules> = {},
): Reply {
  const whole = { head: HEAD, selected: { kind: 'whole' }, body: BODY } as const
  return present({ ...whole, ...obtained }, { ...PLAN, ...plan }, { ...ROUTE, ...route })
}

function fields(said: Reply): Record<string, string> {
  const headers = fieldsOf(said)
  const pairs: [string, string][] = []
  for (let index = 0; index < headers.length; index += 2) {
    pairs.push([headers[index] ?? '', headers[index + 1] ?? ''])
  }
  assert.equal(new Set(pairs.map(([name]) => name.toLowerCase())).size, pairs.length)
  return Object.fromEntries(pairs)
}

const REPRESENTATION = {
  ETag: '"a"',
  'Last-Modified': 'Sun, 06 Nov 1994 08:49:37 GMT',
  'Content-Language': 'de',
  'Cache-Control': 'max-age=9',
  Expires: 'never',
  'Content-Type': 'text/html',
  'x-amz-meta-colour': 'blue',
}
const CHECKSUM = { 'x-amz-checksum-crc32': 'AAAAAA==' }

describe('the whole object', () => {
  test('is 200 with its fields and its checksums', () => {
    const whole = reply()
    assert.equal(whole.status, 200)
    assert.equal(whole.statedLength, 100)
    assert.equal(whole.body, BODY)
    assert.deepEqual(fields(whole), { ...REPRESENTATION, ...CHECKSUM })
    assert.deepEqual(whole.commonHeaders, ['X-Common', '1'])
  })

  test('states its length for HEAD too', () => {
    const head = reply({ body: noBody }, { method: 'HEAD' })
    assert.equal(head.statedLength, 100)
    assert.deepEqual(fields(head), fields(reply()))
  })

  test('names its version when one was asked for', () => {
    assert.equal(fields(reply({}, { versionId: 'v1' }))['x-amz-version-id'], 'v1')
  })

  test('has a type, if only that of bytes', () => {
    const head = { ...HEAD, contentType: undefined }
    assert.equal(fields(reply({ head }))['Content-Type'], 'application/octet-stream')
  })

  test('keeps its metadata inside where the route says so', () => {
    const kept = fields(reply({}, {}, { metadataHeaders: false }))
    assert.equal(kept['x-amz-meta-colour'], undefined)
  })
})

describe('parts of it', () => {
  test('one is 206 with its place, and without checksums of the whole', () => {
    const part = reply({ selected: { kind: 'part', range: { first: 5, last: 9 }, size: 100 } })
    assert.equal(part.status, 206)
    assert.equal(part.statedLength, 5)
    assert.deepEqual(fields(part), { ...REPRESENTATION, 'Content-Range': 'bytes 5-9/100' })
  })

  test('several are a multipart, whatever type the operator sets', () => {
    const parts = reply(
      { selected: { kind: 'parts', ranges: [], size: 100 }, multipartType: 'multipart/x' },
      {},
      { setHeaders: ['Content-Type', 'text/own'], ownedHeaders: new Set(['content-type']) },
    )
    assert.equal(parts.status, 206)
    assert.equal(parts.statedLength, 100)
    assert.deepEqual(fields(parts), { ...REPRESENTATION, 'Content-Type': 'multipart/x' })
  })
})

test('a 304 repeats what RFC 9110 §15.4.5 asks for, and has no length', () => {
  const unchanged = reply({ selected: { kind: 'not-modified' }, body: noBody })
  assert.equal(unchanged.status, 304)
  assert.equal(unchanged.statedLength, undefined)
  const {
    'Content-Language': _,
    'Content-Type': __,
    'x-amz-meta-colour': ___,
    ...kept
  } = REPRESENTATION
  assert.deepEqual(fields(unchanged), kept)
})

describe('a redirect', () => {
  for (const [location, pathPrefix, expected] of [
    ['/x', '/b', '/b/x'],
    ['/x', '/', '/x'],
    ['https://other.test/x', '/b', 'https://other.test/x'],
  ] as const) {
    test(`to ${location} leads to ${expected} below ${pathPrefix}`, () => {
      const selected = { kind: 'redirect', location } as const
      const moved = reply({ selected, body: noBody }, {}, { pathPrefix })
      assert.equal(moved.status, 301)
      assert.equal(moved.statedLength, 0)
      assert.deepEqual(fields(moved), {
        Location: expected,
        'Cache-Control': 'max-age=9',
        Expires: 'never',
      })
    })
  }

  test('stays within the part of the bucket that the path has named', () => {
    const selected = { kind: 'redirect', location: '/x' } as const
    const site = { keyRoot: 'é/', pathPrefix: '/u/%C3%A9' }
    const moved = reply({ selected, body: noBody }, { site }, { pathPrefix: '/u/{tenant}' })
    assert.equal(fields(moved)['Location'], '/u/%C3%A9/x')
  })
})

test('the operator sets and takes away fields of every answer', () => {
  const route = {
    setHeaders: ['cache-control', 'own', 'X-Own', '1'],
    ownedHeaders: new Set(['cache-control', 'x-own', 'expires']),
  }
  for (const selected of [
    { kind: 'whole' },
    { kind: 'not-modified' },
    { kind: 'part', range: { first: 0, last: 9 }, size: 100 },
    { kind: 'redirect', location: '/x' },
  ] as const) {
    const answer = fields(reply({ selected }, {}, route))
    assert.equal(answer['cache-control'], 'own')
    assert.equal(answer['X-Own'], '1')
    assert.equal(answer['Expires'], undefined)
    assert.equal(answer['Cache-Control'], undefined)
  }
})

test('what cannot be answered is refused', () => {
  assert.throws(() => reply({ selected: { kind: 'precondition-failed' } }), {
    code: 'precondition_failed',
  })
  assert.throws(() => reply({ selected: { kind: 'unsatisfiable', size: 7 } }), {
    code: 'range_not_satisfiable',
    headers: ['Content-Range', 'bytes */7'],
  })
})

describe('an answer from the cache', () => {
  const aged = { dateAt: Date.UTC(1994, 10, 6, 8, 49, 37), ageMs: 61_999 }
  const first = reply({ aged })

  test('says what one from the origin says, and how old it is', () => {
    const fresh = reply()
    assert.deepEqual(
      { ...fields(first), ...fields({ ...first, headers: first.commonHeaders ?? [] }) },
      {
        ...fields(fresh),
        ...fields({ ...fresh, headers: fresh.commonHeaders ?? [] }),
        Date: 'Sun, 06 Nov 1994 08:49:37 GMT',
        Age: '61',
      },
    )
  })

  test('is written once, but for its age, when it is asked for again and again', () => {
    const agedMore = { ...aged, ageMs: 62_000 }
    const blocks = Array.from({ length: 100 }, () => reply({ aged: agedMore }).block)
    const again = reply({ aged: agedMore })
    assert.equal(again.block, blocks.at(-1))
    assert.deepEqual(again.block, first.block)
    assert.equal(fields(again)['Age'], '62')
  })

  test('that has only just come is not written down', () => {
    const fresh = reply({ aged: { ...aged, ageMs: undefined } })
    assert.equal(fresh.block, undefined)
    assert.equal(fields(fresh)['Date'], 'Sun, 06 Nov 1994 08:49:37 GMT')
  })

  test('is written anew when it has another date, or is for another route', () => {
    const renewed = reply({ aged: { ...aged, dateAt: aged.dateAt + 1000 } })
    assert.equal(fields(renewed)['Date'], 'Sun, 06 Nov 1994 08:49:38 GMT')
    const own = { written: new WrittenFields(), setHeaders: ['X-Own', '1'] }
    const other = reply({ aged }, {}, { ...own, ownedHeaders: new Set(['x-own', 'etag']) })
    assert.deepEqual([fields(other)['X-Own'], fields(other)['ETag']], ['1', undefined])
  })

  test('of a version asked for by its id names it', () => {
    const named = reply({ aged }, { versionId: 'v1' })
    assert.equal(fields(named)['x-amz-version-id'], 'v1')
    assert.equal(fields(first)['x-amz-version-id'], undefined)
  })
})
