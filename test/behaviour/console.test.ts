// The files of the console, as the operations listener serves them: they say nothing, and nothing of
// what is said to them comes back.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { openCachedFront, TOKEN } from '../support/cached-front.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SOURCES = join(ROOT, 'src/admin/console')
const opened = new AsyncDisposableStack()
after(() => opened.disposeAsync())
const front = opened.use(await openCachedFront())

function get(path: string, options: Parameters<typeof request>[1] = {}): Promise<Answer> {
  return request(`${front.opsUrl}${path}`, options)
}

test('every file of the console is served with its type, and guarded', async () => {
  const types: Readonly<Record<string, string>> = {
    html: 'text/html; charset=utf-8',
    css: 'text/css; charset=utf-8',
    js: 'text/javascript; charset=utf-8',
    svg: 'image/svg+xml',
  }
  for (const name of readdirSync(SOURCES)) {
    const { status, headers, text } = await get(`/console/${name}`)
    assert.equal(status, 200, name)
    assert.equal(text, readFileSync(join(SOURCES, name), 'utf8'))
    assert.equal(headers['content-type'], types[name.split('.').at(-1) ?? ''])
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['referrer-policy'], 'no-referrer')
    assert.equal(headers['cache-control'], 'no-cache')
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin')
    const policy = String(headers['content-security-policy']).split('; ')
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "form-action 'self'",
    ]) {
      assert.ok(policy.includes(rule), `${name}: ${rule}`)
    }
    assert.ok(!String(policy).includes('unsafe'))
  }
})

test('the page is at /console/, and is the same without a token, with one and with a wrong one', async () => {
  const bare = await get('/console')
  assert.deepEqual([bare.status, bare.headers.location], [308, 'console/'])
  const page = await get('/console/')
  assert.equal(page.text, (await get('/console/index.html')).text)
  for (const token of [TOKEN, 'a-wrong-token-of-some-length']) {
    const headers = { authorization: `Bearer ${token}` }
    assert.equal((await get('/console/', { headers })).text, page.text)
  }
  for (const secret of ['files', TOKEN, front.url]) assert.ok(!page.text.includes(secret), secret)
})

test('what the console asks for is refused without a token, and with a wrong one', async () => {
  const scripts = globSync('*.js', { cwd: SOURCES }).map((name) =>
    readFileSync(join(SOURCES, name), 'utf8'),
  )
  const asked = scripts.flatMap((text) =>
    [...text.matchAll(/\b(?:ask|send)\('(GET|POST|DELETE)', [`']([\w/]+)/g)].map(
      ([, method = '', path = '']) => [method, `/admin/${path}`] as const,
    ),
  )
  assert.ok(asked.length >= 10, String(asked))
  for (const [method, path] of asked) {
    for (const token of ['', 'a-wrong-token-of-some-length']) {
      const { status, json } = await front.call(method, path, { token })
      const code = token === '' ? 'token_missing' : 'token_invalid'
      assert.deepEqual([status, json['error']], [401, code], `${method} ${path}`)
    }
  }
})

test('what has not changed is not sent again, and nothing old is kept', async () => {
  const { headers } = await get('/console/console.js')
  const again = await get('/console/console.js', {
    headers: { 'if-none-match': String(headers['etag']) },
  })
  assert.deepEqual([again.status, again.text, again.headers['etag']], [304, '', headers['etag']])
  const other = await get('/console/console.js', { headers: { 'if-none-match': '"other"' } })
  assert.equal(other.status, 200)
})

test('HEAD has the head of the page, and what would change something is not answered', async () => {
  const head = await get('/console/', { method: 'HEAD' })
  const whole = await get('/console/')
  assert.deepEqual([head.status, head.text], [200, ''])
  assert.equal(head.headers['content-length'], whole.headers['content-length'])
  const post = await get('/console/', { method: 'POST', body: 'token=x' })
  assert.deepEqual([post.status, post.headers['allow']], [405, 'GET, HEAD'])
})

test('no other file can be had by way of the console', async () => {
  for (const path of [
    '/console/../admin.ts',
    '/console/%2e%2e/admin.ts',
    '/console/..%2fadmin.ts',
    '/console//etc/passwd',
    '/console/console.js/',
    '/console/constructor',
    '/console/.',
    '/consoles',
    '/consolex/index.html',
  ]) {
    const { status, text } = await get(path)
    assert.deepEqual([status, JSON.parse(text).error], [404, 'no_route'], path)
  }
})

test('where nobody has a role there is no console', async () => {
  await using bare = await openCachedFront({ admin: {} })
  for (const path of ['/console', '/console/', '/console/console.js']) {
    const { status, text } = await request(`${bare.opsUrl}${path}`)
    assert.deepEqual([status, JSON.parse(text).error], [404, 'no_route'], path)
  }
})

test('the main port has no console', async () => {
  assert.equal((await request(`${front.url}/console/`)).status, 404)
})

test('nothing in the console comes from elsewhere', () => {
  for (const name of readdirSync(SOURCES)) {
    const text = readFileSync(join(SOURCES, name), 'utf8')
    // The one is the name of SVG's elements, and is asked of nobody.
    const places = text.replaceAll('http://www.w3.org/2000/svg', '').match(/\bhttps?:\/\/|url\(/g)
    assert.equal(places, null, name)
    assert.ok(!/\binnerHTML\b|\bouterHTML\b|insertAdjacentHTML|\beval\b/.test(text), name)
  }
})

test('what is built has the console beside the program', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-dist-'))
  try {
    execFileSync(process.execPath, [join(ROOT, 'dev/copy-assets.ts'), folder])
    assert.deepEqual(
      readdirSync(join(folder, 'admin/console')).toSorted(),
      readdirSync(SOURCES).toSorted(),
    )
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    assert.match(scripts.build, /dev\/copy-assets\.ts/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
