// How Sluice says no: in one shape, in the language of the reader, under the id of the request, and
// without a word about the inside.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { rawExchange, request } from '../support/http.ts'
import { assertNothingLeaks, openTwoBuckets } from '../support/two-buckets.ts'
import type { TwoBuckets } from '../support/two-buckets.ts'

let front: TwoBuckets

before(async () => {
  front = await openTwoBuckets(['a.txt'])
})

after(() => front?.[Symbol.asyncDispose]())

describe('a refusal speaks the language of its reader', () => {
  const missing = '/products/missing'

  test('JSON for programs', async () => {
    const { status, headers, text } = await request(front.url + missing)
    const { message, ...rest } = JSON.parse(text)
    assert.deepEqual(rest, { error: 'not_found', status: 404, request_id: headers['x-request-id'] })
    assert.equal(typeof message, 'string')
    assert.equal(status, 404)
    assert.equal(headers['content-type'], 'application/json')
    assert.equal(headers['cache-control'], 'no-store')
    assert.equal(headers['content-length'], String(text.length))
    assertNothingLeaks(text)
  })

  const S3_CLIENTS: Readonly<Record<string, { query?: string; headers?: Record<string, string> }>> =
    {
      'a signature of version 4': { headers: { Authorization: 'AWS4-HMAC-SHA256 Credential=x' } },
      'a signature of version 2': { headers: { Authorization: 'AWS key:signature' } },
      'an x-amz header': { headers: { 'x-amz-date': '20260101T000000Z' } },
      'an SDK header': { headers: { 'amz-sdk-invocation-id': '1' } },
      'an x-id': { query: '?x-id=GetObject' },
      'a presigned URL': { query: '?X-Amz-Signature=abc' },
    }
  for (const [name, { query = '', headers = {} }] of Object.entries(S3_CLIENTS)) {
    test(`XML for an S3 client, known by ${name}`, async () => {
      const answer = await request(`${front.url}${missing}${query}`, {
        headers: { ...headers, Accept: 'text/html' },
      })
      assert.equal(answer.status, 404)
      assert.equal(answer.headers['content-type'], 'application/xml')
      const id = answer.headers['x-request-id']
      assert.match(
        answer.text,
        /^<\?xml version="1.0" encoding="UTF-8"\?>\n<Error><Code>NoSuchKey</,
      )
      assert.ok(answer.text.endsWith(`<RequestId>${String(id)}</RequestId></Error>`))
      assertNothingLeaks(answer.text)
    })
  }

  test('a page for a browser', async () => {
    const accepts = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
    const answer = await request(front.url + missing, { headers: { Accept: accepts } })
    assert.equal(answer.status, 404)
    assert.equal(answer.headers['content-type'], 'text/html; charset=utf-8')
    assert.match(answer.text, /^<!doctype html>[^]*not_found/)
    assert.ok(answer.text.includes(String(answer.headers['x-request-id'])))
    assertNothingLeaks(answer.text)
    const program = await request(front.url + missing, {
      headers: { Accept: 'application/json, text/html;q=0.5' },
    })
    assert.equal(program.headers['content-type'], 'application/json')
  })

  test('headers alone for HEAD, with the length that GET has', async () => {
    const get = await request(front.url + missing)
    const head = await request(front.url + missing, { method: 'HEAD' })
    assert.equal(head.status, 404)
    assert.equal(head.text, '')
    assert.equal(head.headers['content-length'], get.headers['content-length'])
    assert.equal(head.headers['content-type'], 'application/json')
  })
})

describe('X-Request-ID', () => {
  const idOf = async (sent: string | undefined, path = '/products/a.txt'): Promise<unknown> => {
    const headers = sent === undefined ? {} : { 'X-Request-ID': sent }
    return (await request(front.url + path, { headers })).headers['x-request-id']
  }

  test('is kept where it is harmless', async () => {
    for (const id of ['a', 'A-b_9', 'x'.repeat(128)]) {
      for (const path of [
        '/products/a.txt',
        '/products/missing',
        '/nowhere',
        '/health',
        '/ready',
      ]) {
        assert.equal(await idOf(id, path), id)
      }
    }
  })

  test('is made where there is none, or none that may be repeated', async () => {
    const made = new Set<unknown>()
    for (const id of [
      undefined,
      '',
      'a b',
      'a"b',
      '<script>',
      'a\tb',
      'é',
      'a,b',
      'x'.repeat(129),
    ]) {
      const given = await idOf(id)
      assert.match(String(given), /^[\w-]{22}$/)
      made.add(given)
    }
    assert.equal(made.size, 9)
  })

  test('is made where two are sent', async () => {
    const headers = [
      ['X-Request-ID', 'a'],
      ['X-Request-ID', 'b'],
    ] as const
    const answer = await request(`${front.url}/products/a.txt`, { headers })
    assert.match(String(answer.headers['x-request-id']), /^[\w-]{22}$/)
  })
})

test('where the storage fails, no one learns which or why', async () => {
  const faults = ['reset', 'garbage', 'status'] as const
  for (const kind of faults) {
    const fault = front.s3.fault({
      kind,
      status: 500,
      code: 'SecretInside',
      match: { key: 'a.txt' },
    })
    for (const headers of [{}, { Accept: 'text/html' }, { 'x-amz-date': '1' }]) {
      const answer = await request(`${front.url}/products/a.txt`, { headers })
      assert.ok(answer.status >= 502 && answer.status <= 504, `${kind}: ${answer.status}`)
      const all = answer.text + answer.rawHeaders.join('\n')
      assertNothingLeaks(all)
      assert.doesNotMatch(all, /SecretInside|ECONN|socket|undici|localhost|primary/)
    }
    fault.remove()
  }
})

describe('what the parser refuses has the date, and for a HEAD no body', () => {
  const BAD = 'X : 1\r\nHost: a\r\n\r\n'
  for (const [method, body] of [
    ['GET', /^\{"error":"invalid_request"/],
    ['HEAD', /^$/],
  ] as const) {
    test(method, async () => {
      const { text } = await rawExchange(front.port, `${method} /products/a.txt HTTP/1.1\r\n${BAD}`)
      const [head = '', told = ''] = text.split('\r\n\r\n')
      assert.match(head, /^HTTP\/1\.1 400 /)
      assert.match(head, /\r\nDate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\n/)
      assert.match(head, /\r\nContent-Length: [1-9]/)
      assert.match(told, body)
    })
  }
})
