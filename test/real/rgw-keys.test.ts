import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { request, sha256 } from '../support/http.ts'
import { partMissing } from '../support/parts.ts'
import { openRgw } from '../support/rgw.ts'
import { openSluice, type Sluice } from '../support/sluice.ts'
import { KEYS_WITH_DOT_SEGMENTS, lenientPath, ODD_KEYS, strictPath } from './odd-keys.ts'
import { bucketAt, s3Of } from './rgw-bucket.ts'

const PREFIX = 'below/this+é/'
const KEYS_BELOW = ODD_KEYS.filter((key) => Buffer.byteLength(PREFIX + key) <= 1024)
const RESOLVER = new URL('resolve-test-names.ts', import.meta.url).href

describe('objects with odd keys, kept by Ceph', { skip: partMissing('radosgw') }, () => {
  const opened = new AsyncDisposableStack()
  after(() => opened.disposeAsync())
  let sluice: Sluice

  before(async () => {
    const rgw = opened.use(await openRgw({ dnsName: 's3.test' }))
    await rgw.createBucket('things')
    for (const key of [...ODD_KEYS, ...KEYS_WITH_DOT_SEGMENTS]) {
      await rgw.putObject('things', key, contentOf(key))
    }
    for (const key of KEYS_BELOW) {
      await rgw.putObject('things', PREFIX + key, contentOf(PREFIX + key))
    }
    await rgw.putObject('things', 'y', 'what a folded path would give')
    const virtual = { endpoint: `http://s3.test:${rgw.port}`, addressing: 'virtual' }
    const buckets = [
      bucketAt('path', s3Of(rgw, 'things')),
      bucketAt('virtual', s3Of(rgw, 'things', virtual)),
      bucketAt('prefixed', s3Of(rgw, 'things', { key_prefix: PREFIX })),
      bucketAt('virtual-prefixed', s3Of(rgw, 'things', { ...virtual, key_prefix: PREFIX })),
    ]
    sluice = opened.use(
      await openSluice({ buckets }, { env: { NODE_OPTIONS: `--import=${RESOLVER}` } }),
    )
  })

  for (const { place, prefix, keys } of [
    { place: 'path', prefix: '', keys: ODD_KEYS },
    { place: 'virtual', prefix: '', keys: ODD_KEYS },
    { place: 'prefixed', prefix: PREFIX, keys: KEYS_BELOW },
    { place: 'virtual-prefixed', prefix: PREFIX, keys: KEYS_BELOW },
  ]) {
    test(`${keys.length} keys are read byte for byte from the bucket '${place}'`, async () => {
      const wrong: string[] = []
      for (const key of keys) {
        const expected = Buffer.from(contentOf(prefix + key))
        for (const spelt of new Set([strictPath(key), lenientPath(key)])) {
          const { status, body, text } = await request(`${sluice.url}/${place}/${spelt}`)
          if (status !== 200 || !body.equals(expected)) wrong.push(`${spelt}: ${status} ${text}`)
        }
      }
      assert.deepEqual(wrong, [])
    })
  }

  test('a HEAD of every odd key tells its length and ETag', async () => {
    const wrong: string[] = []
    for (const key of ODD_KEYS) {
      const url = `${sluice.url}/path/${strictPath(key)}`
      const { status, headers, body } = await request(url, { method: 'HEAD' })
      const got = await request(url)
      const isSame = headers['etag'] === got.headers['etag'] && headers['etag'] !== undefined
      const length = String(Buffer.byteLength(contentOf(key)))
      if (status !== 200 || headers['content-length'] !== length || !isSame || body.length > 0)
        wrong.push(`${key}: ${status} ${JSON.stringify(headers)}`)
    }
    assert.deepEqual(wrong, [])
  })

  test('an escaped slash is a slash in the key', async () => {
    const { text } = await request(`${sluice.url}/path/double%2F%2fslash`)
    assert.equal(text, contentOf('double//slash'))
  })

  test('a path with dot segments is refused as invalid_path, although the object exists', async () => {
    const paths = KEYS_WITH_DOT_SEGMENTS.flatMap((key) => [key, key.replaceAll('.', '%2e')])
    const answers = await Promise.all(
      paths.map(async (path) => {
        const { status, text } = await request(`${sluice.url}/path/${path}`)
        return `${path}: ${status} ${errorOf(text)}`
      }),
    )
    assert.deepEqual(
      answers,
      paths.map((path) => `${path}: 400 invalid_path`),
    )
  })

  test('a key that does not exist is 404, a longer one than S3 keeps is an invalid path', async () => {
    const ask = async (place: string, key: string): Promise<unknown[]> => {
      const { status, text } = await request(`${sluice.url}/${place}/${strictPath(key)}`)
      return [status, errorOf(text)]
    }
    assert.deepEqual(await ask('path', 'no/such+key é'), [404, 'not_found'])
    assert.deepEqual(await ask('path', 'x'.repeat(1025)), [400, 'invalid_path'])
    assert.equal((await ask('prefixed', 'x'.repeat(1024)))[0], 400)
  })
})

function contentOf(key: string): string {
  return `the object ${key} ${sha256(key).repeat(20)}`
}

function errorOf(text: string): string {
  return String(JSON.parse(text).error)
}
