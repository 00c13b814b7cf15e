// A bucket as a website: index documents, the slash that browsers need, pages for errors, and
// applications of one page.

import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'

import type { Answer } from '../support/http.ts'
import { openServed } from '../support/served.ts'

const INDEX = { index_document: 'index.html' }

const served = await openServed({
  buckets: {
    plain: {},
    site: { settings: INDEX },
    fixed: { settings: { ...INDEX, redirect_slash: false } },
    pages: {
      settings: {
        ...INDEX,
        hide_forbidden: false,
        error_document: { 403: 'errors/403.html', 404: 'errors/404.html', 416: 'errors/none' },
      },
    },
    app: { settings: { ...INDEX, spa: true, error_document: { 404: '404.html' } } },
    unspa: { settings: INDEX },
    root: { settings: { ...INDEX, path_prefix: '/', hosts: ['root.test'] } },
  },
})
after(() => served.close())
afterEach(() => served.aws.clearFaults())
for (const bucket of ['plain', 'site', 'fixed', 'pages', 'app', 'unspa', 'root']) {
  const page = { contentType: 'text/html', cacheControl: 'max-age=60', etag: `"${bucket}"` }
  served.put(bucket, 'index.html', `${bucket}: index`, page)
  served.put(bucket, 'dir/index.html', `${bucket}: dir`, page)
  served.put(bucket, 'dir/a b&é/index.html', `${bucket}: odd`, page)
  served.put(bucket, 'file', `${bucket}: file`)
}
const FRENCH = { contentType: 'text/html', contentLanguage: 'fr', cacheControl: 'max-age=60' }
served.put('pages', 'errors/404.html', '<h1>rien</h1>', FRENCH)
served.put('pages', 'errors/403.html', '<h1>non</h1>', FRENCH)
served.put('app', '404.html', '<h1>no such thing</h1>', FRENCH)

type Headers = Readonly<Record<string, string>>

describe('index_document', () => {
  test('is served for the prefix and for directories', async () => {
    assert.equal((await served.ask('/site/')).text, 'site: index')
    assert.equal((await served.ask('/site/dir/')).text, 'site: dir')
    assert.equal((await served.ask('/', { headers: { Host: 'root.test' } })).text, 'root: index')
    assert.equal((await served.ask('/site/file')).text, 'site: file')
    assert.equal((await served.ask('/site/', { headers: { Range: 'bytes=0-3' } })).text, 'site')
  })

  test('without it a slash at the end is part of the key', async () => {
    assert.equal((await served.ask('/plain/')).status, 404)
    assert.equal((await served.ask('/plain/dir/')).status, 404)
  })

  test('that is missing is a 404, with no directory to look into', async () => {
    assert.equal((await served.ask('/site/none/')).status, 404)
  })
})

describe('redirect_slash', () => {
  async function locationOf(path: string, headers: Headers = {}, method = 'GET'): Promise<unknown> {
    const answer = await served.ask(path, { headers, method })
    assert.equal(answer.text.length === 0 || answer.status !== 302, true)
    return answer.status === 302 ? answer.headers['location'] : answer.status
  }

  test('sends a directory to its slash when it has an index document', async () => {
    assert.equal(await locationOf('/site/dir'), '/site/dir/')
    assert.equal(await locationOf('/site/dir', {}, 'HEAD'), '/site/dir/')
    assert.equal(await locationOf('/dir', { Host: 'root.test' }), '/dir/')
    assert.equal(await locationOf('/site/none'), 404)
    assert.equal(await locationOf('/plain/dir'), 404)
  })

  test('sends the bare prefix to its slash, where links of the index are right', async () => {
    assert.equal(await locationOf('/site'), '/site/')
    assert.equal(await locationOf('/site?a=b'), '/site/?a=b')
  })

  test('keeps the query, and writes the path as a path', async () => {
    assert.equal(await locationOf('/site/dir?a=b&c=%20'), '/site/dir/?a=b&c=%20')
    const odd = '/site/dir/a%20b%26%C3%A9'
    assert.equal(await locationOf(odd), `${odd}/`)
  })

  test('prefers an object of that name', async () => {
    served.put('site', 'both', 'the object')
    served.put('site', 'both/index.html', 'the directory')
    assert.equal((await served.ask('/site/both')).text, 'the object')
  })

  test('never leads to another host', async () => {
    served.put('root', '/evil.test/index.html', 'x')
    assert.equal(await locationOf('//evil.test', { Host: 'root.test' }), 404)
    served.put('root', '\\evil.test/index.html', 'x')
    assert.equal(await locationOf('/%5Cevil.test', { Host: 'root.test' }), '/%5Cevil.test/')
  })

  test('is not for clients that speak S3', async () => {
    assert.equal(await locationOf('/site/dir', { 'x-amz-date': '20261120T000000Z' }), 404)
  })

  test('false leaves directories where they are', async () => {
    assert.equal(await locationOf('/fixed/dir'), 404)
    assert.equal((await served.ask('/fixed')).text, 'fixed: index')
    assert.equal((await served.ask('/fixed/dir/')).text, 'fixed: dir')
  })
})

describe('error_document', () => {
  test('is the body of the error, whose status stays', async () => {
    const answer = await served.ask('/pages/none')
    assert.equal(answer.status, 404)
    assert.equal(answer.text, '<h1>rien</h1>')
    assert.equal(answer.headers['content-type'], 'text/html')
    assert.equal(answer.headers['content-language'], 'fr')
    assert.equal(answer.headers['content-length'], String(answer.text.length))
    assert.equal(answer.headers['cache-control'], 'no-store')
    assert.equal(answer.headers['etag'], undefined)
  })

  test('is chosen by the status', async () => {
    served.aws.fault({ kind: 'status', status: 403, code: 'AccessDenied', match: { key: 'file' } })
    const answer = await served.ask('/pages/file')
    assert.equal(answer.status, 403)
    assert.equal(answer.text, '<h1>non</h1>')
  })

  test('has nothing to do with the conditions and the range of the request', async () => {
    for (const headers of [
      { Range: 'bytes=0-1' },
      { 'If-None-Match': '*' },
      { 'If-Match': '"x"' },
    ]) {
      const answer = await served.ask('/pages/none', { headers })
      assert.equal(answer.status, 404)
      assert.equal(answer.text, '<h1>rien</h1>')
    }
  })

  test('is for people: S3 clients get XML', async () => {
    for (const path of ['/pages/none', '/pages/none?x-id=GetObject']) {
      const headers: Headers = path.includes('?') ? {} : { 'x-amz-date': 'x' }
      const answer = await served.ask(path, { headers })
      assert.equal(answer.status, 404)
      assert.match(answer.text, /<Code>NoSuchKey<\/Code>/)
    }
  })

  test('that is missing, or fails, leaves the error as it is', async () => {
    const past = await served.ask('/pages/file', { headers: { Range: 'bytes=999-' } })
    assert.equal(past.status, 416)
    assert.equal(JSON.parse(past.text).error, 'range_not_satisfiable')
    served.aws.fault({ kind: 'status', status: 500, match: { key: 'errors/404.html' } })
    const missing = await served.ask('/pages/none')
    assert.equal(missing.status, 404)
    assert.equal(JSON.parse(missing.text).error, 'not_found')
  })

  test('asked for itself is an object like any other', async () => {
    assert.equal((await served.ask('/pages/errors/404.html')).status, 200)
    served.aws.clearRequests()
    served.aws.fault({
      kind: 'status',
      status: 404,
      code: 'NoSuchKey',
      match: { key: 'errors/404.html' },
    })
    const answer = await served.ask('/pages/errors/404.html')
    assert.equal(JSON.parse(answer.text).error, 'not_found')
    // One for the document, one for a directory of that name: the page is not asked for again.
    assert.equal(served.aws.requests.filter(({ key }) => key === 'errors/404.html').length, 1)
  })

  test('is an error in the log all the same', async () => {
    await served.ask('/pages/logged')
    const line = await served.sluice.logLine(({ path }) => path === '/pages/logged')
    assert.equal(line['status'], 404)
    assert.equal(line['error'], 'not_found')
  })

  test('without one the error speaks for itself', async () => {
    assert.equal(JSON.parse((await served.ask('/site/none')).text).error, 'not_found')
  })
})

describe('spa', () => {
  const NAVIGATION = { 'Sec-Fetch-Mode': 'navigate', Accept: '*/*' }
  const BROWSER = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
  const ask = (path: string, headers: Headers, method = 'GET'): Promise<Answer> =>
    served.ask(path, { headers, method })

  test('a navigation to what is not there gets the index document', async () => {
    for (const headers of [NAVIGATION, BROWSER]) {
      const answer = await ask('/app/users/42', headers)
      assert.equal(answer.status, 200)
      assert.equal(answer.text, 'app: index')
      assert.equal(answer.headers['content-type'], 'text/html')
      assert.equal(answer.headers['cache-control'], 'max-age=60')
      assert.equal(answer.headers['vary'], 'Accept, Sec-Fetch-Mode')
      const head = await ask('/app/users/42', headers, 'HEAD')
      assert.equal(head.status, 200)
      assert.equal(head.headers['content-length'], String(answer.text.length))
    }
  })

  test('a missing script, picture or answer to a program stays missing', async () => {
    for (const headers of [
      { 'Sec-Fetch-Mode': 'no-cors', Accept: '*/*' },
      { 'Sec-Fetch-Mode': 'cors', Accept: 'text/html' },
      { Accept: 'application/json' },
      { Accept: '*/*' },
      { Accept: 'image/avif,image/webp,*/*' },
      {},
    ]) {
      const answer = await ask('/app/main.js', headers)
      assert.equal(answer.status, 404)
      assert.equal(answer.text, '<h1>no such thing</h1>')
    }
  })

  test('the page is revalidated like the document it is', async () => {
    const answer = await ask('/app/users/42', { ...NAVIGATION, 'If-None-Match': '"app"' })
    assert.equal(answer.status, 304)
    assert.equal(answer.headers['etag'], '"app"')
    const changed = await ask('/app/users/42', { ...NAVIGATION, 'If-None-Match': '"old"' })
    assert.equal(changed.text, 'app: index')
  })

  test('what is there is served, and a directory still gets its slash', async () => {
    assert.equal((await ask('/app/file', NAVIGATION)).text, 'app: file')
    assert.equal((await ask('/app/dir', NAVIGATION)).headers['location'], '/app/dir/')
  })

  test('without its index document there is no application', async () => {
    served.aws.fault({
      kind: 'status',
      status: 404,
      code: 'NoSuchKey',
      match: { key: 'index.html' },
    })
    assert.equal((await ask('/app/users/42', NAVIGATION)).text, '<h1>no such thing</h1>')
  })

  test('a failure of S3 is no missing object', async () => {
    served.aws.fault({ kind: 'status', status: 500, match: { key: 'index.html' } })
    assert.equal((await ask('/app/users/42', NAVIGATION)).status, 502)
    served.aws.clearFaults()
    served.aws.fault({ kind: 'status', status: 403, code: 'AccessDenied', match: { key: 'page' } })
    assert.equal((await ask('/app/page', NAVIGATION)).status, 403)
  })

  test('false leaves a missing page missing', async () => {
    assert.equal((await ask('/unspa/users/42', NAVIGATION)).status, 404)
  })
})
