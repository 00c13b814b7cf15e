import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { BARE_HEAD, NO_CACHING } from '../exchange/object-head.ts'
import type { ObjectHead } from '../exchange/object-head.ts'
import { isConfirmed, mergeHeads } from './freshen.ts'

const HEAD: ObjectHead = {
  size: 10,
  etag: '"a"',
  lastModified: 'Mon, 01 Jan 2026 00:00:00 GMT',
  contentType: 'text/plain',
  fields: ['Cache-Control', 'max-age=1', 'Content-Encoding', 'gzip', 'Content-Language', 'de'],
  metadata: ['x-amz-meta-colour', 'red'],
  checksums: ['x-amz-checksum-crc32', 'AAAA'],
  versionId: 'v1',
  redirectLocation: undefined,
  caching: { ...NO_CACHING, cacheControl: 'max-age=1', date: 'then', age: '5' },
}

/** What a bare 304 says. */
const BARE = BARE_HEAD

describe('a 304 (RFC 9111 §3.2)', () => {
  test('that brings no field changes none, but the age and the date it had', () => {
    const caching = { ...HEAD.caching, date: undefined, age: undefined }
    assert.deepEqual(mergeHeads(HEAD, BARE), { ...HEAD, caching })
  })

  test('replaces the fields it brings, where they stand, and adds new ones', () => {
    const fields = ['cache-control', 'max-age=9', 'Expires', 'soon']
    const caching = { ...NO_CACHING, cacheControl: 'max-age=9', expires: 'soon', date: 'now' }
    const merged = mergeHeads(HEAD, {
      ...BARE,
      fields,
      caching,
      contentType: 'text/html',
      metadata: ['x-amz-meta-colour', 'blue', 'x-amz-meta-new', '1'],
      lastModified: 'Tue, 02 Jan 2026 00:00:00 GMT',
      redirectLocation: '/new',
    })
    assert.deepEqual(merged.fields, [
      'cache-control',
      'max-age=9',
      'Content-Encoding',
      'gzip',
      'Content-Language',
      'de',
      'Expires',
      'soon',
    ])
    assert.deepEqual(merged.metadata, ['x-amz-meta-colour', 'blue', 'x-amz-meta-new', '1'])
    assert.equal(merged.contentType, 'text/html')
    assert.equal(merged.lastModified, 'Tue, 02 Jan 2026 00:00:00 GMT')
    assert.equal(merged.redirectLocation, '/new')
    assert.deepEqual(merged.caching, caching)
  })

  test('changes nothing of what describes the stored bytes', () => {
    const news = {
      ...BARE,
      size: 99,
      etag: '"b"',
      versionId: 'v2',
      fields: ['content-encoding', 'br'],
      checksums: ['x-amz-checksum-crc32', 'BBBB'],
    }
    const { size, etag, versionId, fields, checksums } = mergeHeads(HEAD, news)
    assert.deepEqual(
      { size, etag, versionId, fields, checksums },
      {
        size: 10,
        etag: '"a"',
        versionId: 'v1',
        fields: HEAD.fields,
        checksums: HEAD.checksums,
      },
    )
  })
})

describe('a 304 is about the version that was asked about (RFC 9111 §4.3.4)', () => {
  const cases: readonly (readonly [string | undefined, string | undefined, boolean])[] = [
    ['"a"', '"a"', true],
    ['"a"', 'W/"a"', true],
    ['"a"', '"b"', false],
    ['"a"', undefined, true],
    [undefined, '"b"', true],
  ]
  for (const [held, said, isSame] of cases) {
    test(`${held} and ${said}: ${isSame}`, () => {
      assert.equal(isConfirmed({ ...HEAD, etag: held }, { ...BARE, etag: said }), isSame)
    })
  }
})
