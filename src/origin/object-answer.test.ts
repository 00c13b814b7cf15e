import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { RangeSpec } from '../http/range.ts'
import { OriginFailure } from './failure.ts'
import { readObjectAnswer } from './object-answer.ts'
import type { AskedBytes } from './object-answer.ts'

const whole: AskedBytes = { range: undefined, isPart: false }
const part: AskedBytes = { range: undefined, isPart: true }
const ranged = (range: RangeSpec): AskedBytes => ({ range, isPart: false })
const bounded = (first: number, last: number): AskedBytes =>
  ranged({ kind: 'bounded', first, last })

interface Case {
  readonly says: string
  readonly asked: AskedBytes
  readonly status?: number
  readonly headers: Readonly<Record<string, string | string[]>>
  /** Undefined: it is not believed. */
  readonly bytes: { size: number | undefined; first: number; last: number | undefined } | undefined
}

const range = (text: string, length?: number): Record<string, string> => ({
  'content-range': `bytes ${text}`,
  ...(length === undefined ? {} : { 'content-length': String(length) }),
})

const cases: readonly Case[] = [
  {
    says: 'a whole object tells its size by its length',
    asked: whole,
    status: 200,
    headers: { 'content-length': '10' },
    bytes: { size: 10, first: 0, last: 9 },
  },
  {
    says: 'an empty object has no last byte',
    asked: whole,
    status: 200,
    headers: { 'content-length': '0' },
    bytes: { size: 0, first: 0, last: -1 },
  },
  {
    says: 'an object without a length has an unknown end',
    asked: whole,
    status: 200,
    headers: {},
    bytes: { size: undefined, first: 0, last: undefined },
  },
  {
    says: 'a length that is no number is none',
    asked: whole,
    status: 200,
    headers: { 'content-length': '1e3' },
    bytes: { size: undefined, first: 0, last: undefined },
  },
  {
    says: 'a server that ignores the range sends the whole, whatever it labels it',
    asked: bounded(2, 3),
    status: 200,
    headers: { ...range('2-3/10'), 'content-length': '10' },
    bytes: { size: 10, first: 0, last: 9 },
  },
  {
    says: 'a part that poses as the whole is refused',
    asked: bounded(2, 3),
    status: 200,
    headers: range('2-3/10', 2),
    bytes: undefined,
  },
  {
    says: 'the asked range is taken',
    asked: bounded(2, 5),
    headers: range('2-5/10', 4),
    bytes: { size: 10, first: 2, last: 5 },
  },
  {
    says: 'a range that reaches past the end may stop at the end',
    asked: bounded(2, 500),
    headers: range('2-9/10', 8),
    bytes: { size: 10, first: 2, last: 9 },
  },
  {
    says: 'a range without a length is taken by its label',
    asked: bounded(2, 5),
    headers: range('2-5/10'),
    bytes: { size: 10, first: 2, last: 5 },
  },
  {
    says: 'an open range goes to the end',
    asked: ranged({ kind: 'open', first: 4 }),
    headers: range('4-9/10', 6),
    bytes: { size: 10, first: 4, last: 9 },
  },
  {
    says: 'an open range that stops early is refused',
    asked: ranged({ kind: 'open', first: 4 }),
    headers: range('4-8/10', 5),
    bytes: undefined,
  },
  {
    says: 'a suffix is the last bytes',
    asked: ranged({ kind: 'suffix', length: 3 }),
    headers: range('7-9/10', 3),
    bytes: { size: 10, first: 7, last: 9 },
  },
  {
    says: 'a suffix longer than the object is all of it',
    asked: ranged({ kind: 'suffix', length: 30 }),
    headers: range('0-9/10', 10),
    bytes: { size: 10, first: 0, last: 9 },
  },
  {
    says: 'another suffix is refused',
    asked: ranged({ kind: 'suffix', length: 3 }),
    headers: range('6-9/10', 4),
    bytes: undefined,
  },
  {
    says: 'a range further on is refused',
    asked: bounded(2, 5),
    headers: range('3-5/10', 3),
    bytes: undefined,
  },
  {
    says: 'a range that stops early is refused',
    asked: bounded(2, 5),
    headers: range('2-4/10', 3),
    bytes: undefined,
  },
  {
    says: 'a range that goes on is refused',
    asked: bounded(2, 5),
    headers: range('2-6/10', 5),
    bytes: undefined,
  },
  {
    says: 'a label that does not fit the length is refused',
    asked: bounded(2, 5),
    headers: range('2-5/10', 3),
    bytes: undefined,
  },
  {
    says: 'a range of unknown size is refused',
    asked: bounded(2, 5),
    headers: range('2-5/*', 4),
    bytes: undefined,
  },
  {
    says: 'a range without a label is refused',
    asked: bounded(2, 5),
    headers: { 'content-length': '4' },
    bytes: undefined,
  },
  {
    says: 'a part of an object nobody asked a part of is refused',
    asked: whole,
    headers: range('0-4/10', 5),
    bytes: undefined,
  },
  {
    says: 'the server chooses the bytes of a numbered part',
    asked: part,
    headers: range('5-9/10', 5),
    bytes: { size: 10, first: 5, last: 9 },
  },
]

describe('which bytes follow', () => {
  for (const { says, asked, status = 206, headers, bytes } of cases) {
    test(says, () => {
      if (bytes === undefined) {
        assert.throws(() => readObjectAnswer(status, headers, asked), isProtocolFailure)
        return
      }
      const { head, first, last } = readObjectAnswer(status, headers, asked)
      assert.deepEqual({ size: head.size, first, last }, bytes)
    })
  }
})

function isProtocolFailure(error: unknown): boolean {
  return error instanceof OriginFailure && error.kind === 'protocol'
}

test('of the header fields those are kept that a client may see', () => {
  const { head } = readObjectAnswer(
    200,
    {
      'content-length': '3',
      etag: 'W/"a"',
      'last-modified': 'Fri, 20 Nov 2026 00:00:00 GMT',
      'content-type': 'text/plain',
      'content-encoding': 'gzip',
      'content-language': ['de', 'fr'],
      'content-disposition': 'attachment',
      'cache-control': 'max-age=5',
      expires: 'never',
      'x-amz-meta-colour': 'red',
      'x-amz-checksum-crc32': 'AAAA',
      'x-amz-version-id': 'v1',
      'x-amz-website-redirect-location': '/elsewhere',
      'x-amz-request-id': 'inside',
      server: 'AmazonS3',
      'set-cookie': ['a=b'],
    },
    whole,
  )
  assert.deepEqual(head, {
    size: 3,
    etag: 'W/"a"',
    lastModified: 'Fri, 20 Nov 2026 00:00:00 GMT',
    contentType: 'text/plain',
    fields: [
      'Content-Encoding',
      'gzip',
      'Content-Language',
      'de, fr',
      'Content-Disposition',
      'attachment',
      'Cache-Control',
      'max-age=5',
      'Expires',
      'never',
    ],
    metadata: ['x-amz-meta-colour', 'red'],
    checksums: ['x-amz-checksum-crc32', 'AAAA'],
    versionId: 'v1',
    redirectLocation: '/elsewhere',
    caching: {
      cacheControl: 'max-age=5',
      cdnCacheControl: undefined,
      pragma: undefined,
      expires: 'never',
      date: undefined,
      age: undefined,
      vary: undefined,
      hasSetCookie: true,
    },
  })
})
