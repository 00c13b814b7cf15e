// An object that changes while it is being answered: the client gets one version or the other,
// never some of each, and no failure.

import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'

import type { S3Server } from '../../dev/s3-server.ts'
import { openServed } from '../support/served.ts'

const served = await openServed({ buckets: { aws: {}, ceph: { quirks: 'ceph' } } })
after(() => served.close())
afterEach(() => {
  served.aws.clearFaults()
  served.ceph.clearFaults()
})

/** Puts the new version once S3 has answered the first question of this method. */
async function putAfterFirst(s3: S3Server, method: string, put: () => void): Promise<void> {
  for (;;) {
    const first = s3.requests.find((logged) => logged.method === method)
    if (first !== undefined && first.state !== 'open') break
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  put()
}

for (const bucket of ['aws', 'ceph'] as const) {
  describe(`in front of an S3 like ${bucket}`, () => {
    const old = 'old version, of these bytes'
    const young = 'young version, which is longer than the old one was'
    const headers = { 'If-None-Match': '"not this one"' }

    test('a version put between the question and the answer is answered whole', async () => {
      const s3 = served[bucket]
      served.put(bucket, 'moving', old)
      s3.clearRequests()
      s3.fault({ kind: 'delay', delayMs: 300, match: { method: 'GET' }, times: 1 })
      const put = putAfterFirst(s3, 'HEAD', () => served.put(bucket, 'moving', young))
      const answer = await served.ask(`/${bucket}/moving`, { headers })
      await put
      assert.equal(answer.status, 200)
      assert.equal(answer.text, young)
      assert.equal(answer.headers['content-length'], String(young.length))
      assert.equal(answer.headers['etag'], (await served.ask(`/${bucket}/moving`)).headers['etag'])
    })

    test('a range of it is a range of one version', async () => {
      const s3 = served[bucket]
      served.put(bucket, 'cut', old)
      s3.clearRequests()
      s3.fault({ kind: 'delay', delayMs: 300, match: { method: 'GET' }, times: 1 })
      const put = putAfterFirst(s3, 'HEAD', () => served.put(bucket, 'cut', young))
      const ranged = { ...headers, Range: 'bytes=0-4' }
      const answer = await served.ask(`/${bucket}/cut`, { headers: ranged })
      await put
      assert.equal(answer.status, 206)
      assert.equal(answer.text, 'young')
      assert.equal(answer.headers['content-range'], `bytes 0-4/${young.length}`)
    })

    test('an object taken away between the question and the answer is a 404', async () => {
      const s3 = served[bucket]
      served.put(bucket, 'gone', old)
      s3.clearRequests()
      s3.fault({ kind: 'delay', delayMs: 300, match: { method: 'GET' }, times: 1 })
      const put = putAfterFirst(s3, 'HEAD', () => s3.removeObject(bucket, 'gone'))
      const answer = await served.ask(`/${bucket}/gone`, { headers })
      await put
      assert.equal(answer.status, 404)
    })

    test('an object that never stays the same for two questions is the origin failing', async () => {
      served.put(bucket, 'restless', old)
      served[bucket].fault({ kind: 'etag', match: { key: 'restless', method: 'GET' } })
      const answer = await served.ask(`/${bucket}/restless`, { headers })
      assert.equal(answer.status, 502)
      assert.equal(JSON.parse(answer.text).error, 'origin_failed')
    })
  })
}
