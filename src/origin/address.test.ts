import assert from 'node:assert/strict'
import { test } from 'node:test'

import { addressFor } from './address.ts'

type Replica = Parameters<typeof addressFor>[0]

const aws: readonly (readonly [
  bucket: string,
  region: string,
  addressing: Replica['addressing'],
  host: string,
  basePath: string,
])[] = [
  ['photos', 'us-east-1', 'auto', 'photos.s3.us-east-1.amazonaws.com', ''],
  ['photos', 'us-gov-west-1', 'auto', 'photos.s3.us-gov-west-1.amazonaws.com', ''],
  ['photos', 'cn-north-1', 'auto', 'photos.s3.cn-north-1.amazonaws.com.cn', ''],
  ['photos', 'eusc-de-east-1', 'auto', 'photos.s3.eusc-de-east-1.amazonaws.eu', ''],
  ['photos', 'us-iso-east-1', 'auto', 'photos.s3.us-iso-east-1.c2s.ic.gov', ''],
  ['photos', 'us-isob-east-1', 'auto', 'photos.s3.us-isob-east-1.sc2s.sgov.gov', ''],
  ['photos', 'us-west-2', 'path', 's3.us-west-2.amazonaws.com', '/photos'],
  ['my.photos', 'us-west-2', 'auto', 's3.us-west-2.amazonaws.com', '/my.photos'],
  ['my.photos', 'us-west-2', 'virtual', 'my.photos.s3.us-west-2.amazonaws.com', ''],
  ['Old_Photos', 'us-east-1', 'auto', 's3.us-east-1.amazonaws.com', '/Old_Photos'],
  ['a'.repeat(64), 'us-east-1', 'auto', 's3.us-east-1.amazonaws.com', `/${'a'.repeat(64)}`],
  ['-photos', 'us-east-1', 'auto', 's3.us-east-1.amazonaws.com', '/-photos'],
]

test('a bucket of AWS is found by its name, in the path when the name is no DNS label', () => {
  for (const [bucket, region, addressing, host, basePath] of aws) {
    assert.deepEqual(addressFor({ bucket, endpoint: undefined, addressing }, region), {
      origin: `https://${host}`,
      host,
      basePath,
      isAws: true,
    })
  }
})

const given: readonly (readonly [
  endpoint: string,
  addressing: Replica['addressing'],
  origin: string,
  basePath: string,
])[] = [
  ['http://minio:9000', 'auto', 'http://minio:9000', '/b'],
  ['http://minio:9000/', 'path', 'http://minio:9000', '/b'],
  ['http://minio:9000', 'virtual', 'http://b.minio:9000', ''],
  ['https://s3.example.com', 'virtual', 'https://b.s3.example.com', ''],
  ['https://s3.example.com:443', 'auto', 'https://s3.example.com', '/b'],
  ['http://s3.example.com:80', 'auto', 'http://s3.example.com', '/b'],
  ['https://s3.example.com:80', 'auto', 'https://s3.example.com:80', '/b'],
  ['https://S3.Example.com', 'auto', 'https://s3.example.com', '/b'],
  ['http://127.0.0.1:7480', 'auto', 'http://127.0.0.1:7480', '/b'],
  ['http://127.0.0.1:7480', 'virtual', 'http://127.0.0.1:7480', '/b'],
  ['http://[::1]:7480', 'auto', 'http://[::1]:7480', '/b'],
  ['http://[::1]', 'virtual', 'http://[::1]', '/b'],
  ['https://gateway.example.com/s3/', 'auto', 'https://gateway.example.com', '/s3/b'],
  ['https://gateway.example.com/s3', 'virtual', 'https://b.gateway.example.com', '/s3'],
]

test('an endpoint that is given is used in path style, unless virtual style is asked for', () => {
  for (const [endpoint, addressing, origin, basePath] of given) {
    const host = origin.slice(origin.indexOf('//') + 2)
    assert.deepEqual(
      addressFor({ bucket: 'b', endpoint, addressing }, 'us-east-1'),
      { origin, host, basePath, isAws: false },
      `${endpoint} ${addressing}`,
    )
  }
})

test('a bucket in the path is encoded', () => {
  const replica = { bucket: 'a b', endpoint: 'http://minio', addressing: 'auto' } as const
  assert.equal(addressFor(replica, 'us-east-1').basePath, '/a%20b')
})

test('an endpoint of AWS is known as one, and a look-alike is not', () => {
  const isAws = (endpoint: string) =>
    addressFor({ bucket: 'b', endpoint, addressing: 'auto' }, 'us-east-1').isAws
  assert.equal(isAws('https://s3.eu-west-1.amazonaws.com'), true)
  assert.equal(isAws('https://s3.cn-north-1.amazonaws.com.cn'), true)
  assert.equal(isAws('https://amazonaws.com.example.org'), false)
  assert.equal(isAws('https://notamazonaws.com'), false)
})
