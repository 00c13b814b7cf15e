import { PutBucketPolicyCommand } from '@aws-sdk/client-s3'
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { request } from '../support/http.ts'
import { partMissing } from '../support/parts.ts'
import { openRgw } from '../support/rgw.ts'
import { openSluice, type Sluice } from '../support/sluice.ts'
import { bucketAt, s3Of } from './rgw-bucket.ts'

const STRANGER = { accessKey: 'STRANGERACCESSKEY001', secretKey: 'the-secret-of-another-user' }

describe('who may read, as Ceph decides it', { skip: partMissing('radosgw') }, () => {
  const opened = new AsyncDisposableStack()
  after(() => opened.disposeAsync())
  let sluice: Sluice

  before(async () => {
    const rgw = opened.use(await openRgw({ users: [{ name: 'stranger', ...STRANGER }] }))
    for (const bucket of ['private', 'public']) {
      await rgw.createBucket(bucket)
      await rgw.putObject(bucket, 'x', 'here')
    }
    const Policy = readableByAll('public')
    await rgw.client.send(new PutBucketPolicyCommand({ Bucket: 'public', Policy }))

    const { endpoint } = rgw
    const stranger = { ...rgw, ...STRANGER }
    const buckets = [
      bucketAt('private', s3Of(rgw, 'private')),
      bucketAt('wrong-secret', s3Of({ ...rgw, secretKey: 'not-the-secret' }, 'private')),
      bucketAt('unknown-key', s3Of({ ...rgw, accessKey: 'NOSUCHACCESSKEY00001' }, 'private')),
      bucketAt('missing-bucket', s3Of(rgw, 'never-created')),
      bucketAt('stranger', s3Of(stranger, 'private')),
      bucketAt('stranger-hidden', s3Of(stranger, 'private'), { hide_forbidden: true }),
      bucketAt('anonymous', { endpoint, bucket: 'private', credentials: 'anonymous' }),
      bucketAt('public', { endpoint, bucket: 'public', credentials: 'anonymous' }),
    ]
    sluice = opened.use(await openSluice({ buckets }))
  })

  const answers: readonly (readonly [string, string, number, string])[] = [
    ['a wrong secret', 'wrong-secret/x', 502, 'origin_misconfigured'],
    ['an unknown access key', 'unknown-key/x', 502, 'origin_misconfigured'],
    ['a bucket that does not exist', 'missing-bucket/x', 502, 'origin_misconfigured'],
    ['an object of another user', 'stranger/x', 403, 'origin_forbidden'],
    ['an object of another user, hidden', 'stranger-hidden/x', 404, 'not_found'],
    ['a private object asked for unsigned', 'anonymous/x', 403, 'origin_forbidden'],
    ['an object that does not exist', 'private/y', 404, 'not_found'],
  ]
  for (const [what, path, status, code] of answers) {
    test(`${what} is ${status} ${code} to a GET and to a HEAD`, async () => {
      const got = await request(`${sluice.url}/${path}`)
      const { error, ...rest } = JSON.parse(got.text)
      assert.deepEqual([got.status, error], [status, code])
      assert.equal(rest.request_id, got.headers['x-request-id'])
      assert.doesNotMatch(got.text, /SignatureDoesNotMatch|AccessKey|NoSuchBucket|127\.0\.0\.1/)

      const head = await request(`${sluice.url}/${path}`, { method: 'HEAD' })
      assert.deepEqual([head.status, head.text], [status, ''])
      const id = head.headers['x-request-id']
      assert.equal((await sluice.logLine((line) => line['request_id'] === id))['error'], code)
    })
  }

  test('a public bucket is read without signing', async () => {
    assert.equal((await request(`${sluice.url}/public/x`)).text, 'here')
    assert.equal((await request(`${sluice.url}/public/x`, { method: 'HEAD' })).status, 200)
  })

  test('what a client signs or claims of itself does not reach the bucket', async () => {
    const headers = {
      authorization:
        'AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/s3/aws4_request, Signature=0',
      'x-amz-date': '20260101T000000Z',
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      'x-amz-security-token': 'token',
      'x-amz-server-side-encryption-customer-algorithm': 'AES256',
    }
    const query = '?X-Amz-Signature=0&X-Amz-Expires=1&uploads&acl&response-content-type=text/html'
    const { status, text } = await request(`${sluice.url}/private/x${query}`, { headers })
    assert.deepEqual([status, text], [200, 'here'])
    assert.equal((await request(`${sluice.url}/anonymous/x${query}`, { headers })).status, 403)
  })
})

function readableByAll(bucket: string): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: '*',
        Action: 's3:GetObject',
        Resource: `arn:aws:s3:::${bucket}/*`,
      },
    ],
  })
}
