// What is stored is served as it came: the same fields and bytes, with its age, and without asking.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { generateBytes } from '../../dev/s3-server.ts'
import { readByteRanges } from '../support/byteranges.ts'
import { openCached, xCacheOf } from '../support/cached.ts'
import type { Answer, Head } from '../support/http.ts'

const cached = await openCached({ cache: { slice_size: '64KiB' } })
after(() => cached[Symbol.asyncDispose]())

const SIZE = 300_000
const bytes = generateBytes('hit', 0, SIZE)

function putLarge(key: string): string {
  return cached.put('b', key, { seed: 'hit', size: SIZE })
}

/** The field lines as they arrived, without those that differ from answer to answer. */
function linesOf({ rawHeaders }: Head): string[] {
  const own = new Set(['x-request-id', 'cache-status', 'x-cache', 'age', 'keep-alive'])
  const lines: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (!own.has(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[i + 1]}`)
  }
  return lines
}

function assertHit(answer: Answer): void {
  assert.equal(xCacheOf(answer), 'HIT')
  assert.match(String(answer.headers['cache-status']), /^sluice; hit; ttl=\d+; detail=\w+$/)
  assert.match(String(answer.headers['age']), /^\d+$/)
}

describe('a hit', () => {
  test('has the fields and the body of its miss byte for byte, and its age', async () => {
    cached.put('b', 'dressed', 'the body', {
      contentType: 'text/plain; charset=latin1',
      contentEncoding: 'identity',
      contentLanguage: 'de, fr',
      contentDisposition: 'attachment; filename="résumé.txt"',
      cacheControl: 'public,  max-age=60',
      metadata: { colour: 'blau, grün', Empty: '' },
    })
    const miss = await cached.ask('/b/dressed')
    const hit = await cached.ask('/b/dressed')
    assert.equal(miss.status, 200)
    assert.equal(xCacheOf(miss), 'MISS')
    assert.equal(miss.headers['age'], undefined)
    assertHit(hit)
    assert.deepEqual(linesOf(hit).toSorted(), linesOf(miss).toSorted())
    assert.deepEqual(hit.body, miss.body)
    assert.equal(cached.asked('dressed').length, 1)
  })

  test('of a large object has the fields of its miss too', async () => {
    putLarge('large')
    const miss = await cached.ask('/b/large')
    const hit = await cached.ask('/b/large')
    assertHit(hit)
    assert.deepEqual(linesOf(hit).toSorted(), linesOf(miss).toSorted())
    assert.deepEqual(miss.body, bytes)
    assert.deepEqual(hit.body, bytes)
    assert.equal(cached.asked('large').length, 1)
  })

  test('of an empty object asks S3 no more', async () => {
    cached.put('b', 'empty', '')
    const miss = await cached.ask('/b/empty')
    cached.s3.clearRequests()
    const hit = await cached.ask('/b/empty')
    for (const answer of [miss, hit]) {
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['content-length'], '0')
      assert.equal(answer.body.length, 0)
    }
    assertHit(hit)
    assert.deepEqual(linesOf(hit).toSorted(), linesOf(miss).toSorted())
    assert.equal(cached.asked('empty').length, 0)
  })

  test('grows older, from the Date that it came with', async () => {
    cached.put('b', 'ageing', 'x')
    const miss = await cached.ask('/b/ageing')
    const deadline = performance.now() + 20_000
    let hit = await cached.ask('/b/ageing')
    while (Number(hit.headers['age']) < 1 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      hit = await cached.ask('/b/ageing')
    }
    assert.ok(Number(hit.headers['age']) >= 1)
    assert.equal(hit.headers['date'], miss.headers['date'])
  })

  test('answers a HEAD like a GET, out of what a GET brought', async () => {
    putLarge('asked-by-get')
    const got = await cached.ask('/b/asked-by-get')
    const head = await cached.ask('/b/asked-by-get', { method: 'HEAD' })
    assertHit(head)
    assert.equal(head.body.length, 0)
    assert.deepEqual(linesOf(head).toSorted(), linesOf(got).toSorted())
    assert.equal(cached.asked('asked-by-get').length, 1)
  })

  test('answers any range of what a GET brought', async () => {
    putLarge('ranged')
    await cached.ask('/b/ranged')
    const cases: readonly (readonly [string, number, number])[] = [
      ['bytes=0-0', 0, 0],
      ['bytes=65535-65536', 65_535, 65_536],
      ['bytes=70000-', 70_000, SIZE - 1],
      ['bytes=-5', SIZE - 5, SIZE - 1],
      [`bytes=1-${SIZE}`, 1, SIZE - 1],
    ]
    for (const [range, first, last] of cases) {
      const answer = await cached.ask('/b/ranged', { headers: { Range: range } })
      assert.equal(answer.status, 206, range)
      assertHit(answer)
      assert.equal(answer.headers['content-range'], `bytes ${first}-${last}/${SIZE}`)
      assert.deepEqual(answer.body, bytes.subarray(first, last + 1), range)
    }
    const several = await cached.ask('/b/ranged', { headers: { Range: 'bytes=1-9,100000-200000' } })
    assertHit(several)
    const parts = readByteRanges(several.headers['content-type'], several.body)
    assert.deepEqual(
      parts.map((part) => part.bytes),
      [bytes.subarray(1, 10), bytes.subarray(100_000, 200_001)],
    )
    const past = await cached.ask('/b/ranged', { headers: { Range: `bytes=${SIZE}-` } })
    assert.deepEqual([past.status, past.headers['content-range']], [416, `bytes */${SIZE}`])
    assertHit(past)
    assert.equal(cached.asked('ranged').length, 1)
  })

  test('answers conditions by itself', async () => {
    const etag = cached.put('b', 'conditional', 'x', { cacheControl: 'max-age=60' })
    await cached.ask('/b/conditional')
    const ask = (headers: Record<string, string>): Promise<Answer> =>
      cached.ask('/b/conditional', { headers })
    const same = await ask({ 'If-None-Match': `"other", W/${etag}` })
    assert.equal(same.status, 304)
    assertHit(same)
    assert.deepEqual([same.headers['etag'], same.headers['cache-control']], [etag, 'max-age=60'])
    assert.equal((await ask({ 'If-None-Match': '"other"' })).status, 200)
    const failed = await ask({ 'If-Match': '"other"' })
    assert.equal(failed.status, 412)
    assertHit(failed)
    assert.equal(cached.asked('conditional').length, 1)
  })
})

describe('what is not all there', () => {
  test('checksums that a HEAD brought are sent with the whole body, and with no part', async () => {
    cached.put('b', 'summed', 'the body', { checksums: { sha256: 'c29tZSBjaGVja3N1bQ==' } })
    await cached.ask('/b/summed', { method: 'HEAD' })
    const whole = await cached.ask('/b/summed')
    assert.equal(whole.headers['x-amz-checksum-sha256'], 'c29tZSBjaGVja3N1bQ==')
    const part = await cached.ask('/b/summed', { headers: { Range: 'bytes=0-1' } })
    assert.equal(part.headers['x-amz-checksum-sha256'], undefined)
  })

  test('a HEAD brings what a later HEAD needs, and no later GET is called a hit', async () => {
    putLarge('asked-by-head')
    assert.equal(xCacheOf(await cached.ask('/b/asked-by-head', { method: 'HEAD' })), 'MISS')
    assert.equal(xCacheOf(await cached.ask('/b/asked-by-head', { method: 'HEAD' })), 'HIT')
    assert.equal(cached.asked('asked-by-head').length, 1)
    const first = await cached.ask('/b/asked-by-head')
    assert.equal(xCacheOf(first), 'MISS')
    assert.match(String(first.headers['cache-status']), /^sluice; fwd=partial; stored; ttl=\d+$/)
    assert.deepEqual(first.body, bytes)
    assertHit(await cached.ask('/b/asked-by-head'))
    assert.equal(cached.asked('asked-by-head').length, 2)
  })

  test('a range brings its own slices, and a later GET of all only the others', async () => {
    putLarge('holed')
    const part = await cached.ask('/b/holed', { headers: { Range: 'bytes=140000-150000' } })
    assert.deepEqual(part.body, bytes.subarray(140_000, 150_001))
    assert.deepEqual(
      cached.asked('holed').map(({ headers }) => headers['range']),
      ['bytes=131072-196607'],
    )
    cached.s3.clearRequests()
    const whole = await cached.ask('/b/holed')
    assert.deepEqual(whole.body, bytes)
    assert.deepEqual(
      cached.asked('holed').map(({ headers }) => headers['range']),
      ['bytes=0-131071', `bytes=196608-${SIZE - 1}`],
    )
    assertHit(await cached.ask('/b/holed'))
  })
})

describe('Cache-Status and X-Cache', () => {
  test('say why S3 was asked', async () => {
    cached.put('b', 'told', 'x')
    const miss = await cached.ask('/b/told')
    assert.match(String(miss.headers['cache-status']), /^sluice; fwd=uri-miss; stored; ttl=\d+$/)
    const forced = await cached.ask('/b/told', { headers: { 'Cache-Control': 'no-cache' } })
    assert.equal(xCacheOf(forced), 'REVALIDATED')
    assert.match(String(forced.headers['cache-status']), /^sluice; fwd=request; fwd-status=304; /)
    const missing = await cached.ask('/b/nowhere')
    assert.deepEqual([missing.status, xCacheOf(missing)], [404, 'MISS'])
  })
})
