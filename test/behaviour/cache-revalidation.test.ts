// A client asks whether what it has is still good, and the cache does not know: S3 is asked once,
// whatever the answer, and what it sends serves the next client too.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { callAt, TOKEN } from '../support/cached-front.ts'
import { openDictatedOrigin } from '../support/dictated-origin.ts'
import type { Dictated } from '../support/dictated-origin.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { openSluice } from '../support/sluice.ts'

const SLICE = 64 * 1024

const origin = await openDictatedOrigin()
const sluice = await openSluice({
  admin: { token: TOKEN },
  cache: { cache_layers: ['memory'], disk: { enabled: false }, slice_size: SLICE },
  buckets: [
    {
      name: 'b',
      path_prefix: '/b',
      cache: { tags: { metadata: ['cache-tag'] } },
      s3: {
        bucket: 'b',
        endpoint: origin.endpoint,
        credentials: 'anonymous',
        health_check: { enabled: false },
        retry: { max_attempts: 1 },
      },
    },
  ],
})
after(async () => {
  await sluice.close()
  await origin[Symbol.asyncDispose]()
})

const version = (number: number, cacheControl: string, body = 'the body'): Dictated => ({
  headers: { ETag: `"v${number}"`, 'Cache-Control': cacheControl },
  isConditional: true,
  body,
})

function ask(key: string, tag?: string): Promise<Answer> {
  const headers = tag === undefined ? {} : { 'If-None-Match': tag }
  return request(`${sluice.url}/b/${key}`, { headers })
}

const asked = (key: string): string[] =>
  origin.asked(key).map(({ method, status }) => `${method} ${status}`)

for (const [says, tag, status] of [
  ['is good', '"v1"', 304],
  ['is not good', '"v0"', 200],
] as const) {
  test(`of an object that nobody has asked for, where it ${says}`, async () => {
    const key = `cold-${status}`
    origin.dictate(key, [version(1, 'max-age=1000')])
    assert.equal((await ask(key, tag)).status, status)
    const next = await ask(key)
    assert.deepEqual([next.text, next.headers['x-cache']], ['the body', 'HIT'])
    assert.deepEqual(asked(key), ['GET 206'])
  })

  test(`of an object that has changed since it was kept, where it ${says}`, async () => {
    const key = `stale-${status}`
    origin.dictate(key, [version(0, 'no-cache', 'old'), version(1, 'max-age=1000')])
    assert.equal((await ask(key)).text, 'old')
    assert.equal((await ask(key, tag)).status, status)
    assert.equal((await ask(key)).text, 'the body')
    assert.deepEqual(asked(key), ['GET 206', 'GET 206'])
  })
}

test('of an object that has not changed since it was kept costs no bytes', async () => {
  origin.dictate('same', [version(1, 'no-cache')])
  await ask('same')
  assert.equal((await ask('same', '"v1"')).status, 304)
  assert.equal((await ask('same', '"v0"')).text, 'the body')
  assert.deepEqual(asked('same'), ['GET 206', 'GET 304', 'GET 304'])
})

test('of a large object costs one slice where it is good', async () => {
  const body = 'x'.repeat(3 * SLICE)
  origin.dictate('large', [version(1, 'max-age=1000', body)])
  assert.equal((await ask('large', '"v1"')).status, 304)
  const ranges = origin.asked('large').map(({ headers }) => headers.range)
  assert.deepEqual(ranges, [`bytes=0-${SLICE - 1}`])
  assert.equal((await ask('large')).text, body)
})

test('of an object that has another tag by now is purged by that one', async () => {
  const tagged = (tag: string, cacheControl: string): Dictated => {
    const { headers, ...rest } = version(1, cacheControl)
    return { ...rest, headers: { ...headers, 'x-amz-meta-cache-tag': tag } }
  }
  origin.dictate('tagged', [tagged('old', 'no-cache'), tagged('new', 'max-age=1000')])
  await ask('tagged')
  const renewed = await ask('tagged')
  const { 'x-amz-meta-cache-tag': tag, 'x-cache': result } = renewed.headers
  assert.deepEqual([tag, result], ['new', 'REVALIDATED'])
  assert.equal((await ask('tagged')).headers['x-cache'], 'HIT')
  const body = JSON.stringify({ tag: 'new' })
  await callAt(sluice.opsUrl, 'POST', '/admin/cache/purge', { body })
  assert.equal((await ask('tagged')).headers['x-cache'], 'MISS')
})

test('of a variant that has changed since it was kept is not broken off again and again', async () => {
  const of = (number: number, language: string): Dictated => {
    const body = `${language}${number}`.repeat(SLICE)
    const { headers, ...rest } = version(number, 'max-age=1000', body)
    const ETag = `"${language}${number}"`
    return { ...rest, headers: { ...headers, ETag, Vary: 'Accept-Language' } }
  }
  const asks = async (language: string, range = {}): Promise<Answer> =>
    request(`${sluice.url}/b/varied`, { headers: { 'accept-language': language, ...range } })
  for (const language of ['de', 'en']) {
    origin.dictate('varied', [of(1, language)])
    await asks(language, { range: 'bytes=0-9' })
  }
  const seen: Record<string, string[]> = { de: [], en: [] }
  for (const language of ['en', 'de', 'en', 'de', 'en', 'de']) {
    origin.dictate('varied', [of(2, language)])
    const { text, aborted } = await asks(language)
    seen[language]?.push(aborted ? 'broken off' : text.slice(0, 3))
  }
  assert.deepEqual(seen, { de: ['de2', 'de2', 'de2'], en: ['broken off', 'en2', 'en2'] })
})
