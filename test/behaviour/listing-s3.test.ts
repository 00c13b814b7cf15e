// A bucket listed in S3's own words, both versions of them, through the real port.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { openFleet } from '../support/fleet.ts'
import { request } from '../support/http.ts'
import type { Answer, RequestOptions } from '../support/http.ts'
import { readS3Page } from '../support/listed.ts'
import type { S3Page } from '../support/listed.ts'
import { assertMoves } from '../support/metrics.ts'
import { openSluice } from '../support/sluice.ts'

const KEYS = ['/lead', 'a b+c%41', 'a.txt', 'dir/', 'dir/b.txt', 'dir/deep/c.txt', 'é/😀', 'x/../y']
/** With objects that are named as directories are. */
const MARKED = ['dir/', 'dir/b.txt', 'dir/deep/c.txt', 'x//', 'x//y']
const MANY = 2300
const S3_CLIENT = { headers: { 'x-amz-date': '20260101T000000Z' } }

let front: Front

before(async () => {
  front = await openFront(
    { server: { threads: 2 } },
    {
      buckets: (at) => [
        bucketAt(at, { name: 'things', listing: 's3' }),
        bucketAt(at, { name: 'site', listing: 's3', index_document: 'index.html' }),
        bucketAt(at, { name: 'inside', listing: 's3', s3: { key_prefix: 'dir/' } }),
        bucketAt(at, {
          name: 'u',
          path_prefix: '/u/{tenant}',
          listing: 's3',
          s3: { key_prefix: '{tenant}/' },
        }),
        bucketAt(at, { name: 'marked', listing: 's3', s3: { bucket: 'marked' } }),
        bucketAt(at, { name: 'hidden', listing: 's3', s3: { bucket: 'many' } }),
        bucketAt(at, { name: 'guarded', path_prefix: '/hidden/g1', s3: { bucket: 'many' } }),
        bucketAt(at, { name: 'root', path_prefix: '/', hosts: ['root.test'], listing: 's3' }),
      ],
    },
  )
  for (const key of KEYS) front.put(key, `object ${key}`)
  front.put('index.html', 'the index')
  front.s3.createBucket('marked')
  for (const key of MARKED) front.s3.putObject('marked', key, 'x')
  front.s3.createBucket('many')
  for (let index = 0; index < MANY; index += 1)
    front.s3.putObject('many', `g${index % 3}/k${index}`, 'x')
})
after(() => front[Symbol.asyncDispose]())

const ask = (path: string, options?: RequestOptions): Promise<Answer> =>
  request(`${front.url}${path}`, options)

const listings = (): number =>
  front.s3.requests.filter(({ rawTarget }) => rawTarget.includes('list-type')).length

async function listed(path: string, options?: RequestOptions): Promise<S3Page> {
  const answer = await ask(path, options)
  assert.deepEqual(
    [answer.status, answer.headers['content-type']],
    [200, 'application/xml'],
    answer.text,
  )
  return readS3Page(answer.text)
}

/** In S3's order, which is that of their bytes. */
const ALL = [...KEYS, 'index.html'].toSorted((a, b) =>
  Buffer.compare(Buffer.from(a), Buffer.from(b)),
)

describe('the second version', () => {
  test('tells every key in their order, with what clients need of each', async () => {
    const { text } = await ask('/things?list-type=2')
    const { keys, said } = readS3Page(text)
    assert.deepEqual(keys, ALL)
    assert.deepEqual(said, {
      Name: 'things',
      Prefix: '',
      KeyCount: '9',
      MaxKeys: '1000',
      IsTruncated: 'false',
    })
    assert.match(
      text,
      /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<ListBucketResult xmlns="http:\/\/s3\.amazonaws\.com\/doc\/2006-03-01\/">/,
    )
    assert.match(
      text,
      /<Contents><Key>a\.txt<\/Key><LastModified>[\dT:.-]+Z<\/LastModified><ETag>&quot;\w{32}&quot;<\/ETag><Size>12<\/Size><StorageClass>STANDARD<\/StorageClass><\/Contents>/,
    )
  })

  test('groups by a delimiter, below a prefix', async () => {
    const { keys, groups, said } = await listed('/things/?list-type=2&prefix=dir/&delimiter=%2F')
    assert.deepEqual([keys, groups], [['dir/', 'dir/b.txt'], ['dir/deep/']])
    assert.deepEqual([said['Prefix'], said['Delimiter'], said['KeyCount']], ['dir/', '/', '3'])
  })

  test('encodes names where it is asked to', async () => {
    const { keys, said } = await listed(
      '/things?list-type=2&encoding-type=url&prefix=a+b&start-after=a%20a',
    )
    assert.deepEqual(keys, ['a%20b%2Bc%2541'])
    assert.deepEqual(
      [said['Prefix'], said['StartAfter'], said['EncodingType']],
      ['a%20b', 'a%20a', 'url'],
    )
  })

  test('begins after a name', async () => {
    assert.deepEqual((await listed('/things?list-type=2&start-after=index.html')).keys, [
      'x/../y',
      'é/😀',
    ])
  })

  test('goes on by its token, to the end, whatever the pages and the groups', async () => {
    for (const [query, count] of [
      ['', MANY],
      ['&max-keys=700', MANY],
      ['&max-keys=1&delimiter=/', 3],
      ['&max-keys=2&delimiter=/', 3],
      ['&delimiter=0', undefined],
    ] as const) {
      const names: string[] = []
      let token: string | undefined
      do {
        const from = token === undefined ? '' : `&continuation-token=${token}`
        const page = await listed(`/hidden?list-type=2${query}${from}`, { headers: { host: 'x' } })
        names.push(...page.keys, ...page.groups)
        assert.equal(page.said['KeyCount'], String(page.keys.length + page.groups.length))
        assert.equal(page.said['ContinuationToken'], token)
        token = page.said['NextContinuationToken']
        assert.equal(page.said['IsTruncated'], String(token !== undefined))
      } while (token !== undefined)
      assert.equal(new Set(names).size, names.length, query)
      // What a longer prefix has taken is not told.
      assert.ok(
        names.every((name) => !name.startsWith('g1/')),
        query,
      )
      if (count === 3) assert.deepEqual(names, ['g0/', 'g2/'])
      else if (count !== undefined) assert.equal(names.length, count - Math.ceil((count - 1) / 3))
    }
  })

  test('goes on behind all of a group, wherever a server begins', async () => {
    const { said } = await listed('/hidden?list-type=2&max-keys=1&delimiter=/')
    const token = said['NextContinuationToken'] ?? ''
    await listed(`/hidden?list-type=2&max-keys=1&delimiter=/&continuation-token=${token}`)
    const last = front.s3.requests.findLast(({ rawTarget }) => rawTarget.includes('start-after'))
    const [, after] = last?.query.find(([name]) => name === 'start-after') ?? []
    assert.equal(after, 'g0/\u{10ffff}')
  })

  test('tells no more than a thousand names, and none where none are asked for', async () => {
    const { keys, said } = await listed('/hidden?list-type=2&max-keys=5000&prefix=g0/')
    assert.deepEqual([keys.length, said['MaxKeys'], said['IsTruncated']], [767, '1000', 'false'])
    const none = await listed('/hidden?list-type=2&max-keys=0')
    assert.deepEqual([none.keys.length, none.said['IsTruncated']], [0, 'false'])
  })
})

describe('the first version', () => {
  test('is what is asked without a list-type', async () => {
    const { keys, groups, said } = await listed('/things?delimiter=/&max-keys=1000&prefix=')
    assert.deepEqual(
      [keys, groups],
      [
        ['a b+c%41', 'a.txt', 'index.html'],
        ['/', 'dir/', 'x/', 'é/'],
      ],
    )
    assert.deepEqual(
      [said['Marker'], said['KeyCount'], said['NextMarker']],
      ['', undefined, undefined],
    )
    assert.deepEqual((await listed('/things/')).keys, ALL)
  })

  test('goes on by its marker, that of a group too', async () => {
    const names: string[] = []
    let marker = ''
    do {
      const page = await listed(
        `/things?delimiter=/&max-keys=2&marker=${encodeURIComponent(marker)}`,
      )
      names.push(...page.keys, ...page.groups)
      marker = page.said['NextMarker'] ?? ''
    } while (marker !== '')
    assert.deepEqual(
      names.toSorted(),
      ['/', 'a b+c%41', 'a.txt', 'dir/', 'index.html', 'x/', 'é/'].toSorted(),
    )
    assert.deepEqual((await listed('/things?delimiter=/&marker=dir/')).groups, ['x/', 'é/'])
  })

  test('takes no key for a group for its end', async () => {
    for (const [query, names] of [
      ['prefix=dir/&delimiter=/', ['dir/', 'dir/b.txt', 'dir/deep/']],
      ['prefix=dir&delimiter=/', ['dir/']],
      // Half of the delimiter is the end of the prefix.
      ['prefix=x/&delimiter=//', ['x//', 'x//y']],
    ] as const) {
      const told: string[] = []
      let marker: string | undefined = ''
      do {
        const page = await listed(`/marked?${query}&max-keys=1&marker=${marker}`)
        told.push(...page.keys, ...page.groups)
        marker = page.said['NextMarker']
      } while (marker !== undefined)
      assert.deepEqual(told, names, query)
    }
    assert.deepEqual((await listed('/marked?prefix=dir/d&delimiter=/&marker=dir/')).groups, [
      'dir/deep/',
    ])
  })
})

test('a bucket is there, and has a place, and no other side', async () => {
  const head = await ask('/things', { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers['x-amz-bucket-region']], [200, 'us-east-1'])
  assert.match(
    (await ask('/things/?location')).text,
    /<LocationConstraint xmlns="[^"]+"><\/LocationConstraint>$/,
  )
  for (const other of ['acl', 'versions', 'uploads', 'policy', 'versioning']) {
    const { status, text } = await ask(`/things?${other}`, S3_CLIENT)
    assert.equal(status, 400)
    assert.match(text, /<Error><Code>InvalidRequest<\/Code>/)
  }
})

test('an object is had as ever, and a directory is none', async () => {
  assert.equal((await ask('/things/dir/b.txt?list-type=2&prefix=')).text, 'object dir/b.txt')
  assert.equal((await ask('/things/dir/deep/')).status, 404)
  assert.equal((await ask('/things/dir/')).text, 'object dir/')
})

test('an index document is for whoever does not speak S3', async () => {
  assert.equal((await ask('/site/')).text, 'the index')
  assert.equal((await ask('/site/', { method: 'HEAD' })).headers['x-amz-bucket-region'], undefined)
  assert.deepEqual((await listed('/site/?list-type=2')).keys, ALL)
  assert.deepEqual((await listed('/site/', S3_CLIENT)).keys, ALL)
})

test('keys are those of the clients', async () => {
  assert.deepEqual((await listed('/inside?list-type=2')).keys, ['b.txt', 'deep/c.txt'])
  assert.deepEqual((await listed('/inside?list-type=2&prefix=de')).keys, ['deep/c.txt'])
  assert.deepEqual((await listed('/inside?list-type=2&prefix=dir/')).keys, [])
  const own = await listed('/u/dir?list-type=2')
  assert.deepEqual([own.keys, own.said['Name']], [['b.txt', 'deep/c.txt'], 'dir'])
  assert.deepEqual((await listed('/u/di?list-type=2')).keys, [])
  const root = { headers: { host: 'root.test' } }
  assert.deepEqual((await listed('/?list-type=2&prefix=dir/b', root)).keys, ['dir/b.txt'])
})

test('what cannot be asked is refused, and the origin not asked', async () => {
  const before = listings()
  for (const query of [
    'list-type=1',
    'list-type=2&max-keys=-1',
    'list-type=2&max-keys=many',
    'list-type=2&encoding-type=base64',
    'list-type=2&continuation-token=made-up',
    'list-type=2&continuation-token=',
    'list-type=2&prefix=%ff',
    'list-type=2&prefix=%zz',
    'list-type=2&prefix=a%00b',
    'list-type=2&prefix=x/../',
    'list-type=2&prefix=./',
    `prefix=${'x'.repeat(3000)}`,
  ]) {
    assert.equal((await ask(`/things?${query}`)).status, 400, query)
  }
  assert.equal(listings(), before)
  const told = await ask('/things?list-type=3', S3_CLIENT)
  assert.match(told.text, /<Code>InvalidRequest<\/Code><Message>The list-type is 2, or left out\.</)
})

test('what the origin does not take is the fault of who asks, and no replica is blamed', async () => {
  const fault = front.s3.fault({
    kind: 'status',
    status: 400,
    code: 'InvalidArgument',
    match: { bucket: 'many' },
  })
  await assertMoves(
    front.opsUrl,
    async () => {
      for (let index = 0; index < 5; index += 1) {
        const { status } = await ask('/hidden?list-type=2&prefix=strange', S3_CLIENT)
        assert.equal(status, 400)
      }
    },
    [
      ['sluice_origin_requests_total', { bucket: 'hidden', outcome: 'invalid' }, 5],
      ['sluice_origin_failovers_total', { bucket: 'hidden' }, 0],
      ['sluice_circuit_breaker_state', { bucket: 'hidden' }, 0],
    ],
  )
  fault.remove()
})

test('a page that one replica began is gone on with by another', async () => {
  await using fleet = await openFleet(2)
  for (const key of ['a/1', 'a/2', 'b/1', 'c', 'd/1']) fleet.put(key, 'x')
  await using sluice = await openSluice({
    buckets: [
      {
        ...fleet.bucket({ retry: { max_attempts: 2 } }, (index) => ({ priority: index + 1 })),
        listing: 's3',
      },
    ],
  })
  const names: string[] = []
  let token = ''
  for (let pages = 0; pages < 9; pages += 1) {
    const from = token === '' ? '' : `&continuation-token=${token}`
    const at = `${sluice.url}/objects?list-type=2&delimiter=/&max-keys=1${from}`
    const page = readS3Page((await request(at)).text)
    names.push(...page.keys, ...page.groups)
    token = page.said['NextContinuationToken'] ?? ''
    if (pages === 0) fleet.server(0).fault({ kind: 'status', status: 503 })
    if (token === '') break
  }
  assert.deepEqual(names, ['a/', 'b/', 'c', 'd/'])
})
