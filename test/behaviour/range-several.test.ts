// Several ranges (RFC 9110 §14.6): S3 gives one at a time, the client gets them all in one answer.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { generateBytes } from '../../dev/s3-server.ts'
import { readByteRanges } from '../support/byteranges.ts'
import type { Answer } from '../support/http.ts'
import { openServed } from '../support/served.ts'

const SIZE = 300_000
const bytes = generateBytes('several', 0, SIZE)

const served = await openServed({
  buckets: {
    aws: {},
    ceph: { quirks: 'ceph' },
    typed: { settings: { response_headers: { set: { 'Content-Type': 'text/operated' } } } },
  },
})
after(() => served.close())
for (const bucket of ['aws', 'ceph', 'typed']) {
  served.put(bucket, 'object', { seed: 'several', size: SIZE }, { contentType: 'text/x-test' })
}

function ask(bucket: string, range: string): Promise<Answer> {
  return served.ask(`/${bucket}/object`, { headers: { Range: range } })
}

function assertParts(answer: Answer, expected: readonly (readonly [number, number])[]): void {
  assert.equal(answer.status, 206)
  assert.equal(answer.headers['content-range'], undefined)
  assert.equal(answer.headers['content-length'], String(answer.body.length))
  const parts = readByteRanges(answer.headers['content-type'], answer.body)
  assert.deepEqual(
    parts.map(({ contentRange, contentType }) => [contentRange, contentType]),
    expected.map(([first, last]) => [`bytes ${first}-${last}/${SIZE}`, 'text/x-test']),
  )
  for (const [index, [first, last]] of expected.entries()) {
    assert.deepEqual(parts[index]?.bytes, bytes.subarray(first, last + 1))
  }
}

const answered: readonly (readonly [string, string, readonly (readonly [number, number])[]])[] = [
  ['two ranges are two parts', 'bytes=0-9,20-29', [[0, 9], [20, 29]]], // prettier-ignore
  ['parts come in the order they were asked for', 'bytes=20-29,0-9', [[20, 29], [0, 9]]], // prettier-ignore
  ['a suffix and an open range are parts too', 'bytes=0-0,299990-,-5', [[0, 0], [299_990, 299_999]]], // prettier-ignore
  ['overlapping ranges are merged', 'bytes=0-99,50-149,1000-1001', [[0, 149], [1000, 1001]]], // prettier-ignore
  ['adjacent ranges stay two', 'bytes=0-9,10-19', [[0, 9], [10, 19]]], // prettier-ignore
  ['ranges past the end are left out', 'bytes=0-9,999999-,20-29', [[0, 9], [20, 29]]], // prettier-ignore
  ['parts may be large', 'bytes=0-149999,150001-299999', [[0, 149_999], [150_001, 299_999]]], // prettier-ignore
]

for (const bucket of ['aws', 'ceph']) {
  describe(`in front of an S3 like ${bucket}`, () => {
    for (const [sentence, range, expected] of answered) {
      test(sentence, async () => {
        assertParts(await ask(bucket, range), expected)
      })
    }

    test('sixteen ranges are sixteen parts', async () => {
      const expected = Array.from(
        { length: 16 },
        (_, index) => [index * 10, index * 10 + 4] as const,
      )
      const range = expected.map(([first, last]) => `${first}-${last}`).join(',')
      assertParts(await ask(bucket, `bytes=${range}`), expected)
    })

    test('more than sixteen ranges are answered with the whole', async () => {
      const ranges = Array.from({ length: 17 }, (_, index) => `${index * 10}-${index * 10 + 4}`)
      const answer = await ask(bucket, `bytes=${ranges.join(',')}`)
      assert.equal(answer.status, 200)
      assert.deepEqual(answer.body, bytes)
    })

    test('ranges that merge into one, or of which one is left, are one part', async () => {
      for (const range of ['bytes=0-9,5-14', 'bytes=0-14,999999-', 'bytes=999999-,0-14']) {
        const answer = await ask(bucket, range)
        assert.equal(answer.status, 206)
        assert.equal(answer.headers['content-range'], `bytes 0-14/${SIZE}`)
        assert.equal(answer.headers['content-type'], 'text/x-test')
        assert.deepEqual(answer.body, bytes.subarray(0, 15).subarray(0, answer.body.length))
        assert.equal(answer.body.length, 15)
      }
    })

    test('ranges that all lie past the end are refused', async () => {
      const answer = await ask(bucket, 'bytes=999999-,888888-,-0')
      assert.equal(answer.status, 416)
      assert.equal(answer.headers['content-range'], `bytes */${SIZE}`)
    })
  })
}

test('the multipart keeps its type where the operator sets another for the object', async () => {
  const answer = await ask('typed', 'bytes=0-9,20-29')
  assert.equal(answer.rawHeaders.filter((name) => name.toLowerCase() === 'content-type').length, 1)
  assert.equal(readByteRanges(answer.headers['content-type'], answer.body).length, 2)
  assert.equal((await ask('typed', 'bytes=0-9')).headers['content-type'], 'text/operated')
})

test('an object that changes before its first part is looked at again', async () => {
  served.put('aws', 'changing', 'a'.repeat(100))
  const fault = served.aws.fault({
    kind: 'status',
    status: 412,
    code: 'PreconditionFailed',
    match: { key: 'changing', method: 'GET' },
    times: 1,
  })
  const answer = await served.ask('/aws/changing', { headers: { Range: 'bytes=0-1,5-6' } })
  assert.equal(fault.hits, 1)
  assert.equal(answer.status, 206)
  assert.equal(readByteRanges(answer.headers['content-type'], answer.body).length, 2)
})

test('an object that changes between its parts breaks the answer, and is never mixed', async () => {
  served.put('aws', 'torn', 'a'.repeat(100))
  const fault = served.aws.fault({
    kind: 'status',
    status: 412,
    code: 'PreconditionFailed',
    match: { key: 'torn', method: 'GET' },
    skip: 1,
  })
  const answer = await served.ask('/aws/torn', { headers: { Range: 'bytes=0-1,5-6' } })
  fault.remove()
  assert.equal(answer.status, 206)
  assert.equal(answer.aborted, true)
})
