// Fields that stand on every answer, and those that the operator sets, takes away or turns off.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import type { Answer } from '../support/http.ts'
import { openServed } from '../support/served.ts'

const SET = {
  'Cache-Control': 'public, max-age=300',
  'Content-Disposition': 'inline',
  'X-Frame-Options': 'DENY',
}

const served = await openServed({
  buckets: {
    plain: {},
    owned: {
      settings: {
        index_document: 'index.html',
        response_headers: { set: SET, remove: ['x-amz-meta-internal', 'Content-Language'] },
      },
    },
    shielded: { settings: { response_headers: { set: { 'X-Content-Type-Options': 'own' } } } },
    bared: { settings: { response_headers: { remove: ['x-content-type-options'] } } },
  },
})
const unshielded = await openServed({
  server: { security_headers: false },
  buckets: { plain: {} },
})
after(() => Promise.all([served.close(), unshielded.close()]))

const OBJECT = {
  cacheControl: 'private',
  contentLanguage: 'de',
  contentDisposition: 'attachment',
  metadata: { internal: 'secret', colour: 'blue' },
  etag: '"of-s3"',
}
for (const bucket of ['plain', 'owned', 'shielded', 'bared']) {
  served.put(bucket, 'object', 'bytes', OBJECT)
}
served.put('owned', 'dir/index.html', 'index', OBJECT)
served.put('owned', 'moved', '', { websiteRedirectLocation: '/object' })
unshielded.put('plain', 'object', 'bytes')

function valuesOf({ rawHeaders }: Answer, name: string): string[] {
  return rawHeaders.filter(
    (_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name,
  )
}

describe('response_headers', () => {
  for (const [what, path, headers, status] of [
    ['the whole object', '/owned/object', {}, 200],
    ['a part', '/owned/object', { Range: 'bytes=0-1' }, 206],
    ['several parts', '/owned/object', { Range: 'bytes=0-0,3-3' }, 206],
    ['a 304', '/owned/object', { 'If-None-Match': '"of-s3"' }, 304],
    ['a redirect of S3', '/owned/moved', {}, 301],
    ['a redirect to a directory', '/owned/dir', {}, 302],
  ] as const) {
    test(`those set stand on ${what}, once, in place of what S3 said`, async () => {
      const answer = await served.ask(path, { headers })
      assert.equal(answer.status, status)
      for (const [name, value] of Object.entries(SET)) {
        assert.deepEqual(valuesOf(answer, name.toLowerCase()), [value])
      }
    })
  }

  test('those removed are gone, and the others are not', async () => {
    for (const path of ['/owned/object', '/owned/dir/']) {
      const { headers } = await served.ask(path)
      assert.equal(headers['x-amz-meta-internal'], undefined)
      assert.equal(headers['content-language'], undefined)
      assert.equal(headers['x-amz-meta-colour'], 'blue')
    }
  })

  test('they are for what is served: a refusal is not to be kept for five minutes', async () => {
    const answer = await served.ask('/owned/none')
    assert.equal(answer.headers['cache-control'], 'no-store')
    assert.equal(answer.headers['x-frame-options'], undefined)
  })

  test('they have a say in the security headers of their bucket', async () => {
    const shielded = await served.ask('/shielded/object')
    assert.deepEqual(valuesOf(shielded, 'x-content-type-options'), ['own'])
    const bared = await served.ask('/bared/object')
    assert.deepEqual(valuesOf(bared, 'x-content-type-options'), [])
    assert.deepEqual(valuesOf(bared, 'accept-ranges'), ['bytes'])
  })
})

describe('on every answer', () => {
  const answers: readonly (readonly [string, string, string, Record<string, string>, number])[] = [
    ['an object', 'GET', '/plain/object', {}, 200],
    ['a HEAD', 'HEAD', '/plain/object', {}, 200],
    ['a part', 'GET', '/plain/object', { Range: 'bytes=0-0' }, 206],
    ['a 304', 'GET', '/plain/object', { 'If-None-Match': '*' }, 304],
    ['a redirect', 'GET', '/owned/dir', {}, 302],
    ['OPTIONS', 'OPTIONS', '/plain/object', {}, 204],
    ['a path that is not valid', 'GET', '/plain/../x', {}, 400],
    ['a missing route', 'GET', '/nowhere', {}, 404],
    ['a missing object', 'GET', '/plain/none', {}, 404],
    ['another method', 'POST', '/plain/object', {}, 405],
    ['a failed precondition', 'GET', '/plain/object', { 'If-Match': '"x"' }, 412],
    ['a range past the end', 'GET', '/plain/object', { Range: 'bytes=99-' }, 416],
    ['a target that is too long', 'GET', `/plain/${'x'.repeat(9000)}`, {}, 414],
    ['/health', 'GET', '/health', {}, 200],
    ['/ready', 'GET', '/ready', {}, 200],
  ]
  for (const [what, method, path, headers, status] of answers) {
    test(`${what} has a request id, its ranges, and where it came from`, async () => {
      const answer = await served.ask(path, { method, headers })
      assert.equal(answer.status, status)
      assert.match(valuesOf(answer, 'x-request-id').join(), /^[A-Za-z0-9_-]{1,128}$/)
      assert.deepEqual(valuesOf(answer, 'accept-ranges'), ['bytes'])
      assert.match(valuesOf(answer, 'cache-status').join(), /^sluice; fwd=/)
      assert.deepEqual(valuesOf(answer, 'x-cache'), ['BYPASS'])
      assert.deepEqual(valuesOf(answer, 'x-content-type-options'), ['nosniff'])
    })
  }

  test('two answers have two ids, and an id that came with the request is kept', async () => {
    const ids = [await served.ask('/plain/object'), await served.ask('/plain/object')].map(
      ({ headers }) => headers['x-request-id'],
    )
    assert.notEqual(ids[0], ids[1])
    const own = 'a'.repeat(127) + '_'
    const kept = await served.ask('/plain/object', { headers: { 'X-Request-ID': own } })
    assert.equal(kept.headers['x-request-id'], own)
  })

  for (const id of ['', 'a b', 'é', 'a.b', 'a'.repeat(129), '<script>']) {
    test(`an id such as "${id.slice(0, 9)}" is not repeated`, async () => {
      const headers = { 'X-Request-ID': Buffer.from(id).toString('latin1') }
      const answer = await served.ask('/plain/object', { headers })
      assert.equal(answer.status, 200)
      assert.notEqual(answer.headers['x-request-id'], id)
      assert.match(answer.headers['x-request-id']?.toString() ?? '', /^[A-Za-z0-9_-]{22}$/)
    })
  }

  test('security_headers: false leaves nosniff away', async () => {
    for (const path of ['/plain/object', '/plain/none']) {
      assert.deepEqual(valuesOf(await unshielded.ask(path), 'x-content-type-options'), [])
      assert.deepEqual(valuesOf(await served.ask(path), 'x-content-type-options'), ['nosniff'])
    }
  })
})
