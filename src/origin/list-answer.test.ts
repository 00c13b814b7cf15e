import assert from 'node:assert/strict'
import { test } from 'node:test'

import { OriginFailure } from './failure.ts'
import { readListPage } from './list-answer.ts'
import { listQuery } from './list-query.ts'
import type { ListQuestion } from './listing.ts'

const REPLICA = { name: 'r0', keyPrefix: '' }

function page(...inner: readonly string[]): string {
  return `<?xml version="1.0"?><ListBucketResult xmlns="x">${inner.join('')}</ListBucketResult>`
}

function object(key: string, more = ''): string {
  return `<Contents><Key>${key}</Key><Size>1</Size>${more}</Contents>`
}

const group = (prefix: string) => `<CommonPrefixes><Prefix>${prefix}</Prefix></CommonPrefixes>`
const URL_ENCODED = '<EncodingType>url</EncodingType>'
const END = '<IsTruncated>false</IsTruncated>'
const MORE = '<IsTruncated>true</IsTruncated><NextContinuationToken>t1</NextContinuationToken>'

test('a page tells its objects and its groups', () => {
  const facts = '<ETag>&quot;e&quot;</ETag><LastModified>2026-11-20T00:00:00.000Z</LastModified>'
  const xml = page(END, URL_ENCODED, object('a%2Fb+%C3%A9%2B', facts), group('a%2Fc%2F'))
  assert.deepEqual(readListPage(xml, { prefix: 'a/', delimiter: '/' }, REPLICA), {
    kind: 'page',
    objects: [
      {
        key: 'a/b é+',
        size: 1,
        etag: '"e"',
        lastModified: '2026-11-20T00:00:00.000Z',
        storageClass: undefined,
      },
    ],
    prefixes: ['a/c/'],
    next: undefined,
  })
})

test('names that are not encoded are taken as they are', () => {
  const { objects } = readListPage(page(END, object('a+b%20c')), { prefix: '' }, REPLICA)
  assert.deepEqual(
    objects.map(({ key }) => key),
    ['a+b%20c'],
  )
})

test('the key prefix of the replica is taken away, and is no key itself', () => {
  const below = { name: 'r0', keyPrefix: 'deep/' }
  const xml = page(MORE, object('deep/'), object('deep/a'), group('deep/b/'))
  const { objects, prefixes, next } = readListPage(xml, { prefix: '' }, below)
  assert.deepEqual([objects.map(({ key }) => key), prefixes], [['a'], ['b/']])
  assert.deepEqual(next, { after: 'b/', token: 't1', replica: 'r0' })
})

test('the next page begins behind the last name, by its bytes', () => {
  const lastOf = (...names: readonly string[]): string | undefined =>
    readListPage(page(MORE, ...names), { prefix: '' }, REPLICA).next?.after
  assert.equal(lastOf(object('a'), object('c'), group('b/')), 'c')
  assert.equal(lastOf(object('a'), group('b/')), 'b/')
  assert.equal(lastOf(object('\u{1F600}'), group('\uFF5E/')), '\u{1F600}')
})

test('whoever goes on in place of another is not told again what was told', () => {
  const from = { after: 'b/', token: 'of another', replica: 'r1' }
  const xml = page(END, object('a'), group('b/'), object('c'))
  const { objects, prefixes } = readListPage(xml, { prefix: '', from }, REPLICA)
  assert.deepEqual([objects.map(({ key }) => key), prefixes], [['c'], []])
  const own = readListPage(xml, { prefix: '', from: { ...from, replica: 'r0' } }, REPLICA)
  assert.equal(own.objects.length, 2)
})

const REFUSED: readonly (readonly [reason: string, xml: string, question?: ListQuestion])[] = [
  ['nothing', ''],
  ['a page of a proxy', '<html><body>Sign in</body></html>'],
  ['half of one', page(END, object('a')).slice(0, -10)],
  ['no word of its end', page(object('a'))],
  ['another word of its end', page('<IsTruncated>maybe</IsTruncated>')],
  ['two words of its end', page(END, END)],
  ['more to come, and no way there', page('<IsTruncated>true</IsTruncated>')],
  [
    'a way that leads back',
    page(MORE, object('a')),
    { prefix: '', from: { after: 'a', token: 't1', replica: 'r0' } },
  ],
  ['an object without a key', page(END, '<Contents><Size>1</Size></Contents>')],
  ['an object without a size', page(END, '<Contents><Key>a</Key></Contents>')],
  ['an object of another size', page(END, '<Contents><Key>a</Key><Size>-1</Size></Contents>')],
  ['a key with two names', page(END, object('a', '<Key>b</Key>'))],
  ['a key that is not encoded', page(END, URL_ENCODED, object('100%'))],
  ['a key that is no UTF-8', page(END, URL_ENCODED, object('%FF'))],
  ['a key outside of the prefix', page(END, object('b')), { prefix: 'a' }],
  ['a group outside of the prefix', page(END, group('b/')), { prefix: 'a' }],
]

for (const [reason, xml, question = { prefix: '' }] of REFUSED) {
  test(`${reason} is a failure of the replica`, () => {
    assert.throws(
      () => readListPage(xml, question, REPLICA),
      (error) => error instanceof OriginFailure && error.kind === 'protocol',
    )
  })
}

test('a listing is asked for in pages of a thousand, encoded, behind the key prefix', () => {
  const below = { name: 'r0', keyPrefix: 'deep/er+ ' }
  assert.equal(
    listQuery({ prefix: 'é', delimiter: '/' }, below),
    'delimiter=%2F&encoding-type=url&list-type=2&max-keys=1000&prefix=deep%2Fer%2B%20%C3%A9',
  )
  assert.equal(
    listQuery({ prefix: '', maxKeys: 7 }, REPLICA),
    'encoding-type=url&list-type=2&max-keys=7',
  )
})

test('the mark of a place is shown to the replica it is of, and to others the last name', () => {
  const from = { after: 'b', token: 'a+/=', replica: 'r0' }
  const asked = (name: string): string =>
    listQuery({ prefix: '', from }, { name, keyPrefix: 'deep/' })
  assert.match(asked('r0'), /^continuation-token=a%2B%2F%3D&/)
  assert.match(asked('r1'), /&start-after=deep%2Fb$/)
})
