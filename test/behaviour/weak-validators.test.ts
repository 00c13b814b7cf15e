// Objects of origins that do not tell their versions apart for certain: they are delivered whole
// and in ranges, as any other, and bytes of two versions are not mixed.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { openDictatedOrigin } from '../support/dictated-origin.ts'
import type { Dictated } from '../support/dictated-origin.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { openSluice } from '../support/sluice.ts'

const KIB = 1024
/** More than one request to the origin asks for. */
const SIZE = 200 * KIB
const TEXT = Array.from({ length: SIZE }, (_, at) => at.toString(36).at(-1)).join('')
const OTHER = TEXT.toUpperCase()
/** Of an object that may be written again within the same second. */
const TO_COME = new Date(Date.now() + 60_000).toUTCString()

const origin = await openDictatedOrigin()
const sluice = await openSluice({
  cache: { cache_layers: ['memory'], slice_size: '64KiB', fetch_span: '64KiB' },
  buckets: ['kept', 'plain'].map((name) => ({
    name,
    path_prefix: `/${name}`,
    s3: {
      bucket: name,
      endpoint: origin.endpoint,
      credentials: 'anonymous',
      health_check: { enabled: false },
    },
    cache: { enabled: name === 'kept' },
  })),
})
after(async () => {
  await sluice.close()
  await origin[Symbol.asyncDispose]()
})

let keys = 0

type Headers = NonNullable<Dictated['headers']>
type Asking = (headers?: Record<string, string>, method?: string) => Promise<Answer>

function dictated(bucket: string, ...answers: readonly Dictated[]): Asking {
  const key = `object-${(keys += 1)}`
  origin.dictate(key, answers)
  return (headers = {}, method = 'GET') =>
    request(`${sluice.url}/${bucket}/${key}`, { headers, method })
}

const MANNERS: readonly (readonly [tells: string, headers: Headers])[] = [
  ['nothing', {}],
  ['a weak tag', { ETag: 'W/"a"' }],
  ['a weak tag and a date', { ETag: 'W/"a"', 'Last-Modified': 'Sun, 06 Nov 1994 08:49:37 GMT' }],
  ['a date', { 'Last-Modified': 'Sun, 06 Nov 1994 08:49:37 GMT' }],
  ['a date that is not past', { 'Last-Modified': TO_COME }],
]

for (const [tells, headers] of MANNERS) {
  describe(`an object of which the origin tells ${tells}`, () => {
    for (const bucket of ['kept', 'plain']) {
      const what = bucket === 'kept' ? '' : ', where nothing is kept'
      test(`is had whole, time and again${what}`, async () => {
        const ask = dictated(bucket, { headers, body: TEXT })
        for (let time = 0; time < 3; time += 1) {
          const { status, text } = await ask()
          assert.deepEqual([status, text === TEXT], [200, true])
        }
      })

      test(`is had by its end, also after a HEAD${what}`, async () => {
        for (const methods of [[], ['HEAD']]) {
          const ask = dictated(bucket, { headers, body: TEXT })
          for (const method of methods) assert.equal((await ask({}, method)).status, 200)
          const { status, text } = await ask({ Range: 'bytes=-100' })
          assert.deepEqual([status, text], [206, TEXT.slice(-100)])
        }
      })

      test(`is had in several ranges${what}`, async () => {
        const ask = dictated(bucket, { headers, body: TEXT })
        const { status, text } = await ask({ Range: `bytes=0-9,${SIZE - 10}-${SIZE - 1}` })
        assert.equal(status, 206)
        assert.ok(text.includes(`\r\n\r\n${TEXT.slice(0, 10)}\r\n`))
        assert.ok(text.includes(`\r\n\r\n${TEXT.slice(-10)}\r\n`))
      })
    }
  })
}

describe('an object that is written twice within a second', () => {
  for (const [tells, tag] of [
    ['no tag', {}],
    ['a weak tag', { ETag: 'W/"a"' }],
  ] as const) {
    test(`and has ${tells} is of one version, whatever was had of it before`, async () => {
      const headers = { ...tag, 'Last-Modified': TO_COME }
      const ask = dictated('kept', { headers, body: TEXT }, { headers, body: OTHER })
      assert.equal((await ask({ Range: 'bytes=0-9' })).text, TEXT.slice(0, 10))
      const { status, text } = await ask()
      assert.deepEqual([status, text === OTHER], [200, true])
    })
  }
})
