import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { crc32 } from 'node:zlib'

import {
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3'

import { openS3Server } from './s3-server.ts'
import type { S3Server } from './s3-server.ts'
import { SigningClient } from './signing-client.ts'
import type { Received } from './signing-client.ts'

// prettier-ignore
const oddKeys = [
  'a+b', 'a b', 'é/ü', 'emoji 😀', 'p%41', '%', 'q?x=1&y', 'h#y', "=:,@()!'*~$;[]{}|^`",
  'x/../y', './x', '.', '..', '//dbl', 'a//b', '/lead', 'dir/', 'back\\slash', '"<&>', 'e\u0001',
]

const credential = { accessKeyId: 'AKTEST', secretAccessKey: 'secret' }

let root: string
let server: S3Server
let client: SigningClient
let sdk: S3Client

before(async () => {
  root = await mkdtemp(join(tmpdir(), 's3-server-'))
  await mkdir(join(root, 'folder', 'sub'), { recursive: true })
  await writeFile(join(root, 'folder', 'sub', 'a b+é.html'), '<p>hello')
  server = await openS3Server({
    root,
    credentials: [credential],
    virtualHostSuffix: 's3.localhost',
  })
  client = new SigningClient(server.port, credential)
  sdk = new S3Client({
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials: credential,
    forcePathStyle: true,
    maxAttempts: 1,
  })
})

after(async () => {
  sdk.destroy()
  await server.close()
  await rm(root, { recursive: true })
})

function tag(received: Received, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(received.body.toString())?.[1]
}

test('a file below a bucket folder is an object with its type, its MD5 and its date', async () => {
  const object = await sdk.send(new GetObjectCommand({ Bucket: 'folder', Key: 'sub/a b+é.html' }))
  assert.equal(await object.Body?.transformToString(), '<p>hello')
  assert.equal(object.ContentType, 'text/html; charset=utf-8')
  assert.equal(object.ETag, '"fef204c8ad5edb6ecf33217b26aff0b9"')
  assert.ok(object.LastModified)
})

test('no key reaches a file outside its bucket', async () => {
  await writeFile(join(root, 'secret.txt'), 'not in a bucket')
  server.createBucket('folder', { publicRead: true })
  const paths = [
    '/folder/../secret.txt',
    '/folder/%2e%2e/secret.txt',
    '/folder/sub%2F..%2F../secret.txt',
  ]
  for (const path of paths) {
    assert.equal((await client.fetch(path, { isUnsigned: true })).status, 404, path)
  }
})

test('an object carries what it was put with', async () => {
  server.putObject('b', 'full', 'body', {
    contentType: 'text/plain',
    cacheControl: 'max-age=5',
    contentDisposition: 'inline',
    contentEncoding: 'gzip',
    contentLanguage: 'de',
    expires: 'Fri, 02 Jan 2026 03:04:05 GMT',
    websiteRedirectLocation: '/other',
    storageClass: 'GLACIER_IR',
    lastModified: new Date('2026-01-02T03:04:05Z'),
    metadata: { mood: 'gut', tone: 'é' },
  })
  const { headers } = await client.fetch('/b/full', { method: 'HEAD' })
  const expected = {
    'content-type': 'text/plain',
    'cache-control': 'max-age=5',
    'content-disposition': 'inline',
    'content-encoding': 'gzip',
    'content-language': 'de',
    'content-length': '4',
    expires: 'Fri, 02 Jan 2026 03:04:05 GMT',
    'last-modified': 'Fri, 02 Jan 2026 03:04:05 GMT',
    'accept-ranges': 'bytes',
    etag: '"841a2d689ad86bd1611447453c22c6fc"',
    'x-amz-website-redirect-location': '/other',
    'x-amz-storage-class': 'GLACIER_IR',
    'x-amz-meta-mood': 'gut',
    'x-amz-meta-tone': Buffer.from('é').toString('latin1'),
  }
  for (const [name, value] of Object.entries(expected)) assert.equal(headers[name], value, name)
})

test('a range is answered with its bytes, one past the end with the size', async () => {
  server.putObject('b', 'digits', '0123456789')
  const part = await client.fetch('/b/digits', { headers: { range: 'bytes=2-5' } })
  assert.equal(part.status, 206)
  assert.equal(part.headers['content-range'], 'bytes 2-5/10')
  assert.equal(part.body.toString(), '2345')
  const past = await client.fetch('/b/digits', { headers: { range: 'bytes=10-' } })
  assert.equal(past.status, 416)
  assert.equal(past.headers['content-range'], 'bytes */10')
  assert.equal(tag(past, 'Code'), 'InvalidRange')
  assert.equal(tag(past, 'RangeRequested'), 'bytes=10-')
  assert.equal(tag(past, 'ActualObjectSize'), '10')
})

test('a condition that does not hold is 412, one that says unchanged is 304 with the ETag', async () => {
  const { etag } = server.putObject('b', 'held', 'x')
  const failed = await client.fetch('/b/held', { headers: { 'if-match': '"other"' } })
  assert.equal(failed.status, 412)
  const unchanged = await client.fetch('/b/held', { headers: { 'if-none-match': etag } })
  assert.deepEqual([unchanged.status, unchanged.headers['etag']], [304, etag])
  const headers = { range: 'bytes=0-0', 'if-range': '"other"' }
  assert.equal((await client.fetch('/b/held', { headers })).status, 200)
})

test('made-up objects are read at any offset without being held', async () => {
  server.putObject('b', 'huge', { size: 5 * 2 ** 40, seed: 's' })
  const start = 4 * 2 ** 40
  const headers = { range: `bytes=${start}-${start + 9}` }
  const part = await client.fetch('/b/huge', { headers })
  const same = await client.fetch('/b/huge', { headers })
  assert.equal(part.headers['content-range'], `bytes ${start}-${start + 9}/${5 * 2 ** 40}`)
  assert.deepEqual([part.body.length, part.body], [10, same.body])
})

test('a reader that does not read is not sent more than the connection holds', async () => {
  server.putObject('b', 'long', { size: 2 ** 28, seed: 's' })
  server.clearRequests()
  const response = await client.open('/b/long')
  for (let other = 0; other < 50; other += 1) await client.fetch('/b/none')
  assert.ok((server.requests[0]?.bytesSent ?? 0) < 64 * 2 ** 20)
  response.destroy()
})

test('versions are read by their id, and a delete marker hides them', async () => {
  server.createBucket('v', { versioned: true })
  const first = server.putObject('v', 'k', 'one')
  const second = server.putObject('v', 'k', 'two')
  const get = (VersionId?: string): Promise<string | undefined> =>
    sdk
      .send(new GetObjectCommand({ Bucket: 'v', Key: 'k', ...(VersionId ? { VersionId } : {}) }))
      .then((object) => object.Body?.transformToString())
  assert.equal(await get(), 'two')
  assert.equal(await get(first.versionId), 'one')
  await assert.rejects(get('unknown'), { name: 'NoSuchVersion' })
  server.removeObject('v', 'k')
  await assert.rejects(get(), { name: 'NoSuchKey' })
  const gone = await client.fetch('/v/k')
  assert.deepEqual([gone.status, gone.headers['x-amz-delete-marker']], [404, 'true'])
  const query = { versionId: gone.headers['x-amz-version-id'] ?? '' }
  assert.equal((await client.fetch('/v/k', { query })).status, 405)
  server.removeObject('v', 'k', query.versionId)
  assert.equal(await get(), 'two')
  assert.equal((await client.fetch('/v/k')).headers['x-amz-version-id'], second.versionId)
})

test('without versions, the only one is called null', async () => {
  server.putObject('b', 'plain', 'x')
  assert.equal((await client.fetch('/b/plain', { query: { versionId: 'null' } })).status, 200)
})

test('a checksum goes out when it is asked for, and the SDK agrees with it', async () => {
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(crc32('body'))
  server.putObject('b', 'summed', 'body', { checksums: { crc32: checksum.toString('base64') } })
  const object = await sdk.send(new GetObjectCommand({ Bucket: 'b', Key: 'summed' }))
  assert.equal(object.ChecksumCRC32, checksum.toString('base64'))
  assert.equal(await object.Body?.transformToString(), 'body')
  const unasked = await client.fetch('/b/summed')
  assert.equal(unasked.headers['x-amz-checksum-crc32'], undefined)
})

test('the parts of a multipart object are read by their number', async () => {
  server.putObject('b', 'parts', '0123456789', { partBytes: 4 })
  const command = { Bucket: 'b', Key: 'parts', PartNumber: 3 }
  const part = await sdk.send(new GetObjectCommand(command))
  assert.deepEqual([part.PartsCount, part.ContentRange], [3, 'bytes 8-9/10'])
  assert.equal(await part.Body?.transformToString(), '89')
  assert.match(part.ETag ?? '', /-3"$/)
  const beyond = await client.fetch('/b/parts', { query: { partNumber: '4' } })
  assert.deepEqual([beyond.status, tag(beyond, 'Code')], [416, 'InvalidPartNumber'])
})

test('a signed request may say what headers it wants', async () => {
  server.putObject('b', 'plain', 'x')
  const query = { 'response-content-type': 'text/x', 'response-cache-control': 'no-store' }
  const { headers } = await client.fetch('/b/plain', { query })
  assert.deepEqual([headers['content-type'], headers['cache-control']], ['text/x', 'no-store'])
})

test('the host may name the bucket', async () => {
  server.putObject('b.c', 'k/l', 'virtual')
  const host = `b.c.s3.localhost:${server.port}`
  assert.equal((await client.fetch('/k/l', { host })).body.toString(), 'virtual')
})

test('a bucket is listed page by page with its folders, whatever its keys', async () => {
  const keys = ['a/1 +&<é', 'a/2', 'b/3', 'c', "d'"]
  for (const key of keys) server.putObject('list', key, 'xy')
  const found: (string | undefined)[] = []
  let ContinuationToken: string | undefined
  do {
    const input = { Bucket: 'list', MaxKeys: 2, ...(ContinuationToken && { ContinuationToken }) }
    const page = await sdk.send(new ListObjectsV2Command(input))
    found.push(...(page.Contents ?? []).map(({ Key }) => Key))
    ContinuationToken = page.NextContinuationToken
  } while (ContinuationToken !== undefined)
  assert.deepEqual(found, keys)
  const grouped = await sdk.send(new ListObjectsV2Command({ Bucket: 'list', Delimiter: '/' }))
  assert.deepEqual(grouped.CommonPrefixes, [{ Prefix: 'a/' }, { Prefix: 'b/' }])
  assert.deepEqual([grouped.KeyCount, grouped.Contents?.[0]?.Size], [4, 2])
})

test('a listing takes start-after, fetch-owner and encoding-type, and refuses a bad token', async () => {
  for (const key of ['a b', 'c']) server.putObject('list2', key, '')
  const listed = async (query: Record<string, string>): Promise<string> =>
    (await client.fetch('/list2', { query: { 'list-type': '2', ...query } })).body.toString()
  assert.match(await listed({ 'encoding-type': 'url' }), /<Key>a\+b<\/Key>/)
  assert.doesNotMatch(await listed({ 'start-after': 'a b' }), /<Key>a b<\/Key>/)
  assert.match(await listed({ 'fetch-owner': 'true' }), /<Owner>/)
  assert.doesNotMatch(await listed({}), /<Owner>/)
  assert.match(await listed({ 'continuation-token': 'x' }), /InvalidArgument/)
  assert.match(await listed({ 'max-keys': 'abc' }), /InvalidArgument/)
})

test('HEAD and ?location of a bucket tell its region', async () => {
  const { BucketRegion } = await sdk.send(new HeadBucketCommand({ Bucket: 'folder' }))
  assert.equal(BucketRegion, 'us-east-1')
  const location = await sdk.send(new GetBucketLocationCommand({ Bucket: 'folder' }))
  assert.equal(location.LocationConstraint, undefined)
})
test('only a public bucket is read unsigned', async () => {
  server.putObject('b', 'x', 'private')
  server.putObject('public', 'x', 'public')
  server.createBucket('public', { publicRead: true })
  const refused = await client.fetch('/b/x', { isUnsigned: true })
  assert.deepEqual([refused.status, tag(refused, 'Code')], [403, 'AccessDenied'])
  const read = await client.fetch('/public/x', { isUnsigned: true })
  assert.equal(read.body.toString(), 'public')
})

test('an error is told in XML with what was asked for, and to HEAD by its status alone', async () => {
  const missing = await client.fetch('/b/n%26o')
  assert.equal(missing.headers['content-type'], 'application/xml')
  assert.equal(tag(missing, 'Code'), 'NoSuchKey')
  assert.equal(tag(missing, 'Resource'), '/b/n&amp;o')
  assert.equal(tag(missing, 'RequestId'), missing.headers['x-amz-request-id'])
  const head = await client.fetch('/b/none', { method: 'HEAD' })
  assert.deepEqual([head.status, head.body.length], [404, 0])
  assert.equal(tag(await client.fetch('/none/k'), 'Code'), 'NoSuchBucket')
})

test('every method but GET and HEAD is refused', async () => {
  for (const method of ['PUT', 'POST', 'DELETE', 'OPTIONS', 'PATCH']) {
    const refused = await client.fetch('/b/k', { method })
    assert.deepEqual([refused.status, tag(refused, 'Code')], [405, 'MethodNotAllowed'])
  }
})

test('a bucket of another region wants requests signed for it, and says so', async () => {
  server.createBucket('far', { region: 'eu-west-1' })
  server.putObject('far', 'k', 'x')
  const refused = await client.fetch('/far/k')
  assert.deepEqual([refused.status, tag(refused, 'Region')], [400, 'eu-west-1'])
  assert.equal(refused.headers['x-amz-bucket-region'], 'eu-west-1')
  const near = new SigningClient(server.port, credential, 'eu-west-1')
  assert.equal((await near.fetch('/far/k')).status, 200)
})

test('as Ceph: If-Range is not seen, a 304 is bare, an error has no sentence', async (t) => {
  const ceph = await openS3Server({ credentials: [credential], quirks: 'ceph' })
  t.after(() => ceph.close())
  const { etag } = ceph.putObject('b', 'a+b', '0123456789')
  const client = new SigningClient(ceph.port, credential)
  const resumed = { range: 'bytes=5-', 'if-range': '"other"' }
  assert.equal((await client.fetch('/b/a%2Bb', { headers: resumed })).status, 206)
  const unchanged = await client.fetch('/b/a%2Bb', { headers: { 'if-none-match': etag } })
  assert.deepEqual([unchanged.status, unchanged.headers['etag']], [304, undefined])
  const past = await client.fetch('/b/a%2Bb', { headers: { range: 'bytes=10-' } })
  assert.deepEqual([past.status, past.headers['content-range']], [416, undefined])
  assert.equal(tag(past, 'Message'), '')
})

test('what arrived is on record, with its headers as they were sent', async () => {
  server.putObject('b', 'logged', 'x')
  server.clearRequests()
  await client.fetch('/b/log%67ed', { headers: { 'X-Mixed-Case': '1' } })
  const [entry, ...others] = server.requests
  assert.equal(others.length, 0)
  assert.equal(entry?.rawTarget, '/b/log%67ed')
  assert.deepEqual([entry.method, entry.bucket, entry.key], ['GET', 'b', 'logged'])
  assert.equal(entry.headers['x-mixed-case'], '1')
  assert.ok(entry.rawHeaders.includes('X-Mixed-Case'))
})

test('a killed server drops its connections and comes back on its port as it was', async (t) => {
  const mortal = await openS3Server({ credentials: [credential] })
  t.after(() => mortal.close())
  mortal.putObject('b', 'long', { size: 2 ** 28, seed: 's' })
  mortal.putObject('b', 'k', 'still here')
  const client = new SigningClient(mortal.port, credential)
  const reading = client.fetch('/b/long')
  await client.fetch('/b/k')
  await mortal.kill()
  assert.equal((await reading.catch(() => ({ isComplete: false }))).isComplete, false)
  await assert.rejects(client.fetch('/b/k'), { code: 'ECONNREFUSED' })
  assert.equal(mortal.openConnections, 0)
  const { port } = mortal
  await mortal.restart()
  assert.equal(mortal.port, port)
  assert.equal((await client.fetch('/b/k')).body.toString(), 'still here')
})

const boto3 = spawnSync('python3', ['-c', 'import boto3']).status === 0

test(
  'boto3 reads every odd key, pages, presigns, and is refused with wrong credentials',
  { skip: !boto3 && process.env['CI'] !== 'true' && 'boto3 is not installed' },
  async () => {
    for (const key of oddKeys) server.putObject('odd', key, `<${key}>`)
    const script = join(import.meta.dirname, 'boto3-check.py')
    const { accessKeyId, secretAccessKey } = credential
    const child = spawn('python3', [script, server.endpoint, accessKeyId, secretAccessKey], {
      stdio: ['pipe', 'inherit', 'inherit'],
    })
    child.stdin.end(JSON.stringify(oddKeys))
    const [exitCode] = await once(child, 'close')
    assert.equal(exitCode, 0)
  },
)
