// Every no in one shape, in the language of who asks: JSON for programs, S3's XML for S3 clients, a
// small page for browsers, nothing but fields for HEAD.

import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'

import type { Answer } from '../support/http.ts'
import { openServed } from '../support/served.ts'

const served = await openServed({
  buckets: {
    plain: { s3: { retry: { max_attempts: 1 } } },
    hidden: { settings: { hide_forbidden: true } },
    ceph: { quirks: 'ceph', settings: { hide_forbidden: true } },
  },
})
after(() => served.close())
afterEach(() => {
  served.aws.clearFaults()
  served.ceph.clearFaults()
})
for (const bucket of ['plain', 'hidden', 'ceph']) served.put(bucket, 'object', 'bytes')

type Headers = Readonly<Record<string, string>>
type Case = readonly [code: string, s3Code: string, status: number, path: string, headers?: Headers]

const CASES: readonly Case[] = [
  ['invalid_path', 'InvalidURI', 400, '/plain/../x'],
  ['invalid_request', 'InvalidRequest', 400, '/plain/object?partNumber=x'],
  ['origin_forbidden', 'AccessDenied', 403, '/plain/forbidden'],
  ['no_route', 'NoSuchBucket', 404, '/nowhere/object'],
  ['not_found', 'NoSuchKey', 404, '/plain/none'],
  ['precondition_failed', 'PreconditionFailed', 412, '/plain/object', { 'If-Match': '"x"' }],
  ['uri_too_long', 'InvalidURI', 414, `/plain/${'x'.repeat(9000)}`],
  ['range_not_satisfiable', 'InvalidRange', 416, '/plain/object', { Range: 'bytes=9-' }],
  ['origin_failed', 'InternalError', 502, '/plain/failing'],
]

async function ask(
  [, , , path, own = {}]: Case,
  headers: Headers,
  method = 'GET',
): Promise<Answer> {
  const denied = { status: 403, code: 'AccessDenied', match: { key: 'forbidden' } }
  served.aws.fault({ kind: 'status', ...denied })
  served.aws.fault({ kind: 'status', status: 500, match: { key: 'failing' } })
  return served.ask(path, { headers: { ...own, ...headers }, method })
}

describe('one shape in three forms', () => {
  for (const [index, entry] of CASES.entries()) {
    const [code, s3Code, status] = entry
    const id = `request-${index}`

    test(`${code} is ${status} in JSON`, async () => {
      const answer = await ask(entry, { 'X-Request-ID': id })
      assert.equal(answer.status, status)
      assert.equal(answer.headers['content-type'], 'application/json')
      assert.equal(answer.headers['cache-control'], 'no-store')
      assert.equal(answer.headers['content-length'], String(answer.body.length))
      const body: unknown = JSON.parse(answer.text)
      assert.ok(typeof body === 'object' && body !== null && 'message' in body)
      const { message } = body
      assert.match(String(message), /^[A-Z].*\.$/)
      assert.deepEqual(body, { error: code, message, status, request_id: id })
      assert.equal(answer.headers['x-request-id'], id)
    })

    test(`${code} is ${s3Code} in S3's XML`, async () => {
      const answer = await ask(entry, { 'amz-sdk-request': 'attempt=1', 'X-Request-ID': id })
      assert.equal(answer.status, status)
      assert.equal(answer.headers['content-type'], 'application/xml')
      assert.equal(answer.headers['cache-control'], 'no-store')
      const [, code = '', message = '', requestId = ''] =
        /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<Error><Code>(\w+)<\/Code><Message>([^<&]+)<\/Message><RequestId>([\w-]+)<\/RequestId><\/Error>$/.exec(
          answer.text,
        ) ?? []
      assert.deepEqual([code, requestId], [s3Code, id])
      assert.notEqual(message, '')
    })

    test(`${code} is a small page for a browser`, async () => {
      const answer = await ask(entry, { Accept: 'text/html,*/*;q=0.8', 'X-Request-ID': id })
      assert.equal(answer.status, status)
      assert.equal(answer.headers['content-type'], 'text/html; charset=utf-8')
      assert.equal(answer.headers['cache-control'], 'no-store')
      assert.match(answer.text, /^<!doctype html>/)
      assert.ok(answer.text.includes(String(status)) && answer.text.includes(id))
    })

    test(`${code} has no body for HEAD`, async () => {
      const answer = await ask(entry, { 'X-Request-ID': id }, 'HEAD')
      // HEAD knows no ranges.
      assert.equal(answer.status, code === 'range_not_satisfiable' ? 200 : status)
      assert.equal(answer.body.length, 0)
    })
  }
})

describe('XML is for clients that speak S3', () => {
  const speaking: readonly (readonly [string, string, Headers])[] = [
    ['by an x-amz-* field', '/plain/none', { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }],
    ['by an amz-sdk-* field', '/plain/none', { 'amz-sdk-invocation-id': 'x' }],
    ['by a signature', '/plain/none', { Authorization: 'AWS4-HMAC-SHA256 Credential=x' }],
    ['by an old signature', '/plain/none', { Authorization: 'AWS key:signature' }],
    ['by x-id', '/plain/none?x-id=GetObject', {}],
    ['by a presigned query', '/plain/none?a=b&X-Amz-Signature=abc', {}],
  ]
  for (const [how, path, headers] of speaking) {
    test(`told ${how}`, async () => {
      const answer = await served.ask(path, { headers: { Accept: 'text/html', ...headers } })
      assert.match(answer.text, /<Code>NoSuchKey<\/Code>/)
    })
  }

  const silent: readonly (readonly [string, Headers])[] = [
    ['/plain/none', { Authorization: 'Bearer AWS' }],
    ['/plain/none?max-id=1', {}],
    ['/plain/none', { 'x-amzn-trace-id': 'Root=1-2-3' }],
  ]
  for (const [path, headers] of silent) {
    test(`and not for ${path} ${JSON.stringify(headers)}`, async () => {
      const answer = await served.ask(path, { headers })
      assert.equal(answer.headers['content-type'], 'application/json')
    })
  }
})

describe('the page is for who prefers it', () => {
  for (const [accept, type] of [
    ['text/html', 'text/html; charset=utf-8'],
    ['application/xhtml+xml', 'text/html; charset=utf-8'],
    ['text/html;q=0.9, application/json;q=0.8', 'text/html; charset=utf-8'],
    ['text/html;q=0.5, application/json', 'application/json'],
    ['text/html;q=0', 'application/json'],
    ['*/*', 'application/json'],
    ['application/json', 'application/json'],
    ['image/png', 'application/json'],
  ] as const) {
    test(`Accept: ${accept} gets ${type}`, async () => {
      const answer = await served.ask('/plain/none', { headers: { Accept: accept } })
      assert.equal(answer.headers['content-type'], type)
    })
  }
})

describe('hide_forbidden', () => {
  for (const method of ['GET', 'HEAD']) {
    test(`false says that the object may not be read (${method})`, async () => {
      served.aws.fault({ kind: 'status', status: 403, code: 'AccessDenied' })
      const answer = await served.ask('/plain/object', { method })
      assert.equal(answer.status, 403)
      if (method === 'GET') assert.equal(JSON.parse(answer.text).error, 'origin_forbidden')
    })

    for (const bucket of ['hidden', 'ceph'] as const) {
      test(`true says that there is none, like ${bucket} (${method})`, async () => {
        const s3 = bucket === 'ceph' ? served.ceph : served.aws
        s3.fault({ kind: 'status', status: 403, code: 'AccessDenied' })
        const answer = await served.ask(`/${bucket}/object`, { method })
        assert.equal(answer.status, 404)
        if (method === 'GET') assert.equal(JSON.parse(answer.text).error, 'not_found')
        s3.clearFaults()
        assert.equal((await served.ask(`/${bucket}/object`, { method })).status, 200)
      })
    }
  }

  test('true does not hide that the credentials are wrong', async () => {
    served.aws.fault({ kind: 'status', status: 403, code: 'InvalidAccessKeyId' })
    assert.equal((await served.ask('/hidden/object')).status, 502)
  })
})

describe('a client that leaves before its answer', () => {
  test('is no refusal: the log tells that it left, and nothing of an error', async () => {
    served.aws.fault({ kind: 'hang', match: { key: 'slow' } })
    const leaving = new AbortController()
    const asked = served.ask('/plain/slow', { signal: leaving.signal })
    while (!served.aws.requests.some(({ key }) => key === 'slow')) {
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    leaving.abort()
    await assert.rejects(asked)
    const line = await served.sluice.logLine(({ path }) => path === '/plain/slow')
    assert.equal(line['aborted'], true)
    assert.equal(line['status'], 0)
    assert.equal(line['error'], undefined)
  })
})
