// Conditional requests (RFC 9110 §13), answered the same whatever the S3 behind makes of them.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import type { Answer } from '../support/http.ts'
import { openServed } from '../support/served.ts'

const BODY = 'the bytes of the object'
const MODIFIED = 'Sun, 06 Nov 1994 08:49:37 GMT'
const EARLIER = 'Sun, 06 Nov 1994 08:49:36 GMT'
const LATER = 'Sun, 06 Nov 1994 08:49:38 GMT'
const EXPIRES = 'Thu, 01 Dec 1994 16:00:00 GMT'

const served = await openServed({ buckets: { aws: {}, ceph: { quirks: 'ceph' } } })
after(() => served.close())
for (const bucket of ['aws', 'ceph']) {
  served.put(bucket, 'object', BODY, {
    etag: '"tag"',
    lastModified: new Date(MODIFIED),
    cacheControl: 'max-age=60',
    expires: EXPIRES,
    contentType: 'text/x-test',
    metadata: { colour: 'blue' },
  })
}

type Headers = Readonly<Record<string, string>>

/** Why, the conditions, and the status they lead to. */
const cases: readonly (readonly [string, Headers, 200 | 304 | 412])[] = [
  ['If-Match names the object', { 'If-Match': '"tag"' }, 200],
  ['If-Match lists it', { 'If-Match': '"a", "tag" ,"b"' }, 200],
  ['If-Match takes any', { 'If-Match': '*' }, 200],
  ['If-Match names another', { 'If-Match': '"other"' }, 412],
  ['If-Match lists others', { 'If-Match': '"a", "b"' }, 412],
  ['If-Match is weak, and compares strongly', { 'If-Match': 'W/"tag"' }, 412],

  ['If-None-Match names the object', { 'If-None-Match': '"tag"' }, 304],
  ['If-None-Match lists it', { 'If-None-Match': '"a","tag"' }, 304],
  ['If-None-Match is weak, and compares weakly', { 'If-None-Match': 'W/"tag"' }, 304],
  ['If-None-Match lists it weakly', { 'If-None-Match': '"a", W/"tag"' }, 304],
  ['If-None-Match takes any', { 'If-None-Match': '*' }, 304],
  ['If-None-Match names another', { 'If-None-Match': '"other"' }, 200],
  ['If-None-Match has lost its quotes', { 'If-None-Match': 'other' }, 200],

  ['not modified since its date', { 'If-Modified-Since': MODIFIED }, 304],
  ['not modified since a later date', { 'If-Modified-Since': LATER }, 304],
  ['modified since an earlier date', { 'If-Modified-Since': EARLIER }, 200],
  ['the date is of RFC 850', { 'If-Modified-Since': 'Sunday, 06-Nov-94 08:49:37 GMT' }, 304],
  ['the date is of asctime', { 'If-Modified-Since': 'Sun Nov  6 08:49:37 1994' }, 304],
  ['an invalid date is ignored', { 'If-Modified-Since': 'yesterday' }, 200],
  [
    'a date of another zone is ignored',
    { 'If-Modified-Since': `${MODIFIED.slice(0, -3)}CET` },
    200,
  ],

  ['unmodified since its date', { 'If-Unmodified-Since': MODIFIED }, 200],
  ['unmodified since a later date', { 'If-Unmodified-Since': LATER }, 200],
  ['modified since the earlier date', { 'If-Unmodified-Since': EARLIER }, 412],
  ['modified since, in RFC 850', { 'If-Unmodified-Since': 'Sunday, 06-Nov-94 08:49:36 GMT' }, 412],
  ['modified since, in asctime', { 'If-Unmodified-Since': 'Sun Nov  6 08:49:36 1994' }, 412],
  ['an invalid date is ignored', { 'If-Unmodified-Since': '2994-01-01' }, 200],

  [
    'If-Match stands before If-Unmodified-Since (§13.2.2)',
    { 'If-Match': '"tag"', 'If-Unmodified-Since': EARLIER },
    200,
  ],
  [
    'If-None-Match stands before If-Modified-Since',
    { 'If-None-Match': '"other"', 'If-Modified-Since': LATER },
    200,
  ],
  [
    'If-None-Match stands before an If-Modified-Since that is past',
    { 'If-None-Match': '"tag"', 'If-Modified-Since': EARLIER },
    304,
  ],
  ['If-Match fails first', { 'If-Match': '"other"', 'If-None-Match': '"tag"' }, 412],
  ['If-Match holds, If-None-Match decides', { 'If-Match': '"tag"', 'If-None-Match': '"tag"' }, 304],
  [
    'If-Unmodified-Since fails first',
    { 'If-Unmodified-Since': EARLIER, 'If-Modified-Since': LATER },
    412,
  ],
]

function check(answer: Answer, status: number, isHead: boolean): void {
  assert.equal(answer.status, status)
  if (status === 200) {
    assert.equal(answer.text, isHead ? '' : BODY)
    assert.equal(answer.headers['content-length'], String(BODY.length))
  } else if (status === 304) {
    assert.equal(answer.text, '')
    assert.equal(answer.headers['content-length'], undefined)
    assert.equal(answer.headers['transfer-encoding'], undefined)
    assert.equal(answer.headers['content-type'], undefined)
  } else if (!isHead) {
    assert.equal(JSON.parse(answer.text).error, 'precondition_failed')
  }
}

for (const bucket of ['aws', 'ceph']) {
  describe(`in front of an S3 like ${bucket}`, () => {
    for (const [why, headers, status] of cases) {
      test(`${status}: ${why} ${JSON.stringify(headers)}`, async () => {
        check(await served.ask(`/${bucket}/object`, { headers }), status, false)
        check(await served.ask(`/${bucket}/object`, { headers, method: 'HEAD' }), status, true)
      })
    }

    test('a 304 carries what the 200 would of ETag, dates and caching (§15.4.5)', async () => {
      const headers = { 'If-None-Match': '"tag"' }
      const whole = await served.ask(`/${bucket}/object`)
      for (const method of ['GET', 'HEAD']) {
        const unchanged = await served.ask(`/${bucket}/object`, { headers, method })
        for (const name of ['etag', 'last-modified', 'cache-control', 'expires']) {
          assert.notEqual(unchanged.headers[name], undefined, name)
          assert.equal(unchanged.headers[name], whole.headers[name], name)
        }
        assert.equal(unchanged.headers['x-amz-meta-colour'], undefined)
      }
    })

    test('a precondition stands before the range', async () => {
      const ask = (headers: Headers): Promise<Answer> =>
        served.ask(`/${bucket}/object`, { headers: { ...headers, Range: 'bytes=4-8' } })
      const past = (headers: Headers): Promise<Answer> =>
        served.ask(`/${bucket}/object`, { headers: { ...headers, Range: 'bytes=999-' } })
      assert.equal((await ask({ 'If-None-Match': '"tag"' })).status, 304)
      assert.equal((await ask({ 'If-Match': '"other"' })).status, 412)
      assert.equal((await past({ 'If-None-Match': '"tag"' })).status, 304)
      assert.equal((await past({ 'If-Match': '"other"' })).status, 412)
      assert.equal((await past({ 'If-Match': '"tag"' })).status, 416)
      const part = await ask({ 'If-Match': '"tag"' })
      assert.equal(part.status, 206)
      assert.equal(part.text, 'bytes')
      assert.equal((await ask({ 'If-None-Match': '"other"' })).text, 'bytes')
    })

    test('conditions on what is not there are a 404', async () => {
      for (const name of ['If-Match', 'If-None-Match']) {
        const answer = await served.ask(`/${bucket}/none`, { headers: { [name]: '*' } })
        assert.equal(answer.status, 404)
      }
    })
  })
}
