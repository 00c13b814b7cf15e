import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { generateBytes } from '../../dev/s3-server.ts'
import { readByteRanges } from '../support/byteranges.ts'
import { request, type Answer } from '../support/http.ts'
import { partMissing } from '../support/parts.ts'
import { openRgw } from '../support/rgw.ts'
import { openSluice, type Sluice } from '../support/sluice.ts'
import { bucketAt, s3Of } from './rgw-bucket.ts'

const SIZE = 100_000
const BYTES = generateBytes('ranged', 0, SIZE)
const LONG_AGO = 'Fri, 02 Jan 2015 03:04:05 GMT'
const OTHER = '"00000000000000000000000000000000"'

// Ceph knows neither If-Range nor several ranges, lists nor weak tags; its 304 has no ETag, and
// it answers the last 0 bytes with all of them.
describe('HTTP towards clients with Ceph behind', { skip: partMissing('radosgw') }, () => {
  const opened = new AsyncDisposableStack()
  after(() => opened.disposeAsync())
  let sluice: Sluice
  let etag = ''
  let modified = ''

  before(async () => {
    const rgw = opened.use(await openRgw())
    await rgw.createBucket('things')
    await rgw.putObject('things', 'empty', Buffer.alloc(0))
    await rgw.putObject('things', 'ranged', BYTES, { 'cache-control': 'max-age=60' })
    await rgw.putObject('things', 'described', 'é', DESCRIPTION)
    const buckets = [bucketAt('things', s3Of(rgw, 'things'))]
    sluice = opened.use(await openSluice({ buckets }))

    const { headers } = await ask('ranged', {}, 'HEAD')
    etag = headers.etag ?? ''
    modified = headers['last-modified'] ?? ''
  })

  const ask = (
    key: string,
    headers: Readonly<Record<string, string>> = {},
    method = 'GET',
  ): Promise<Answer> => request(`${sluice.url}/things/${key}`, { headers, method })

  for (const [range, first, end] of [
    ['bytes=0-9', 0, 10],
    ['bytes=99990-', 99_990, SIZE],
    ['bytes=-5', SIZE - 5, SIZE],
    ['bytes=-999999', 0, SIZE],
    ['bytes=99000-999999', 99_000, SIZE],
    ['bytes=0-0', 0, 1],
  ] as const) {
    test(`Range: ${range} gives exactly those bytes`, async () => {
      const { status, headers, body } = await ask('ranged', { range })
      assert.equal(status, 206)
      assert.equal(headers['content-range'], `bytes ${first}-${end - 1}/${SIZE}`)
      assert.equal(headers['content-length'], String(end - first))
      assert.ok(body.equals(BYTES.subarray(first, end)))
    })
  }

  for (const range of ['bytes=100000-', 'bytes=100000-100001', 'bytes=-0']) {
    test(`Range: ${range} lies outside, which is 416`, async () => {
      const { status, headers, text } = await ask('ranged', { range })
      assert.deepEqual([status, headers['content-range']], [416, `bytes */${SIZE}`])
      assert.equal(JSON.parse(text).error, 'range_not_satisfiable')
    })
  }

  for (const range of ['items=0-1', 'bytes=5-2', 'bytes=abc', 'junk', 'bytes=']) {
    test(`Range: ${range} is no range, so the whole object comes`, async () => {
      const { status, headers, body } = await ask('ranged', { range })
      assert.deepEqual([status, headers['content-range']], [200, undefined])
      assert.ok(body.equals(BYTES))
    })
  }

  test('several ranges come as one multipart body, each exact', async () => {
    const { status, headers, body } = await ask('ranged', { range: 'bytes=0-9,500-999,-7' })
    assert.equal(status, 206)
    assert.equal(headers['content-length'], String(body.length))
    const parts = readByteRanges(headers['content-type'], body)
    assert.deepEqual(
      parts.map(({ contentRange }) => contentRange),
      [`bytes 0-9/${SIZE}`, `bytes 500-999/${SIZE}`, `bytes ${SIZE - 7}-${SIZE - 1}/${SIZE}`],
    )
    assert.ok(parts[0]?.bytes.equals(BYTES.subarray(0, 10)))
    assert.ok(parts[1]?.bytes.equals(BYTES.subarray(500, 1000)))
    assert.ok(parts[2]?.bytes.equals(BYTES.subarray(SIZE - 7)))
  })

  test('a range of the version that If-Range names is given', async () => {
    for (const ifRange of [etag, modified]) {
      const { status, body } = await ask('ranged', { range: 'bytes=10-19', 'if-range': ifRange })
      assert.equal(status, 206)
      assert.ok(body.equals(BYTES.subarray(10, 20)))
    }
  })

  test('If-Range with another version gives the whole object', async () => {
    for (const ifRange of [OTHER, `W/${etag}`, LONG_AGO]) {
      const { status, headers, body } = await ask('ranged', {
        range: 'bytes=10-19',
        'if-range': ifRange,
      })
      assert.deepEqual([status, headers['content-range']], [200, undefined])
      assert.ok(body.equals(BYTES))
    }
  })

  const conditions: readonly (readonly [
    string,
    (known: Known) => Record<string, string>,
    number,
  ])[] = [
    ['If-None-Match with the ETag', ({ tag }) => ({ 'if-none-match': tag }), 304],
    ['If-None-Match with the weak ETag', ({ tag }) => ({ 'if-none-match': `W/${tag}` }), 304],
    ['If-None-Match with a list', ({ tag }) => ({ 'if-none-match': `${OTHER}, ${tag}` }), 304],
    ['If-None-Match: *', () => ({ 'if-none-match': '*' }), 304],
    ['If-None-Match with another', () => ({ 'if-none-match': OTHER }), 200],
    ['If-Match with the ETag', ({ tag }) => ({ 'if-match': tag }), 200],
    ['If-Match with a list', ({ tag }) => ({ 'if-match': `${OTHER}, ${tag}` }), 200],
    ['If-Match: *', () => ({ 'if-match': '*' }), 200],
    ['If-Match with another', () => ({ 'if-match': OTHER }), 412],
    ['If-Match with the weak ETag', ({ tag }) => ({ 'if-match': `W/${tag}` }), 412],
    ['If-Modified-Since its date', ({ date }) => ({ 'if-modified-since': date }), 304],
    ['If-Modified-Since long ago', () => ({ 'if-modified-since': LONG_AGO }), 200],
    ['If-Unmodified-Since its date', ({ date }) => ({ 'if-unmodified-since': date }), 200],
    ['If-Unmodified-Since long ago', () => ({ 'if-unmodified-since': LONG_AGO }), 412],
    [
      'another If-None-Match beside a met If-Modified-Since',
      ({ date }) => ({ 'if-none-match': OTHER, 'if-modified-since': date }),
      200,
    ],
  ]
  for (const [name, headersFor, expected] of conditions) {
    test(`${name} is ${expected}, to GET and HEAD alike`, async () => {
      for (const method of ['GET', 'HEAD']) {
        const { status, headers, body } = await ask(
          'ranged',
          headersFor({ tag: etag, date: modified }),
          method,
        )
        assert.equal(status, expected, method)
        if (expected === 412) continue
        assert.deepEqual([headers.etag, headers['last-modified']], [etag, modified])
        assert.equal(headers['cache-control'], 'max-age=60')
        assert.equal(body.length, expected === 200 && method === 'GET' ? SIZE : 0)
      }
    })
  }

  test('a HEAD tells what a GET would, and takes no notice of Range', async () => {
    const head = await ask('ranged', { range: 'bytes=0-9' }, 'HEAD')
    const got = await ask('ranged')
    assert.equal(head.status, 200)
    assert.equal(head.headers['content-length'], String(SIZE))
    for (const name of ['etag', 'last-modified', 'content-type', 'accept-ranges', 'cache-control'])
      assert.equal(head.headers[name], got.headers[name], name)
    assert.equal(got.headers['accept-ranges'], 'bytes')
  })

  test('an empty object has a length of 0, and no byte to range over', async () => {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers, body } = await ask('empty', {}, method)
      assert.deepEqual([status, headers['content-length'], body.length], [200, '0', 0])
      assert.equal(headers.etag, '"d41d8cd98f00b204e9800998ecf8427e"')
    }
    for (const range of ['bytes=0-', 'bytes=0-0', 'bytes=-0']) {
      const { status, headers } = await ask('empty', { range })
      assert.deepEqual([status, headers['content-range']], [416, 'bytes */0'])
    }
    // RFC 9110 §14.1.2: a suffix longer than the object is the object.
    assert.equal((await ask('empty', { range: 'bytes=-1' })).status, 200)
  })

  test('what the object says of itself is passed on, what Ceph says of itself is not', async () => {
    for (const method of ['GET', 'HEAD']) {
      const { headers } = await ask('described', {}, method)
      for (const [name, value] of Object.entries(DESCRIPTION)) assert.equal(headers[name], value)
      const inner = Object.keys(headers).filter((name) => /^x-amz-(?!meta-)|^x-rgw/.test(name))
      assert.deepEqual(inner, [])
    }
  })
})

interface Known {
  readonly tag: string
  readonly date: string
}

const DESCRIPTION: Readonly<Record<string, string>> = {
  'content-type': 'text/plain; charset=utf-8',
  'cache-control': 'public, max-age=300, s-maxage=600',
  'content-disposition': `attachment; filename="a b.txt"; filename*=UTF-8''%C3%A9.txt`,
  'content-language': 'de-CH, fr',
  'content-encoding': 'identity',
  expires: 'Fri, 01 Jan 2100 00:00:00 GMT',
  'x-amz-meta-colour': 'blue; or "green", 100%',
  'x-amz-meta-empty-ish': '0',
}
