// What whoever stands before us has to know of an answer, besides the object: by what it differs, and
// how old it is, kept here or not.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { openDictatedOrigin } from '../support/dictated-origin.ts'
import { request } from '../support/http.ts'
import { openSluice } from '../support/sluice.ts'

const origin = await openDictatedOrigin()
const OLD = 'Sat, 01 Aug 2026 10:00:00 GMT'
const bucket = (name: string, cache: object): object => ({
  name,
  path_prefix: `/${name}`,
  s3: { bucket: 'b', endpoint: origin.endpoint, credentials: 'anonymous' },
  cache,
})
const sluice = await openSluice({
  cache: { cache_layers: ['memory'] },
  buckets: [
    bucket('kept', {}),
    bucket('varied', { vary: ['Accept-Language'] }),
    bucket('past', { enabled: false }),
  ],
})
after(async () => {
  await sluice.close()
  await origin[Symbol.asyncDispose]()
})

const PLAIN = { etag: '"a"', 'cache-control': 'max-age=60' }
origin.dictate('plain', [{ headers: PLAIN, body: 'x' }])
origin.dictate('varied', [{ headers: { ...PLAIN, vary: 'Accept, Accept-Encoding' }, body: 'x' }])
origin.dictate('star', [{ headers: { ...PLAIN, vary: '*' }, body: 'x' }])
origin.dictate('old', [{ headers: { ...PLAIN, date: OLD, age: '7200' }, body: 'x' }])
origin.dictate('private', [
  { headers: { etag: '"a"', 'cache-control': 'private', date: OLD, age: '7200' }, body: 'x' },
])
origin.dictate('odd', [{ headers: { etag: '"a"', age: 'a while' }, body: 'x' }])

async function fields(path: string, headers = {}): Promise<Readonly<Record<string, unknown>>> {
  const answer = await request(`${sluice.url}${path}`, { headers })
  return { ...answer.headers, status: answer.status }
}

describe('Vary', () => {
  test('is the origin’s, on what is fetched, on what is kept, and on a 304', async () => {
    for (const headers of [{}, {}, { 'if-none-match': '"a"' }]) {
      assert.equal((await fields('/kept/varied', headers))['vary'], 'Accept, Accept-Encoding')
    }
    assert.equal((await fields('/past/varied'))['vary'], 'Accept, Accept-Encoding')
  })

  test('names what the bucket’s cache goes by, too', async () => {
    assert.equal((await fields('/varied/plain'))['vary'], 'accept-language')
    assert.equal((await fields('/varied/plain'))['vary'], 'accept-language')
    const both = 'Accept, Accept-Encoding, accept-language'
    assert.equal((await fields('/varied/varied'))['vary'], both)
    assert.equal((await fields('/varied/star'))['vary'], '*')
  })

  test('is not said where nothing differs', async () => {
    assert.equal((await fields('/kept/plain'))['vary'], undefined)
  })
})

describe('Date and Age', () => {
  for (const path of ['/past/old', '/past/private', '/kept/private']) {
    test(`are those that the origin says, where nothing is kept: ${path}`, async () => {
      const { date, age } = await fields(path)
      assert.deepEqual([date, age], [OLD, '7200'])
    })
  }

  test('an Age that is none is not passed on', async () => {
    assert.equal((await fields('/past/odd'))['age'], undefined)
  })
})
