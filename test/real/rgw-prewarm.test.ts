import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { callAt, TOKEN } from '../support/cached-front.ts'
import { request } from '../support/http.ts'
import { partMissing } from '../support/parts.ts'
import { prewarm } from '../support/prewarm.ts'
import type { Task } from '../support/prewarm.ts'
import { openRgw } from '../support/rgw.ts'
import type { Rgw } from '../support/rgw.ts'
import { openSluice } from '../support/sluice.ts'
import type { Sluice } from '../support/sluice.ts'
import { KEYS_WITH_DOT_SEGMENTS, ODD_KEYS, strictPath } from './odd-keys.ts'
import { bucketAt, s3Of } from './rgw-bucket.ts'

const PREFIX = 'below/this+é/'
const KEYS_BELOW = ODD_KEYS.filter((key) => Buffer.byteLength(PREFIX + key) <= 1024)
const MANY = 1203

describe('fetching ahead what Ceph lists', { skip: partMissing('radosgw') }, () => {
  const opened = new AsyncDisposableStack()
  after(() => opened.disposeAsync())
  let rgw: Rgw
  let sluice: Sluice

  before(async () => {
    rgw = opened.use(await openRgw())
    for (const bucket of ['things', 'many']) await rgw.createBucket(bucket)
    for (const key of ODD_KEYS) await rgw.putObject('things', key, `the object ${key}`)
    for (const key of KEYS_BELOW) await rgw.putObject('things', PREFIX + key, `below, ${key}`)
    await rgw.putObject('things', KEYS_WITH_DOT_SEGMENTS[0] ?? '', 'out of reach')
    const numbers = Array.from({ length: MANY }, (_, index) => index)
    for (let from = 0; from < MANY; from += 50) {
      const some = numbers.slice(from, from + 50)
      await Promise.all(
        some.map((number) => rgw.putObject('many', `a/${number % 7}/${number}`, '.')),
      )
    }
    sluice = opened.use(
      await openSluice({
        cache: { cache_layers: ['memory'], warming: { concurrency: 8, rate_limit: 100_000 } },
        admin: { token: TOKEN },
        buckets: [
          bucketAt('things', s3Of(rgw, 'things')),
          bucketAt('prefixed', s3Of(rgw, 'things', { key_prefix: PREFIX })),
          bucketAt('many', s3Of(rgw, 'many')),
          bucketAt('nowhere', s3Of(rgw, 'no-such-bucket')),
        ],
      }),
    )
  })

  function warm(order: object): Promise<Task> {
    const call = (method: string, path: string, options?: object) =>
      callAt(sluice.opsUrl, method, path, options)
    return prewarm({ call }, order)
  }

  async function misses(bucket: string, keys: readonly string[], say: string): Promise<string[]> {
    const wrong: string[] = []
    for (const key of keys) {
      const { headers, text } = await request(`${sluice.url}/${bucket}/${strictPath(key)}`)
      if (headers['x-cache'] !== 'HIT' || text !== say + key) {
        wrong.push(`${JSON.stringify(key)}: ${String(headers['x-cache'])} ${text}`)
      }
    }
    return wrong
  }

  test('every odd key of a bucket is found, and a hit afterwards', async () => {
    const { status, objects, problems } = await warm({ bucket: 'things' })
    const found = ODD_KEYS.length + KEYS_BELOW.length + 1
    assert.deepEqual([status, objects.found, objects.done], ['completed', found, found - 1])
    assert.deepEqual(problems, [{ key: KEYS_WITH_DOT_SEGMENTS[0], reason: 'invalid_path' }])
    assert.deepEqual(await misses('things', ODD_KEYS, 'the object '), [])
  })

  test('below a key prefix too', async () => {
    const { status, objects } = await warm({ bucket: 'prefixed' })
    assert.deepEqual([status, objects.done], ['completed', KEYS_BELOW.length])
    assert.deepEqual(await misses('prefixed', KEYS_BELOW, 'below, '), [])
  })

  test('pages are followed, and groups left out without recursion', async () => {
    const whole = await warm({ bucket: 'many', prefix: 'a/' })
    assert.deepEqual([whole.status, whole.objects.done], ['completed', MANY])
    const flat = await warm({ bucket: 'many', prefix: 'a/', recursive: false })
    assert.deepEqual([flat.status, flat.objects.found], ['completed', 0])
    const few = await warm({ bucket: 'many', max_files: 1001 })
    assert.deepEqual([few.objects.found, few.objects.skipped], [1001, 1001])
  })

  test('a bucket that is not there fails the task, and so does a gateway that is gone', async () => {
    const absent = await warm({ bucket: 'nowhere' })
    assert.deepEqual([absent.status, absent.reason], ['failed', 'origin_misconfigured'])
    await rgw.kill()
    const gone = await warm({ bucket: 'many' })
    assert.deepEqual([gone.status, gone.reason], ['failed', 'origin_unavailable'])
  })
})
