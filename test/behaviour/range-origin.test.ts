// What S3 sends is checked against what was asked: other bytes are never passed on as the right
// ones, and what S3 leaves out is found out.

import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'

import { generateBytes } from '../../dev/s3-server.ts'
import { readByteRanges } from '../support/byteranges.ts'
import type { Answer } from '../support/http.ts'
import { openServed } from '../support/served.ts'

const SIZE = 200_000
const bytes = generateBytes('origin', 0, SIZE)
const RETRY = { retry: { max_attempts: 2, initial_backoff_ms: 1, budget_percent: 100 } }

const served = await openServed({
  buckets: { aws: { s3: RETRY }, ceph: { quirks: 'ceph', s3: RETRY } },
})
after(() => served.close())
afterEach(() => {
  served.aws.clearFaults()
  served.ceph.clearFaults()
})
for (const bucket of ['aws', 'ceph']) {
  served.put(bucket, 'object', { seed: 'origin', size: SIZE })
}

function ask(bucket: string, headers: Record<string, string>): Promise<Answer> {
  return served.ask(`/${bucket}/object`, { headers })
}

function assertPart(answer: Answer, first: number, last: number): void {
  assert.equal(answer.status, 206)
  assert.equal(answer.headers['content-range'], `bytes ${first}-${last}/${SIZE}`)
  assert.equal(answer.headers['content-length'], String(last - first + 1))
  assert.deepEqual(answer.body, bytes.subarray(first, last + 1))
}

for (const bucket of ['aws', 'ceph'] as const) {
  describe(`in front of an S3 like ${bucket}`, () => {
    test('an S3 that ignores Range does not keep the client from its part', async () => {
      served[bucket].fault({ kind: 'ignore-range' })
      assertPart(await ask(bucket, { Range: 'bytes=10-19' }), 10, 19)
      assertPart(await ask(bucket, { Range: 'bytes=-10' }), SIZE - 10, SIZE - 1)
      assertPart(await ask(bucket, { Range: 'bytes=150000-' }), 150_000, SIZE - 1)
    })

    test('an S3 that ignores Range does not keep it from its parts', async () => {
      served[bucket].fault({ kind: 'ignore-range' })
      const answer = await ask(bucket, { Range: 'bytes=10-19,150000-150009' })
      assert.equal(answer.status, 206)
      const parts = readByteRanges(answer.headers['content-type'], answer.body)
      assert.deepEqual(
        parts.map((part) => part.bytes),
        [bytes.subarray(10, 20), bytes.subarray(150_000, 150_010)],
      )
    })

    test('a 206 for other bytes than were asked for is a failure of S3', async () => {
      served[bucket].fault({ kind: 'wrong-range' })
      const answer = await ask(bucket, { Range: 'bytes=10-19' })
      assert.equal(answer.status, 502)
      assert.equal(JSON.parse(answer.text).error, 'origin_failed')
    })

    test('a 206 for other bytes is asked again, and believed when it is right', async () => {
      served[bucket].fault({ kind: 'wrong-range', times: 1 })
      assertPart(await ask(bucket, { Range: 'bytes=10-19' }), 10, 19)
    })

    test('a 206 whose Content-Range does not tell the size is not believed', async () => {
      const headers = { 'Content-Range': 'bytes 10-19/*' }
      served[bucket].fault({ kind: 'headers', headers, match: { ranged: true } })
      assert.equal((await ask(bucket, { Range: 'bytes=10-19' })).status, 502)
    })

    test('an object without Content-Length from S3 is sent with one', async () => {
      const headers = { 'Content-Length': undefined }
      served[bucket].fault({ kind: 'headers', headers, match: { method: 'GET' } })
      const answer = await ask(bucket, {})
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['content-length'], String(SIZE))
      assert.equal(answer.headers['transfer-encoding'], undefined)
      assert.deepEqual(answer.body, bytes)
    })

    test('an object without Content-Length from S3 is revalidated like any other', async () => {
      const headers = { 'Content-Length': undefined }
      served[bucket].fault({ kind: 'headers', headers, match: { method: 'GET' } })
      const answer = await ask(bucket, { 'If-None-Match': '"another"' })
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['content-length'], String(SIZE))
      assert.deepEqual(answer.body, bytes)
    })
  })
}

describe('If-Range (RFC 9110 §13.1.5)', () => {
  const lastModified = new Date('2026-01-02T03:04:05Z')
  const date = lastModified.toUTCString()
  const dated = (bucket: string): string =>
    served.put(bucket, 'dated', { seed: 'origin', size: SIZE }, { lastModified })

  for (const bucket of ['aws', 'ceph']) {
    const etag = dated(bucket)
    const cases: readonly (readonly [string, string, 200 | 206])[] = [
      ['the current tag', etag, 206],
      ['another tag', '"another"', 200],
      ['the current tag, weakened', `W/${etag}`, 200],
      ['a list with the current tag', `${etag}, "another"`, 200],
      ['the date of the object', date, 206],
      ['an earlier date', new Date(+lastModified - 1000).toUTCString(), 200],
      ['a later date', new Date(+lastModified + 1000).toUTCString(), 200],
      ['no tag and no date', 'nonsense', 200],
    ]
    for (const [what, value, status] of cases) {
      const outcome = status === 206 ? 'sends the part' : 'sends the whole object'
      test(`${what} ${outcome}, in front of an S3 like ${bucket}`, async () => {
        const headers = { Range: 'bytes=100-199', 'If-Range': value }
        const answer = await served.ask(`/${bucket}/dated`, { headers })
        assert.equal(answer.status, status)
        const expected = status === 206 ? bytes.subarray(100, 200) : bytes
        assert.deepEqual(answer.body, expected)
        assert.equal(answer.headers['content-length'], String(expected.length))
      })
    }

    test(`without a Range it means nothing, in front of an S3 like ${bucket}`, async () => {
      const answer = await served.ask(`/${bucket}/dated`, { headers: { 'If-Range': '"x"' } })
      assert.equal(answer.status, 200)
      assert.equal(answer.body.length, SIZE)
    })

    test(`with a range past the end it is 416 or the whole, like ${bucket}`, async () => {
      const ask = (value: string): Promise<Answer> =>
        served.ask(`/${bucket}/dated`, {
          headers: { Range: `bytes=${SIZE}-`, 'If-Range': value },
        })
      assert.equal((await ask(etag)).status, 416)
      assert.equal((await ask('"another"')).body.length, SIZE)
    })
  }
})
