import {
  GetObjectCommand,
  HeadObjectCommand,
  NoSuchKey,
  NotFound,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3'
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { generateBytes, openS3Server } from '../../dev/s3-server.ts'
import { sha256 } from '../support/http.ts'
import { partMissing } from '../support/parts.ts'
import { openRgw } from '../support/rgw.ts'
import { openSluice } from '../support/sluice.ts'
import { bucketAt, s3Of } from './rgw-bucket.ts'

const NOBODY = { accessKeyId: 'nobody', secretAccessKey: 'nothing' }
const STRANGER = { accessKey: 'STRANGERACCESSKEY001', secretKey: 'the-secret-of-another-user' }
const SMALL = { Bucket: 'things', Key: 'a folder/é + 😀 (1).bin' }
const LARGE = { Bucket: 'things', Key: 'large.bin' }
const SMALL_BYTES = generateBytes('small', 0, 3000)
const LARGE_BYTES = generateBytes('large', 0, 30_000_000)

describe('the AWS SDK for JavaScript before Ceph', { skip: partMissing('radosgw') }, () => {
  const opened = new AsyncDisposableStack()
  after(() => opened.disposeAsync())
  let signed: S3Client
  let unsigned: S3Client

  before(async () => {
    const rgw = opened.use(await openRgw({ users: [{ name: 'stranger', ...STRANGER }] }))
    await rgw.createBucket('things')
    const described = { 'content-type': 'text/odd', 'x-amz-meta-colour': 'blue' }
    await rgw.putObject('things', SMALL.Key, SMALL_BYTES, described)
    await rgw.putObject('things', LARGE.Key, LARGE_BYTES)
    const buckets = [
      bucketAt('things', s3Of(rgw, 'things')),
      bucketAt('foreign', s3Of({ ...rgw, ...STRANGER }, 'things')),
    ]
    const sluice = opened.use(await openSluice({ buckets }))
    signed = opened.adopt(clientOf(sluice.url), (client) => client.destroy())
    unsigned = opened.adopt(unsignedClientOf(sluice.url), (client) => client.destroy())
  })

  test('gets an object with its metadata, signed with keys of its own and unsigned', async () => {
    for (const client of [signed, unsigned]) {
      const got = await client.send(new GetObjectCommand(SMALL))
      assert.ok(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(SMALL_BYTES))
      assert.deepEqual([got.ContentLength, got.ContentType], [SMALL_BYTES.length, 'text/odd'])
      assert.deepEqual(got.Metadata, { colour: 'blue' })
      const head = await client.send(new HeadObjectCommand(SMALL))
      assert.deepEqual([head.ETag, head.ContentLength], [got.ETag, got.ContentLength])
      assert.deepEqual(head.LastModified, got.LastModified)
    }
  })

  test('gets 30 MB whole', async () => {
    const { Body } = await signed.send(new GetObjectCommand(LARGE))
    assert.equal(sha256((await Body?.transformToByteArray()) ?? ''), sha256(LARGE_BYTES))
  })

  test('gets a range', async () => {
    const asked = new GetObjectCommand({ ...LARGE, Range: 'bytes=1000-1999' })
    const { Body, ContentRange } = await signed.send(asked)
    assert.equal(ContentRange, `bytes 1000-1999/${LARGE_BYTES.length}`)
    const bytes = Buffer.from((await Body?.transformToByteArray()) ?? [])
    assert.ok(bytes.equals(LARGE_BYTES.subarray(1000, 2000)))
  })

  test('learns by its own error classes what it cannot have', async () => {
    const missing = { ...SMALL, Key: 'no such' }
    const foreign = { ...SMALL, Bucket: 'foreign' }
    const { ETag = '' } = await signed.send(new HeadObjectCommand(SMALL))
    for (const client of [signed, unsigned]) {
      await assert.rejects(client.send(new GetObjectCommand(missing)), NoSuchKey)
      await assert.rejects(client.send(new HeadObjectCommand(missing)), NotFound)
      const get = (more: object): Promise<unknown> =>
        client.send(new GetObjectCommand({ ...SMALL, ...more }))
      await assert.rejects(get({ IfMatch: '"another"' }), named('PreconditionFailed', 412))
      await assert.rejects(get({ IfNoneMatch: ETag }), named(undefined, 304))
      await assert.rejects(get({ Range: 'bytes=99999-' }), named('InvalidRange', 416))
      await assert.rejects(get(foreign), named('AccessDenied', 403))
    }
  })
})

test('the AWS SDK checks the checksum that S3 keeps of an object', async () => {
  await using opened = new AsyncDisposableStack()
  const keys = { accessKeyId: 'AKIDTEST', secretAccessKey: 'a secret of the tests' }
  const s3 = await openS3Server({ credentials: [keys] })
  opened.defer(() => s3.close())
  const put = (key: string, checksum: string): unknown =>
    s3.putObject('things', key, SMALL_BYTES, { checksums: { crc32: checksum } })
  put('right', checksumOf(SMALL_BYTES))
  put('wrong', checksumOf(LARGE_BYTES))
  const { accessKeyId: accessKey, secretAccessKey: secretKey } = keys
  const origin = s3Of({ endpoint: s3.endpoint, accessKey, secretKey }, 'things')
  const sluice = opened.use(await openSluice({ buckets: [bucketAt('things', origin)] }))
  const client = opened.adopt(unsignedClientOf(sluice.url), (own) => own.destroy())
  const read = async (Key: string, Range?: string): Promise<Uint8Array | undefined> => {
    const got = await client.send(new GetObjectCommand({ Bucket: 'things', Key, Range }))
    return got.Body?.transformToByteArray()
  }

  assert.equal((await read('right'))?.length, SMALL_BYTES.length)
  await assert.rejects(read('wrong'), /[Cc]hecksum mismatch/)
  // It is of the whole object, so a part of it comes without.
  assert.equal((await read('wrong', 'bytes=0-9'))?.length, 10)
})

function clientOf(endpoint: string, more: { signer?: NoSigner } = {}): S3Client {
  const place = { endpoint, region: 'us-east-1', forcePathStyle: true }
  return new S3Client({ ...place, credentials: NOBODY, ...more })
}

function unsignedClientOf(endpoint: string): S3Client {
  return clientOf(endpoint, { signer: { sign: (request) => Promise.resolve(request) } })
}

interface NoSigner {
  sign<T>(request: T): Promise<T>
}

function checksumOf(bytes: Uint8Array): string {
  const digest = Buffer.alloc(4)
  digest.writeUInt32BE(crc32(bytes))
  return digest.toString('base64')
}

/** The SDK has no name of its own for a 304. */
function named(name: string | undefined, status: number): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof S3ServiceException)
    assert.equal(error.$metadata.httpStatusCode, status)
    if (name !== undefined) assert.equal(error.name, name)
    return true
  }
}
