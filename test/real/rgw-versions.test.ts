import { DeleteObjectCommand } from '@aws-sdk/client-s3'
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { request, type Answer } from '../support/http.ts'
import { partMissing } from '../support/parts.ts'
import { openRgw } from '../support/rgw.ts'
import { openSluice, type Sluice } from '../support/sluice.ts'
import { bucketAt, s3Of } from './rgw-bucket.ts'

describe('versions kept by Ceph', { skip: partMissing('radosgw') }, () => {
  const opened = new AsyncDisposableStack()
  after(() => opened.disposeAsync())
  let sluice: Sluice
  let first = ''
  let marker = ''

  before(async () => {
    const rgw = opened.use(await openRgw())
    await rgw.createBucket('versioned')
    await rgw.enableVersioning('versioned')
    first = (await rgw.putObject('versioned', 'x', 'one')).versionId ?? ''
    await rgw.putObject('versioned', 'x', 'three')
    await rgw.putObject('versioned', 'deleted', 'once')
    const removal = new DeleteObjectCommand({ Bucket: 'versioned', Key: 'deleted' })
    marker = (await rgw.client.send(removal)).VersionId ?? ''
    await rgw.createBucket('unversioned')
    await rgw.putObject('unversioned', 'x', 'alone')
    const buckets = [
      bucketAt('open', s3Of(rgw, 'versioned'), { allow_versions: true }),
      bucketAt('closed', s3Of(rgw, 'versioned')),
      bucketAt('unversioned', s3Of(rgw, 'unversioned'), { allow_versions: true }),
    ]
    sluice = opened.use(await openSluice({ buckets }))
  })

  const ask = (path: string, method = 'GET'): Promise<Answer> =>
    request(`${sluice.url}/${path}`, { method })

  test('a version that is named is given, with its own ETag, range and name', async () => {
    const { status, headers, text } = await ask(`open/x?versionId=${first}`)
    assert.deepEqual([status, text], [200, 'one'])
    assert.equal(headers['x-amz-version-id'], first)
    const head = await ask(`open/x?versionId=${first}`, 'HEAD')
    assert.deepEqual([head.headers['content-length'], head.headers.etag], ['3', headers.etag])
    const url = `${sluice.url}/open/x?versionId=${first}`
    assert.equal((await request(url, { headers: { range: 'bytes=1-1' } })).text, 'n')
  })

  test('the newest version is given when none is named, without its name', async () => {
    const { status, headers, text } = await ask('open/x')
    assert.deepEqual([status, text, headers['x-amz-version-id']], [200, 'three', undefined])
  })

  test('a version is not given where versions are not allowed', async () => {
    const { headers, text } = await ask(`closed/x?versionId=${first}`)
    assert.deepEqual([text, headers['x-amz-version-id']], ['three', undefined])
  })

  test('a bucket without versions has one, named null', async () => {
    assert.equal((await ask('unversioned/x?versionId=null')).text, 'alone')
  })

  test('an object under a delete marker is 404, and so are the marker and a bogus version', async () => {
    const paths = [
      'open/deleted',
      'closed/deleted',
      `open/deleted?versionId=${marker}`,
      'open/x?versionId=nosuchversionnosuchversionnosuch',
      `open/never?versionId=${first}`,
    ]
    for (const path of paths) {
      const { status, text } = await ask(path)
      assert.deepEqual([status, JSON.parse(text).error], [404, 'not_found'], path)
      assert.equal((await ask(path, 'HEAD')).status, 404, path)
    }
  })
})
