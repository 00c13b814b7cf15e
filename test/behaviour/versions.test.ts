// `?versionId=`, honoured where the bucket allows it, and S3's `?partNumber=`.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { openServed } from '../support/served.ts'

const OPEN = { versioned: true, settings: { allow_versions: true } } as const

const served = await openServed({
  buckets: {
    aws: OPEN,
    ceph: { ...OPEN, quirks: 'ceph' },
    closed: { versioned: true },
  },
})
after(() => served.close())

function putTwo(bucket: 'aws' | 'ceph' | 'closed'): { first: string; second: string } {
  const s3 = bucket === 'ceph' ? served.ceph : served.aws
  const first = s3.putObject(bucket, 'object', 'the first version')
  const second = s3.putObject(bucket, 'object', 'the second')
  return { first: first.versionId, second: second.versionId }
}

for (const bucket of ['aws', 'ceph'] as const) {
  describe(`allow_versions: true, in front of an S3 like ${bucket}`, () => {
    const { first, second } = putTwo(bucket)

    test('a version asked for is the one served, and is named', async () => {
      for (const [id, text] of [
        [first, 'the first version'],
        [second, 'the second'],
      ] as const) {
        const answer = await served.ask(`/${bucket}/object?versionId=${id}`)
        assert.equal(answer.status, 200)
        assert.equal(answer.text, text)
        assert.equal(answer.headers['x-amz-version-id'], id)
      }
    })

    test('without one it is the newest, and its version stays inside', async () => {
      const answer = await served.ask(`/${bucket}/object`)
      assert.equal(answer.text, 'the second')
      assert.equal(answer.headers['x-amz-version-id'], undefined)
    })

    test('HEAD and ranges are of the version', async () => {
      const path = `/${bucket}/object?versionId=${first}`
      const head = await served.ask(path, { method: 'HEAD' })
      assert.equal(head.headers['content-length'], String('the first version'.length))
      assert.equal(head.headers['x-amz-version-id'], first)
      const part = await served.ask(path, { headers: { Range: 'bytes=4-8' } })
      assert.equal(part.status, 206)
      assert.equal(part.text, 'first')
      assert.equal(part.headers['x-amz-version-id'], first)
      const etag = head.headers['etag'] ?? ''
      assert.equal((await served.ask(path, { headers: { 'If-None-Match': etag } })).status, 304)
      const several = await served.ask(path, { headers: { Range: 'bytes=0-2,4-8' } })
      assert.match(several.text, /\r\n\r\nthe\r\n[^]*\r\n\r\nfirst\r\n/)
    })

    test('a version that is not there is a 404', async () => {
      for (const id of ['unknown', 'null', `${first}x`]) {
        for (const method of ['GET', 'HEAD']) {
          const answer = await served.ask(`/${bucket}/object?versionId=${id}`, { method })
          assert.equal(answer.status, 404)
        }
      }
    })

    test('a version id is no way to another query', async () => {
      const id = encodeURIComponent('x&acl=&y=z/../#?')
      assert.equal((await served.ask(`/${bucket}/object?versionId=${id}`)).status, 404)
    })

    test('a deleted object is a 404, by its delete marker too; older versions stay', async () => {
      const s3 = served[bucket]
      const { versionId } = s3.putObject(bucket, 'deleted', 'was here')
      s3.removeObject(bucket, 'deleted')
      s3.clearRequests()
      assert.equal((await served.ask(`/${bucket}/deleted`)).status, 404)
      const old = await served.ask(`/${bucket}/deleted?versionId=${versionId}`)
      assert.equal(old.text, 'was here')
    })
  })
}

test('a delete marker asked for by name is a 404', async () => {
  served.aws.putObject('aws', 'marked', 'was here')
  served.aws.fault({
    kind: 'status',
    status: 405,
    code: 'MethodNotAllowed',
    match: { key: 'marked' },
  })
  for (const method of ['GET', 'HEAD']) {
    const answer = await served.ask('/aws/marked?versionId=marker', { method })
    assert.equal(answer.status, 404)
  }
  served.aws.clearFaults()
})

test('allow_versions: false serves the newest, whatever is asked for', async () => {
  const { first } = putTwo('closed')
  for (const id of [first, 'unknown']) {
    const answer = await served.ask(`/closed/object?versionId=${id}`)
    assert.equal(answer.status, 200)
    assert.equal(answer.text, 'the second')
    assert.equal(answer.headers['x-amz-version-id'], undefined)
  }
})

describe('partNumber', () => {
  const text = 'abcdefghij'
  served.put('aws', 'parts', text, { partBytes: 4 })
  served.put('aws', 'single', text)
  served.put('aws', 'empty', '')
  served.put('ceph', 'parts', text, { partBytes: 4 })

  for (const [number, first, last] of [
    [1, 0, 3],
    [2, 4, 7],
    [3, 8, 9],
  ] as const) {
    test(`${number} is those bytes of the object`, async () => {
      for (const method of ['GET', 'HEAD']) {
        const answer = await served.ask(`/aws/parts?partNumber=${number}`, { method })
        assert.equal(answer.status, 206)
        assert.equal(answer.headers['content-range'], `bytes ${first}-${last}/10`)
        assert.equal(answer.headers['content-length'], String(last - first + 1))
        assert.equal(answer.text, method === 'HEAD' ? '' : text.slice(first, last + 1))
      }
    })
  }

  test('of an object that came in one piece there is one', async () => {
    const answer = await served.ask('/aws/single?partNumber=1')
    assert.equal(answer.status, 206)
    assert.equal(answer.headers['content-range'], 'bytes 0-9/10')
    assert.equal(answer.text, text)
  })

  test('beyond the last is 416 with the size', async () => {
    for (const path of ['/aws/parts?partNumber=4', '/aws/single?partNumber=2']) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await served.ask(path, { method })
        assert.equal(answer.status, 416)
        assert.equal(answer.headers['content-range'], 'bytes */10')
      }
    }
  })

  test('of an S3 that knows of none, the first is the whole and there is no second', async () => {
    const first = await served.ask('/ceph/parts?partNumber=1')
    assert.equal(first.status, 206)
    assert.equal(first.text, text)
    assert.equal((await served.ask('/ceph/parts?partNumber=2')).status, 416)
  })

  test('obeys conditions', async () => {
    const etag = (await served.ask('/aws/parts')).headers['etag'] ?? ''
    const ask = (headers: Record<string, string>): ReturnType<typeof served.ask> =>
      served.ask('/aws/parts?partNumber=2', { headers })
    assert.equal((await ask({ 'If-None-Match': etag })).status, 304)
    assert.equal((await ask({ 'If-Match': '"x"' })).status, 412)
    assert.equal((await ask({ 'If-Match': etag })).text, 'efgh')
    assert.equal((await ask({ 'If-None-Match': '"x"' })).text, 'efgh')
  })

  for (const value of ['0', '-1', 'x', '', '1.0', '+1', '01', '100000', '1%202']) {
    test(`"${value}" is no part number: 400`, async () => {
      const answer = await served.ask(`/aws/parts?partNumber=${value}`)
      assert.equal(answer.status, 400)
      assert.equal(JSON.parse(answer.text).error, 'invalid_request')
    })
  }

  test('beside a Range it is refused: which of them is meant?', async () => {
    const headers = { Range: 'bytes=0-1' }
    assert.equal((await served.ask('/aws/parts?partNumber=1', { headers })).status, 400)
  })

  test('of a missing object is a 404', async () => {
    assert.equal((await served.ask('/aws/none?partNumber=1')).status, 404)
  })
})
