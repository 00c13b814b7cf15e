import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { Refusal } from '../exchange/refusal.ts'
import type { Reply } from '../exchange/reply.ts'
import { OriginFailure } from '../origin/origin.ts'
import { isS3Client, refusalFrom, refuse } from './refuse.ts'

function textOf({ body }: Reply): string {
  return body.kind === 'bytes' ? Buffer.from(body.bytes).toString() : ''
}

describe('whatever was thrown becomes a refusal', () => {
  test('a refusal stays itself', () => {
    const refusal = new Refusal('not_found')
    assert.equal(refusalFrom(refusal), refusal)
  })

  for (const [kind, code, status] of [
    ['server-error', 'origin_failed', 502],
    ['throttled', 'origin_failed', 502],
    ['protocol', 'origin_failed', 502],
    ['truncated', 'origin_failed', 502],
    ['other-version', 'origin_failed', 502],
    ['misconfigured', 'origin_misconfigured', 502],
    ['credentials', 'origin_misconfigured', 502],
    ['timeout', 'origin_timeout', 504],
    ['stall', 'origin_timeout', 504],
    ['connect', 'origin_unavailable', 503],
    ['dns', 'origin_unavailable', 503],
    ['tls', 'origin_unavailable', 503],
    ['reset', 'origin_unavailable', 503],
    ['unavailable', 'origin_unavailable', 503],
  ] as const) {
    test(`the failure ${kind} is ${status} ${code}`, () => {
      const failure = new OriginFailure(kind, 'inside')
      const refusal = refusalFrom(failure)
      assert.deepEqual([refusal.code, refusal.status], [code, status])
      assert.equal(refusal.cause, failure)
      assert.equal(refusal.headers[0], status === 503 ? 'Retry-After' : undefined)
    })
  }

  test('an open breaker tells how long it stays open', () => {
    const failure = new OriginFailure('unavailable', 'inside', { retryAfterMs: 12_001 })
    assert.deepEqual(refusalFrom(failure).headers, ['Retry-After', '13'])
  })

  test('a bug is 500, and says nothing of itself', () => {
    for (const bug of [new TypeError('inside'), 'inside', undefined]) {
      const refusal = refusalFrom(bug)
      assert.equal(refusal.status, 500)
      assert.equal(refusal.cause, bug)
      const request = { id: 'id', method: 'GET', headers: {}, query: '' }
      assert.doesNotMatch(textOf(refuse(refusal, request)), /inside/)
    }
  })
})

describe('a refusal as a reply', () => {
  const request = { id: 'the-id', method: 'GET', headers: {}, query: '' }

  test('is JSON that nobody keeps', () => {
    const reply = refuse(new Refusal('not_found'), request)
    assert.equal(reply.status, 404)
    assert.equal(
      textOf(reply),
      '{"error":"not_found","message":"The object does not exist.","status":404,"request_id":"the-id"}',
    )
    assert.deepEqual(reply.headers, [
      'Content-Type',
      'application/json',
      'Cache-Control',
      'no-store',
    ])
  })

  test('has the headers of the refusal', () => {
    const refusal = new Refusal('method_not_allowed', { headers: ['Allow', 'GET'] })
    assert.deepEqual(refuse(refusal, request).headers.slice(-2), ['Allow', 'GET'])
  })

  test('is XML for S3 clients and a page for browsers', () => {
    const xml = refuse(new Refusal('not_found'), { ...request, query: 'x-id=GetObject' })
    assert.match(textOf(xml), /<Error><Code>NoSuchKey<\/Code>.*<RequestId>the-id</)
    const headers = { accept: 'text/html' }
    const html = refuse(new Refusal('not_found'), { ...request, headers })
    assert.match(textOf(html), /^<!doctype html>.*404.*not_found.*the-id/)
  })

  test('has no body for HEAD, and states the length it would have', () => {
    const reply = refuse(new Refusal('not_found'), { ...request, method: 'HEAD' })
    assert.equal(reply.body.kind, 'none')
    assert.equal(reply.statedLength, refuse(new Refusal('not_found'), request).statedLength)
  })
})

describe('a client that speaks S3', () => {
  for (const [headers, query, expected] of [
    [{ 'x-amz-date': 'x' }, '', true],
    [{ 'amz-sdk-request': 'x' }, '', true],
    [{ authorization: 'AWS4-HMAC-SHA256 x' }, '', true],
    [{ authorization: 'AWS a:b' }, '', true],
    [{}, 'x-id=GetObject', true],
    [{}, 'a=b&X-Amz-Signature=c', true],
    [{}, 'AWSAccessKeyId=c', true],
    [{}, '', false],
    [{ authorization: 'Bearer AWS4' }, '', false],
    [{ 'x-amzn-trace-id': 'x' }, 'max-id=1&y=x-id', false],
  ] as const) {
    test(`${JSON.stringify(headers)} ?${query}: ${expected}`, () => {
      assert.equal(isS3Client(headers, query), expected)
    })
  }
})
