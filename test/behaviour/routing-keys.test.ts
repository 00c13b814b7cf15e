// From the path of a request to the key of an object, byte for byte: decoded once on this side,
// encoded as S3 signs it on the other.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { openServed } from '../support/served.ts'

const served = await openServed({
  buckets: {
    aws: {},
    ceph: { quirks: 'ceph' },
    root: { settings: { path_prefix: '/' } },
    below: { s3: { key_prefix: 'deep/er/' } },
  },
})
after(() => served.close())

const KEYS = [
  'plain.txt',
  'a+b',
  'a b',
  'a%20b',
  'p%41',
  '%',
  '100%',
  'é',
  'e\u0301',
  '日本語/ファイル',
  '😀.png',
  'a//b',
  '/leading',
  '//twice',
  'trailing/',
  'trailing//',
  'q?x=1',
  'h#y',
  'semi;colon',
  "at=:,@()!'*",
  'tilde~dash-dot.under_',
  'back\\slash',
  'quote"and<angle>&amp;',
  'brackets[{|}]^`$',
  'dots/...',
  '.hidden/..twice',
  'tab\tline\u0001',
  'x'.repeat(1024),
  'é'.repeat(512),
]

for (const bucket of ['aws', 'ceph']) {
  describe(`in front of an S3 like ${bucket}`, () => {
    for (const key of KEYS) {
      const name = key.length > 40 ? `${key.slice(0, 4)}… of ${Buffer.byteLength(key)} bytes` : key
      test(`the key ${JSON.stringify(name)} is reached`, async () => {
        served.put(bucket, key, `at ${key}`)
        const path = key.split('/').map(encodeURIComponent).join('/')
        const answer = await served.ask(`/${bucket}/${path}`)
        assert.equal(answer.status, 200)
        assert.equal(answer.text, `at ${key}`)
      })
    }

    test('an encoded slash is a slash, and escapes are read in either case', async () => {
      served.put(bucket, 'dir/é+', 'here')
      for (const path of ['dir/%C3%A9+', 'dir%2F%C3%A9+', 'dir%2f%c3%a9%2b', '%64ir/%C3%a9%2B']) {
        assert.equal((await served.ask(`/${bucket}/${path}`)).text, 'here')
      }
    })
  })
}

describe('a path is refused', () => {
  for (const path of [
    '/aws/x/../y',
    '/aws/../aws/x',
    '/aws/./x',
    '/aws/x/..',
    '/aws/x/.',
    '/..',
    '/aws/%2e%2e/x',
    '/aws/.%2E/x',
    '/aws/x%2F..%2Fy',
    '/aws/x%2f%2e%2e',
    '/aws/%00',
    '/aws/x%00.png',
    '/aws/%',
    '/aws/%4',
    '/aws/%zz',
    '/aws/%ff',
    '/aws/%c0%ae%c0%ae/x',
    '/aws/%ed%a0%80',
  ]) {
    test(`when it is ${path}`, async () => {
      served.aws.clearRequests()
      const answer = await served.ask(path)
      assert.equal(answer.status, 400)
      assert.equal(JSON.parse(answer.text).error, 'invalid_path')
      assert.equal(served.aws.requests.length, 0)
    })
  }

  test('when its key is longer than any that S3 has', async () => {
    served.aws.clearRequests()
    for (const key of ['x'.repeat(1025), '%C3%A9'.repeat(513), '%E2%82%AC'.repeat(342)]) {
      const answer = await served.ask(`/aws/${key}`)
      assert.equal(answer.status, 400)
      assert.equal(JSON.parse(answer.text).error, 'invalid_path')
    }
    assert.equal(served.aws.requests.length, 0)
  })
})

test('two encodings deep is one encoding deep: nothing is decoded twice', async () => {
  served.put('aws', '%2e%2e/x', 'the dots are letters')
  assert.equal((await served.ask('/aws/%252e%252e/x')).text, 'the dots are letters')
  assert.equal(served.aws.requests.at(-1)?.rawPath, '/aws/%252e%252e/x')
})

test('the query is no part of the key', async () => {
  served.put('aws', 'asked', 'here')
  assert.equal((await served.ask('/aws/asked?a=/../b&c=%zz')).text, 'here')
  assert.equal((await served.ask('/aws/asked?')).text, 'here')
})

test('under "/" a key begins right after the slash', async () => {
  served.put('root', '/x', 'with a slash')
  served.put('root', 'x', 'without')
  assert.equal((await served.ask('/x')).text, 'without')
  assert.equal((await served.ask('//x')).text, 'with a slash')
})

test('key_prefix stands before every key, and keeps the rest of the bucket out of reach', async () => {
  served.put('below', 'deep/er/x', 'below')
  served.put('below', 'x', 'above')
  assert.equal((await served.ask('/below/x')).text, 'below')
  assert.equal((await served.ask('/below/deep/er/x')).status, 404)
})
