// One range, and what is no range at all (RFC 9110 §14), in front of an S3 that reads Range as AWS
// does and one that reads it as Ceph does: the client sees no difference.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { generateBytes } from '../../dev/s3-server.ts'
import { openServed } from '../support/served.ts'

const SIZE = 1000
const bytes = generateBytes('range', 0, SIZE)

const served = await openServed({ buckets: { aws: {}, ceph: { quirks: 'ceph' } } })
after(() => served.close())
for (const bucket of ['aws', 'ceph']) {
  served.put(bucket, 'object', { seed: 'range', size: SIZE }, { contentType: 'text/x-test' })
  served.put(bucket, 'empty', '')
}

/** Range, and the first and last byte of the answer. */
const satisfiable: readonly (readonly [string, number, number])[] = [
  ['bytes=0-0', 0, 0],
  ['bytes=0-9', 0, 9],
  ['bytes=10-19', 10, 19],
  ['bytes=999-999', 999, 999],
  ['bytes=990-99999', 990, 999],
  ['bytes=0-99999999999999999999999', 0, 999],
  ['bytes=0-', 0, 999],
  ['bytes=990-', 990, 999],
  ['bytes=-1', 999, 999],
  ['bytes=-10', 990, 999],
  ['bytes=-1000', 0, 999],
  ['bytes=-99999', 0, 999],
  ['Bytes=5-6', 5, 6],
  ['bytes=,5-6,', 5, 6],
  ['bytes= 5-6', 5, 6],
]

/** Range, and why it is not honoured. */
const ignored: readonly (readonly [string, string])[] = [
  ['bytes=5-2', 'ends before it begins'],
  ['bytes=0-1,5-2', 'ends before it begins in one place'],
  ['items=0-1', 'is of another unit'],
  ['bytes', 'has no ranges'],
  ['bytes=', 'has no ranges after its unit'],
  ['bytes=-', 'has no numbers'],
  ['bytes=abc', 'has letters'],
  ['bytes=0-1x', 'has letters after its number'],
  ['bytes=0x1-2', 'is hexadecimal'],
  ['bytes=+1-2', 'has a sign'],
  ['bytes=1--2', 'has two dashes'],
  ['bytes 0-1', 'is written as Content-Range'],
]

for (const bucket of ['aws', 'ceph']) {
  describe(`in front of an S3 like ${bucket}`, () => {
    for (const [range, first, last] of satisfiable) {
      test(`${range} of ${SIZE} bytes is answered with ${first} to ${last}`, async () => {
        const answer = await served.ask(`/${bucket}/object`, { headers: { Range: range } })
        assert.equal(answer.status, 206)
        assert.equal(answer.headers['content-range'], `bytes ${first}-${last}/${SIZE}`)
        assert.equal(answer.headers['content-length'], String(last - first + 1))
        assert.equal(answer.headers['content-type'], 'text/x-test')
        assert.deepEqual(answer.body, bytes.subarray(first, last + 1))
      })
    }

    for (const [range, why] of ignored) {
      test(`${range} ${why}: the whole object is sent`, async () => {
        const answer = await served.ask(`/${bucket}/object`, { headers: { Range: range } })
        assert.equal(answer.status, 200)
        assert.equal(answer.headers['content-range'], undefined)
        assert.equal(answer.headers['content-length'], String(SIZE))
        assert.deepEqual(answer.body, bytes)
      })
    }

    for (const range of ['bytes=1000-', 'bytes=1000-1001', 'bytes=99999999999-', 'bytes=-0']) {
      test(`${range} lies past the end: 416 tells the size (RFC 9110 §15.5.17)`, async () => {
        const answer = await served.ask(`/${bucket}/object`, { headers: { Range: range } })
        assert.equal(answer.status, 416)
        assert.equal(answer.headers['content-range'], `bytes */${SIZE}`)
        assert.equal(JSON.parse(answer.text).error, 'range_not_satisfiable')
      })
    }

    for (const range of ['bytes=0-', 'bytes=0-0', 'bytes=5-9', 'bytes=-0']) {
      test(`${range} of an empty object is refused with 416`, async () => {
        const answer = await served.ask(`/${bucket}/empty`, { headers: { Range: range } })
        assert.equal(answer.status, 416)
        assert.equal(answer.headers['content-range'], 'bytes */0')
      })
    }

    test('a suffix of an empty object is the empty object (RFC 9110 §14.1.2)', async () => {
      const answer = await served.ask(`/${bucket}/empty`, { headers: { Range: 'bytes=-5' } })
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['content-length'], '0')
      assert.equal(answer.headers['content-range'], undefined)
    })

    test('a range is defined for GET alone: HEAD tells of the whole', async () => {
      const options = { method: 'HEAD', headers: { Range: 'bytes=0-9' } }
      const answer = await served.ask(`/${bucket}/object`, options)
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['content-length'], String(SIZE))
      assert.equal(answer.headers['content-range'], undefined)
    })

    test('a range of an object that is not there is a 404', async () => {
      const answer = await served.ask(`/${bucket}/none`, { headers: { Range: 'bytes=0-9' } })
      assert.equal(answer.status, 404)
    })
  })
}

test('one range costs one request to S3, and asks for no more than the client did', async () => {
  served.aws.clearRequests()
  await served.ask('/aws/object', { headers: { Range: 'bytes=10-19' } })
  assert.deepEqual(
    served.aws.requests.map(({ method, headers, bytesSent }) => [
      method,
      headers['range'],
      bytesSent,
    ]),
    [['GET', 'bytes=10-19', 10]],
  )
})
