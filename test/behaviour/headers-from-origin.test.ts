// Which of S3's header fields reach a client: those that are about the object, byte for byte, and
// none that are about the S3 behind.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { rawExchange } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { openServed } from '../support/served.ts'

const served = await openServed({
  buckets: {
    aws: {},
    ceph: { quirks: 'ceph' },
    bare: { settings: { metadata_headers: false } },
    root: { settings: { path_prefix: '/', hosts: ['root.test'] } },
  },
})
after(() => served.close())

const OBJECT = {
  contentType: 'text/html; charset=utf-8',
  contentEncoding: 'identity',
  contentLanguage: 'de, en',
  contentDisposition: 'attachment; filename="a b.html"',
  cacheControl: 'public, max-age=60',
  expires: 'Thu, 01 Dec 2033 16:00:00 GMT',
  lastModified: new Date('2026-01-02T03:04:05Z'),
  etag: '"tag"',
  storageClass: 'STANDARD_IA',
  metadata: { colour: 'blue', 'cache-tag': 'a b' },
  checksums: { crc32: 'AAAAAA==', sha256: 'c2hhMjU2' },
}
for (const bucket of ['aws', 'ceph', 'bare']) served.put(bucket, 'object', 'bytes', OBJECT)

/** Sluice's own, on every answer. */
const OWN = new Set([
  'accept-ranges',
  'cache-status',
  'connection',
  'content-length',
  'date',
  'x-cache',
  'x-content-type-options',
  'x-request-id',
])

const PASSED = {
  'cache-control': 'public, max-age=60',
  'content-disposition': 'attachment; filename="a b.html"',
  'content-encoding': 'identity',
  'content-language': 'de, en',
  'content-type': 'text/html; charset=utf-8',
  etag: '"tag"',
  expires: 'Thu, 01 Dec 2033 16:00:00 GMT',
  'last-modified': 'Fri, 02 Jan 2026 03:04:05 GMT',
}
const METADATA = { 'x-amz-meta-cache-tag': 'a b', 'x-amz-meta-colour': 'blue' }
const CHECKSUMS = {
  'x-amz-checksum-crc32': 'AAAAAA==',
  'x-amz-checksum-sha256': 'c2hhMjU2',
  'x-amz-checksum-type': 'FULL_OBJECT',
}

function fromOrigin({ headers }: Answer): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN.has(name)))
}

describe('of what S3 says', () => {
  test('exactly the fields about the object pass', async () => {
    assert.deepEqual(fromOrigin(await served.ask('/ceph/object')), { ...PASSED, ...METADATA })
  })

  test('checksums pass with the whole body', async () => {
    for (const method of ['GET', 'HEAD']) {
      const answer = await served.ask('/aws/object', { method })
      assert.deepEqual(fromOrigin(answer), { ...PASSED, ...METADATA, ...CHECKSUMS })
    }
  })

  test('a checksum of the whole never stands beside a part', async () => {
    // Some servers send it there, all the same.
    const fault = served.aws.fault({ kind: 'headers', headers: CHECKSUMS })
    for (const range of ['bytes=0-1', 'bytes=0-', 'bytes=0-0,3-3']) {
      const { headers, status } = await served.ask('/aws/object', { headers: { Range: range } })
      assert.equal(status, 206)
      const names = Object.keys(headers)
      assert.deepEqual(
        names.filter((name) => name.startsWith('x-amz-checksum-')),
        [],
      )
    }
    fault.remove()
  })

  test('metadata_headers: false keeps the metadata inside', async () => {
    const { headers } = await served.ask('/bare/object')
    assert.deepEqual(
      Object.keys(headers).filter((name) => name.startsWith('x-amz-meta-')),
      [],
    )
    assert.equal(headers['etag'], '"tag"')
  })

  test('whatever else S3 adds stays inside', async () => {
    const inside = {
      'x-amz-expiration': 'expiry-date="Fri, 21 Dec 2012 00:00:00 GMT", rule-id="r"',
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:key',
      'x-amz-replication-status': 'COMPLETED',
      'x-amz-restore': 'ongoing-request="false"',
      'x-amz-tagging-count': '2',
      'x-amz-missing-meta': '1',
      'x-amz-mp-parts-count': '3',
      'x-amz-object-lock-mode': 'GOVERNANCE',
      'x-amz-request-charged': 'requester',
      'x-amz-version-id': 'a version nobody asked for',
      'x-amz-delete-marker': 'false',
      'x-rgw-object-type': 'Normal',
      'x-amz-bucket-region': 'eu-west-1',
      'Set-Cookie': 'session=1',
      Server: 'AmazonS3',
      Via: '1.1 elsewhere',
      'Strict-Transport-Security': 'max-age=1',
      'Access-Control-Allow-Origin': '*',
      'Content-Location': '/elsewhere',
      'Content-MD5': 'Q2h1Y2s=',
      Link: '</style.css>; rel=preload',
      Warning: '110 - "old"',
    }
    const fault = served.aws.fault({ kind: 'headers', headers: inside })
    const answer = await served.ask('/aws/object')
    fault.remove()
    assert.deepEqual(fromOrigin(answer), { ...PASSED, ...METADATA, ...CHECKSUMS })
  })

  test('nothing of S3 is left on a refusal', async () => {
    const answer = await served.ask('/aws/none')
    const names = Object.keys(answer.headers)
    assert.deepEqual(
      names.filter((name) => /^x-amz|^server$/.test(name)),
      [],
    )
    assert.doesNotMatch(answer.text, /NoSuchKey|HostId|aws|127\.0\.0\.1/)
  })

  test('an object without a type is application/octet-stream', async () => {
    const fault = served.aws.fault({ kind: 'headers', headers: { 'Content-Type': undefined } })
    const answer = await served.ask('/aws/object')
    fault.remove()
    assert.equal(answer.headers['content-type'], 'application/octet-stream')
  })
})

describe('header bytes beyond ASCII', () => {
  test('leave as S3 sent them, be they Latin-1 or UTF-8', async () => {
    // Written as Latin-1 by the embedded S3: one character, one byte.
    const latin1 = 'caf\xe9 \xff\x80'
    const utf8 = Buffer.from('naïve € 😀').toString('latin1')
    const headers = {
      'x-amz-meta-latin1': latin1,
      'x-amz-meta-utf8': utf8,
      'Content-Disposition': `attachment; filename="${latin1}"`,
      'Content-Language': utf8,
    }
    // Last, since Node encodes a Content-Disposition anew that stands behind it.
    const length = { 'Content-Length': '5' }
    const fault = served.aws.fault({ kind: 'headers', headers: { ...headers, ...length } })
    const ask = 'GET /aws/object HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    const { text } = await rawExchange(served.port, ask)
    fault.remove()
    for (const [name, value] of Object.entries(headers)) {
      const line = text.split('\r\n').find((candidate) => candidate.startsWith(`${name}: `))
      assert.equal(line, `${name}: ${value}`)
    }
  })
})

describe('x-amz-website-redirect-location', () => {
  const put = (bucket: string, key: string, websiteRedirectLocation: string): string =>
    served.put(bucket, key, 'not for reading', {
      websiteRedirectLocation,
      cacheControl: 'max-age=9',
    })
  put('aws', 'away', 'https://elsewhere.test/a?b=c')
  put('aws', 'moved', '/new/home')
  put('root', 'moved', '/new/home')

  test('an absolute one is a 301 to there', async () => {
    const answer = await served.ask('/aws/away')
    assert.equal(answer.status, 301)
    assert.equal(answer.headers['location'], 'https://elsewhere.test/a?b=c')
    assert.equal(answer.headers['content-length'], '0')
    assert.equal(answer.headers['x-amz-website-redirect-location'], undefined)
    assert.equal(answer.headers['etag'], undefined)
    assert.equal(answer.headers['cache-control'], 'max-age=9')
    assert.equal(answer.text, '')
  })

  test('a relative one names a key, and gets the prefix of the bucket', async () => {
    assert.equal((await served.ask('/aws/moved')).headers['location'], '/aws/new/home')
    const headers = { Host: 'root.test' }
    assert.equal((await served.ask('/moved', { headers })).headers['location'], '/new/home')
  })

  test('it stands before ranges and conditions, which are for good answers', async () => {
    for (const headers of [
      { Range: 'bytes=0-1' },
      { Range: 'bytes=0-1,4-5' },
      { Range: 'bytes=999-' },
      { 'If-None-Match': '*' },
      { 'If-Match': '"other"' },
    ]) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await served.ask('/aws/moved', { headers, method })
        assert.equal(answer.status, 301)
        assert.equal(answer.headers['location'], '/aws/new/home')
      }
    }
  })
})
