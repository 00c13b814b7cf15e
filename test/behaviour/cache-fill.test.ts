// Bytes on their way are shared: each slice is fetched once, whoever waits for it and whoever
// leaves, and nothing is fetched that nobody wants.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import { after, afterEach, describe, test } from 'node:test'

import { generateBytes } from '../../dev/s3-server.ts'
import { bytesSent, openCached, xCacheOf } from '../support/cached.ts'
import { until } from '../support/fleet.ts'
import { download, sha256 } from '../support/http.ts'
import type { Download } from '../support/http.ts'

const KIB = 1024
const MIB = 1024 * KIB

const cached = await openCached({ buckets: { b: { cache: { max_item_size: '8GiB' } } } })
after(() => cached[Symbol.asyncDispose]())
afterEach(() => cached.s3.clearFaults())

function shaOfGenerated(seed: string, size: number): string {
  const hash = createHash('sha256')
  for (let at = 0; at < size; at += MIB) {
    hash.update(generateBytes(seed, at, Math.min(at + MIB, size)))
  }
  return hash.digest('hex')
}

/** How many bytes came that are those expected; compared and not hashed, since they are many. */
async function sameBytes(from: string, expected: Buffer, agent: http.Agent): Promise<number> {
  const [response]: http.IncomingMessage[] = await once(http.get(from, { agent }), 'response')
  assert.ok(response !== undefined)
  let at = 0
  for await (const chunk of response) {
    assert.ok(chunk instanceof Buffer)
    assert.ok(chunk.equals(expected.subarray(at, at + chunk.length)), `other bytes at ${at}`)
    at += chunk.length
  }
  return at
}

function url(key: string): string {
  return `${cached.sluice().url}/b/${key}`
}

describe('a cold object that many ask for at once', () => {
  test('is fetched once, and everybody has it to the byte', { timeout: 240_000 }, async () => {
    const size = 64 * MIB
    const clients = 500
    cached.put('b', 'popular', { seed: 'popular', size })
    const expected = generateBytes('popular', 0, size)
    const agent = new http.Agent({ maxSockets: clients })
    const same = Array.from({ length: clients }, () => sameBytes(url('popular'), expected, agent))
    assert.deepEqual(new Set(await Promise.all(same)), new Set([size]))
    agent.destroy()
    assert.equal(bytesSent(cached.asked('popular')), size)
  })

  test('one who joins late has the first byte before the fill ends', async () => {
    const size = 4 * MIB
    cached.put('b', 'slow', { seed: 'slow', size })
    cached.s3.fault({ kind: 'slow', bytesPerSecond: MIB, match: { key: 'slow' } })
    const first = download(url('slow'))
    await until(() => bytesSent(cached.asked('slow')) > MIB + MIB / 2, 'more than a slice')
    let sentAtFirstByte = 0
    const late = await download(url('slow'), {
      onChunk: (_chunk, before) => {
        if (before === 0) sentAtFirstByte = bytesSent(cached.asked('slow'))
      },
    })
    assert.ok(sentAtFirstByte < size, `${sentAtFirstByte} of ${size} were sent`)
    const expected = shaOfGenerated('slow', size)
    assert.deepEqual([late.sha256, (await first).sha256], [expected, expected])
    assert.equal(bytesSent(cached.asked('slow')), size)
  })

  test('goes on when the one who came first leaves', async () => {
    const size = 4 * MIB
    cached.put('b', 'left', { seed: 'left', size })
    cached.s3.fault({ kind: 'slow', bytesPerSecond: 2 * MIB, match: { key: 'left' } })
    const first = download(url('left'), { abortAfter: 200_000 })
    await until(() => cached.asked('left').length === 1, 'a request')
    const second = download(url('left'))
    const third = download(url('left'))
    assert.equal((await first).aborted, true)
    const expected = shaOfGenerated('left', size)
    assert.deepEqual([(await second).sha256, (await third).sha256], [expected, expected])
    assert.equal(bytesSent(cached.asked('left')), size)
  })

  test('is asked for anew by one who comes when all who waited have left', async () => {
    cached.put('b', 'abandoned', 'the body')
    cached.s3.fault({ kind: 'delay', delayMs: 600, match: { key: 'abandoned' }, times: 1 })
    const leaving = new AbortController()
    const first = download(url('abandoned'), { signal: leaving.signal }).catch(() => undefined)
    await until(() => cached.asked('abandoned').length === 1, 'a request')
    leaving.abort()
    await first
    const second = await download(url('abandoned'))
    assert.deepEqual([second.status, second.sha256], [200, sha256('the body')])
  })

  test('is let go by S3 when everybody has left', async () => {
    cached.put('b', 'unwanted', { seed: 'unwanted', size: 1024 * MIB })
    const answer = await download(url('unwanted'), { abortAfter: 1 })
    assert.equal(answer.aborted, true)
    await until(() => cached.asked('unwanted')[0]?.state === 'aborted', 'an end of the request')
    assert.ok(bytesSent(cached.asked('unwanted')) < 32 * MIB)
  })

  test('a reader who stops reading holds nobody up', async () => {
    const size = 12 * MIB
    cached.put('b', 'paced', { seed: 'paced', size })
    const fast: Promise<Download>[] = []
    const slow = await download(url('paced'), {
      onChunk: async (_chunk, before) => {
        if (before > 0) return
        fast.push(download(url('paced')), download(url('paced')))
        await Promise.all(fast)
      },
    })
    const expected = shaOfGenerated('paced', size)
    assert.equal(slow.sha256, expected)
    for (const answer of await Promise.all(fast)) assert.equal(answer.sha256, expected)
  })
})

describe('a part of a 4 GiB object', () => {
  const SIZE = 4 * 1024 * MIB
  const AT = 2 * 1024 * MIB + 12_345

  test('costs no more than its slices', async () => {
    cached.put('b', 'huge', { seed: 'huge', size: SIZE })
    const length = 3 * MIB
    const headers = { Range: `bytes=${AT}-${AT + length - 1}` }
    const answer = await cached.ask('/b/huge', { headers })
    assert.equal(answer.status, 206)
    assert.equal(answer.headers['content-range'], `bytes ${AT}-${AT + length - 1}/${SIZE}`)
    assert.equal(sha256(answer.body), sha256(generateBytes('huge', AT, AT + length)))
    const sent = bytesSent(cached.asked('huge'))
    assert.ok(sent <= length + 2 * MIB, `${sent} bytes for ${length}`)
    cached.s3.clearRequests()
    const again = await cached.ask('/b/huge', { headers: { Range: `bytes=${AT + 5}-${AT + 9}` } })
    assert.deepEqual(again.body, generateBytes('huge', AT + 5, AT + 10))
    assert.deepEqual([xCacheOf(again), cached.asked('huge').length], ['HIT', 0])
  })

  test('at its end is had without the rest', async () => {
    cached.put('b', 'tail', { seed: 'tail', size: SIZE })
    const answer = await cached.ask('/b/tail', { headers: { Range: 'bytes=-1000' } })
    assert.deepEqual(answer.body, generateBytes('tail', SIZE - 1000, SIZE))
    assert.ok(bytesSent(cached.asked('tail')) <= 2 * MIB)
  })
})

describe('what breaks', () => {
  for (const kind of ['cut', 'short', 'short-chunked', 'reset'] as const) {
    test(`a body that S3 breaks off (${kind}) is destroyed, and never stored`, async () => {
      const key = `broken-${kind}`
      const size = 2 * MIB + 5
      cached.put('b', key, { seed: key, size })
      cached.s3.fault({ kind, afterBytes: MIB + MIB / 2, match: { key } })
      const broken = await download(url(key))
      assert.equal(broken.aborted, true)
      assert.ok(broken.bytes < size)
      cached.s3.clearFaults()
      const whole = await download(url(key))
      assert.deepEqual([whole.bytes, whole.sha256], [size, shaOfGenerated(key, size)])
    })
  }

  test('before a byte has left it is a proper no, and the next one asks again', async () => {
    cached.put('b', 'mute', 'the body')
    cached.s3.fault({ kind: 'status', status: 500, match: { key: 'mute' }, times: 1 })
    assert.equal((await cached.ask('/b/mute')).status, 502)
    assert.equal((await cached.ask('/b/mute')).text, 'the body')
  })
})

describe('an object that changes', () => {
  test('between its slices is never mixed: a new reader has the new one alone', async () => {
    const size = 3 * MIB
    cached.put('b', 'moving', { seed: 'old', size })
    await cached.ask('/b/moving', { headers: { Range: `bytes=0-${MIB - 1}` } })
    cached.put('b', 'moving', { seed: 'young', size })
    const tail = await cached.ask('/b/moving', { headers: { Range: `bytes=${2 * MIB}-` } })
    assert.equal(tail.status, 206)
    assert.equal(sha256(tail.body), sha256(generateBytes('young', 2 * MIB, size)))
    const whole = await download(url('moving'))
    assert.equal(whole.sha256, shaOfGenerated('young', size))
  })

  test('while it is read breaks the answer, and the next one has the new one', async () => {
    const size = 3 * MIB
    cached.put('b', 'pulled', { seed: 'old', size })
    await cached.ask('/b/pulled', { headers: { Range: `bytes=0-${MIB - 1}` } })
    cached.put('b', 'pulled', { seed: 'young', size })
    const mixed = await download(url('pulled'))
    assert.equal(mixed.aborted, true)
    assert.ok(mixed.bytes <= MIB)
    const whole = await download(url('pulled'))
    assert.equal(whole.sha256, shaOfGenerated('young', size))
  })

  test('and is gone, is a 404 for a reader of what was not held', async () => {
    cached.put('b', 'removed', { seed: 'old', size: 3 * MIB })
    await cached.ask('/b/removed', { headers: { Range: 'bytes=0-9' } })
    cached.s3.removeObject('b', 'removed')
    const answer = await cached.ask('/b/removed', { headers: { Range: `bytes=${MIB}-` } })
    assert.equal(answer.status, 404)
  })
})
