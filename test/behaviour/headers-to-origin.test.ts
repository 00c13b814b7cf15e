// Towards S3 go only fields that Sluice makes itself: nothing a client says about itself arrives
// there, and no query but the two parameters that name an object.

import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'

import { openServed } from '../support/served.ts'

const served = await openServed({
  buckets: {
    plain: {},
    versioned: { versioned: true, settings: { allow_versions: true } },
    site: { settings: { index_document: 'index.html', error_document: { 404: '404.html' } } },
  },
})
after(() => served.close())
beforeEach(() => served.aws.clearRequests())
for (const bucket of ['plain', 'versioned', 'site']) served.put(bucket, 'object', 'bytes')

/** All that a request to S3 may hold; `connection` is of the connection itself. */
const OWN = new Set([
  'host',
  'authorization',
  'connection',
  'if-match',
  'range',
  'x-amz-checksum-mode',
  'x-amz-content-sha256',
  'x-amz-date',
])

const SPOKEN = {
  Accept: 'text/html',
  'Accept-Encoding': 'gzip, br',
  'Accept-Language': 'de',
  Authorization: 'Bearer the-token-of-the-client',
  'Cache-Control': 'no-cache',
  'Content-Type': 'text/x-client',
  Cookie: 'session=the-cookie-of-the-client',
  Expect: '100-continue',
  Forwarded: 'for=192.0.2.1',
  From: 'client@example.test',
  'If-Modified-Since': 'Sun, 06 Nov 1994 08:49:37 GMT',
  'If-None-Match': '"the-tag-of-the-client"',
  'If-Range': '"the-tag-of-the-client"',
  Origin: 'https://app.example.test',
  Pragma: 'no-cache',
  'Proxy-Authorization': 'Basic dGhlOnByb3h5',
  Referer: 'https://app.example.test/page?token=the-token-of-the-client',
  Traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'User-Agent': 'the client',
  Via: '1.1 before',
  'X-Amz-Date': '20261120T000000Z',
  'X-Amz-Security-Token': 'the-token-of-the-client',
  'X-Amz-Server-Side-Encryption-Customer-Key': 'the-key-of-the-client',
  'X-Amz-Request-Payer': 'requester',
  'X-Amz-Expected-Bucket-Owner': '123456789012',
  'X-Forwarded-For': '192.0.2.1',
  'X-Forwarded-Host': 'other.test',
  'X-Request-ID': 'the-id-of-the-client',
}

function assertOnlyOwn(): void {
  assert.ok(served.aws.requests.length > 0)
  for (const { headers, rawTarget } of served.aws.requests) {
    const names = Object.keys(headers)
    assert.deepEqual(
      names.filter((name) => !OWN.has(name)),
      [],
    )
    assert.doesNotMatch(JSON.stringify([rawTarget, headers]), /client|192\.0\.2/)
    assert.match(headers['authorization'] ?? '', /^AWS4-HMAC-SHA256 /)
    assert.equal(headers['host'], new URL(served.aws.endpoint).host)
  }
}

for (const method of ['GET', 'HEAD']) {
  test(`nothing that a ${method} says of the client reaches S3`, async () => {
    assert.equal((await served.ask('/plain/object', { method, headers: SPOKEN })).status, 200)
    assertOnlyOwn()
  })
}

test('nor does it for several ranges, an error document or a missing directory', async () => {
  const ranged = { ...SPOKEN, 'If-Range': '*', Range: 'bytes=0-0,4-4' }
  await served.ask('/plain/object', { headers: ranged })
  const { 'X-Amz-Date': _, ...browser } = SPOKEN
  const headers = Object.fromEntries(
    Object.entries(browser).filter(([name]) => !name.startsWith('X-Amz-')),
  )
  await served.ask('/site/none', { headers })
  assertOnlyOwn()
  assert.ok(served.aws.requests.length > 3)
})

test('the query stays here', async () => {
  const query =
    'token=secret&sl-sig=abc&acl&attributes&tagging&uploads&list-type=2&prefix=&x-id=GetObject' +
    '&response-content-type=text/html&versionId=abc&X-Amz-Signature=abc&X-Amz-Credential=abc'
  const answer = await served.ask(`/plain/object?${query}`)
  assert.equal(answer.status, 200)
  assert.equal(answer.text, 'bytes')
  assert.deepEqual(
    served.aws.requests.map(({ rawTarget }) => rawTarget),
    ['/plain/object'],
  )
})

test('of the query, a version that is allowed and a part number are sent', async () => {
  await served.ask('/versioned/object?a=b&versionId=some&partNumber=1&c=d')
  assert.equal(served.aws.requests[0]?.rawTarget, '/versioned/object?partNumber=1&versionId=some')
})
