import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { Request } from '../exchange/request.ts'
import { planFor } from './plan.ts'
import type { Plan } from './plan.ts'
import type { RouteRules } from './snapshot.ts'
import { WrittenFields } from './written-fields.ts'

const ROUTE: RouteRules = {
  bucket: 'b',
  pathPrefix: '/b',
  siteOf: undefined,
  takesSignatures: false,
  allowVersions: true,
  hideForbidden: false,
  metadataHeaders: true,
  setHeaders: [],
  ownedHeaders: new Set(),
  commonHeaders: [],
  written: new WrittenFields(),
  varyBy: undefined,
  listing: 'off',
  website: {
    isPlain: false,
    indexDocument: 'index.html',
    redirectSlash: true,
    errorDocuments: new Map(),
    spa: false,
  },
}
const PLAIN: RouteRules = {
  ...ROUTE,
  allowVersions: false,
  website: { ...ROUTE.website, isPlain: true, indexDocument: undefined },
}

function plan(rest: string, request: Partial<Request> = {}, route = ROUTE): Plan {
  return planFor(
    { value: route, rest, captured: [] },
    {
      method: 'GET',
      path: `/b/${rest}`,
      query: '',
      host: undefined,
      headers: {},
      hasBody: false,
      ...request,
    },
  )
}

describe('the key', () => {
  test('is what follows the prefix', () => {
    for (const rest of ['k', 'a/b', '/k', 'a//b']) assert.equal(plan(rest).key, rest)
  })

  test('of a directory is its index document, where there is one', () => {
    assert.equal(plan('').key, 'index.html')
    assert.equal(plan('dir/').key, 'dir/index.html')
    assert.equal(plan('', {}, PLAIN).key, '')
    assert.equal(plan('dir/', {}, PLAIN).key, 'dir/')
  })

  test('of more bytes than S3 allows is refused', () => {
    for (const key of ['x'.repeat(1024), 'é'.repeat(512), '€'.repeat(341), '😀'.repeat(256)]) {
      assert.equal(plan(key).key, key)
      assert.throws(() => plan(`${key}é`), { code: 'invalid_path' })
    }
    // With its index document a directory is longer.
    assert.throws(() => plan(`${'x'.repeat(1020)}/`), { code: 'invalid_path' })
  })
})

describe('the version', () => {
  test('is the one asked for, where that is allowed', () => {
    assert.equal(plan('k', { query: 'a=b&versionId=x%2By' }).versionId, 'x+y')
    assert.equal(plan('k', { query: 'a=b' }).versionId, undefined)
    assert.equal(plan('k', { query: 'versionId=x' }, PLAIN).versionId, undefined)
  })
})

describe('the part number', () => {
  test('is a whole number from 1 on', () => {
    assert.equal(plan('k', { query: 'partNumber=7' }).partNumber, '7')
    assert.equal(plan('k', { query: 'partnumber=7' }).partNumber, undefined)
    for (const value of ['0', '01', '-1', '', 'x', '123456', '1e3']) {
      const query = `partNumber=${value}`
      assert.throws(() => plan('k', { query }), { code: 'invalid_request' })
    }
  })

  test('does not go with a range', () => {
    const query = 'partNumber=1'
    assert.throws(() => plan('k', { query, headers: { range: 'bytes=0-1' } }), {
      code: 'invalid_request',
    })
    const ignored = plan('k', { query, headers: { range: 'items=0-1' } })
    assert.equal(ignored.partNumber, '1')
  })
})

describe('the ranges', () => {
  const headers = { range: 'bytes=0-1,-5' }

  test('are those of a GET', () => {
    assert.deepEqual(plan('k', { headers }).ranges, [
      { kind: 'bounded', first: 0, last: 1 },
      { kind: 'suffix', length: 5 },
    ])
    assert.equal(plan('k', { method: 'HEAD', headers }).ranges, undefined)
    assert.equal(plan('k').ranges, undefined)
  })
})

describe('a revalidation', () => {
  test('is what a client asks that has the object already', () => {
    for (const [headers, expected] of [
      [{ 'if-none-match': '"a"' }, true],
      [{ 'if-modified-since': 'x' }, true],
      [{ 'if-match': '"a"' }, false],
      [{ 'if-unmodified-since': 'x' }, false],
      [{}, false],
    ] as const) {
      assert.equal(plan('k', { headers }).isRevalidation, expected)
    }
  })
})
