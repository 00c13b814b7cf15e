// Which bucket a request goes to: by its path on whole segments, and by its host.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { rawExchange } from '../support/http.ts'
import { openServed } from '../support/served.ts'

const served = await openServed({
  buckets: {
    a: { settings: { path_prefix: '/a' } },
    ab: { settings: { path_prefix: '/a/b' } },
    abc: { settings: { path_prefix: '/a/b/c' } },
    spaced: { settings: { path_prefix: '/a b/é' } },
    exact: { settings: { path_prefix: '/', hosts: ['cdn.example.com'] } },
    wild: { settings: { path_prefix: '/', hosts: ['*.example.org', 'Upper.Example.NET'] } },
    deeper: { settings: { path_prefix: '/deep', hosts: ['*.eu.example.org', '*.example.com'] } },
    literal: { settings: { path_prefix: '/', hosts: ['[::1]', '192.0.2.1'] } },
    tail: { settings: { path_prefix: '/tail/' } },
  },
})
const rooted = await openServed({
  buckets: { root: { settings: { path_prefix: '/' } }, sub: { settings: { path_prefix: '/sub' } } },
})
after(() => Promise.all([served.close(), rooted.close()]))

/** Every bucket says which it is, and by which key it was asked. */
for (const key of ['k', 'a/k', 'a/bk', 'b/k', 'bc/k', '/k', 'k/', 'A/k']) {
  for (const bucket of ['a', 'ab', 'abc', 'spaced', 'exact', 'wild', 'deeper', 'literal', 'tail']) {
    served.put(bucket, key, `${bucket}:${key}`)
  }
  for (const bucket of ['root', 'sub']) rooted.put(bucket, key, `${bucket}:${key}`)
}

async function reached(path: string, host = 'other.test'): Promise<string> {
  const answer = await served.ask(path, { headers: { Host: host } })
  return answer.status === 200 ? answer.text : `${answer.status} ${JSON.parse(answer.text).error}`
}

describe('path_prefix', () => {
  for (const [path, where] of [
    ['/a/k', 'a:k'],
    ['/a/a/k', 'a:a/k'],
    ['/a/b/k', 'ab:k'],
    ['/a/bc/k', 'a:bc/k'],
    ['/a/b/c/k', 'abc:k'],
    ['/a/b/b/k', 'ab:b/k'],
    ['/a//k', 'a:/k'],
    ['/a/k/', 'a:k/'],
    ['/a/b//k', 'ab:/k'],
    ['/%61/%62/k', 'ab:k'],
    ['/a%2Fb/k', 'ab:k'],
    ['/a%20b/%C3%A9/k', 'spaced:k'],
    ['/tail/k', 'tail:k'],
    ['/A/k', '404 no_route'],
    ['/ak', '404 no_route'],
    ['/a-b/k', '404 no_route'],
    ['//a/k', '404 no_route'],
    ['/', '404 no_route'],
    ['/k', '404 no_route'],
    ['/a', '404 not_found'],
    ['/a/', '404 not_found'],
    ['/a/b', '404 not_found'],
    ['/a/b/', '404 not_found'],
  ] as const) {
    test(`${path} leads to ${where}`, async () => {
      assert.equal(await reached(path), where)
    })
  }

  test('"/" takes what no longer prefix does', async () => {
    for (const [path, where] of [
      ['/k', 'root:k'],
      ['//k', 'root:/k'],
      ['/a/k', 'root:a/k'],
      ['/sub/k', 'sub:k'],
      ['/sub/a/k', 'sub:a/k'],
    ] as const) {
      assert.equal((await rooted.ask(path)).text, where)
    }
  })

  test('a prefix alone is never a listing of the bucket', async () => {
    for (const [path, query] of [
      ['/a', ''],
      ['/a/', '?list-type=2&prefix='],
      ['/a/b/', '?versions'],
    ] as const) {
      const answer = await served.ask(path + query)
      assert.equal(answer.status, 404)
      assert.doesNotMatch(answer.text, /a\/k/)
    }
    for (const path of ['/', '/?list-type=2', '/?location', '/sub']) {
      assert.equal((await rooted.ask(path)).status, 404)
    }
  })
})

describe('hosts', () => {
  for (const [host, where] of [
    ['cdn.example.com', 'exact:k'],
    ['CDN.Example.COM', 'exact:k'],
    ['cdn.example.com.', 'exact:k'],
    ['cdn.example.com:8080', 'exact:k'],
    ['cdn.example.com.:8080', 'exact:k'],
    ['img.example.org', 'wild:k'],
    ['a.b.example.org', 'wild:k'],
    ['x.eu.example.org', 'wild:k'],
    ['upper.example.net', 'wild:k'],
    ['example.org', '404 no_route'],
    ['example.com', '404 no_route'],
    ['x.cdn.example.com', '404 no_route'],
    ['badexample.org', '404 no_route'],
    ['cdn.example.com.evil.test', '404 no_route'],
    ['[::1]', 'literal:k'],
    ['[::1]:8080', 'literal:k'],
    ['192.0.2.1:80', 'literal:k'],
    ['192.0.2.2', '404 no_route'],
    ['cdn.example.com:port', '400 invalid_request'],
    ['cdn.example.com/path', '400 invalid_request'],
    ['user@cdn.example.com', '400 invalid_request'],
    ['a..b', '400 invalid_request'],
  ] as const) {
    test(`the host ${host} leads to ${where}`, async () => {
      assert.equal(await reached('/k', host), where)
    })
  }

  test('a host takes the longest prefix of all its buckets, however they name it', async () => {
    for (const [host, where] of [
      ['x.eu.example.org', 'deeper:k'],
      ['cdn.example.com', 'deeper:k'],
      ['img.example.org', '404 not_found'],
      ['eu.example.org', '404 not_found'],
      ['other.test', '404 no_route'],
    ] as const) {
      assert.equal(await reached('/deep/k', host), where)
    }
  })

  test('a bucket for every host is served beside those of a host', async () => {
    for (const host of ['cdn.example.com', 'img.example.org', 'other.test', '[::1]']) {
      assert.equal(await reached('/a/k', host), 'a:k')
    }
  })

  test('the host of an absolute target stands before Host (RFC 9112 §3.2.2)', async () => {
    const ask = (target: string, host: string): Promise<{ text: string }> =>
      rawExchange(
        served.port,
        `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      )
    assert.match((await ask('http://cdn.example.com/k', 'other.test')).text, /exact:k$/)
    assert.match((await ask('HTTP://CDN.example.com:81/k?q', 'x')).text, /exact:k$/)
    assert.match((await ask('http://other.test/k', 'cdn.example.com')).text, /no_route/)
    assert.match((await ask('http://other.test/a/k', 'cdn.example.com')).text, /a:k$/)
  })

  test('a request of HTTP/1.0 without a host reaches what every host does', async () => {
    const ask = (path: string): Promise<{ text: string }> =>
      rawExchange(served.port, `GET ${path} HTTP/1.0\r\n\r\n`)
    assert.match((await ask('/a/k')).text, /a:k$/)
    assert.match((await ask('/k')).text, /no_route/)
  })

  test('no host in HTTP/1.1, or two, are refused', async () => {
    for (const hosts of ['', 'Host: a\r\nHost: a\r\n', 'Host: a\r\nhost: b\r\n', 'Host:\r\n']) {
      const { text } = await rawExchange(served.port, `GET /a/k HTTP/1.1\r\n${hosts}\r\n`, {
        until: 'request_id',
      })
      assert.match(text, /^HTTP\/1\.1 400 /)
      assert.match(text, /invalid_request/)
    }
  })
})
