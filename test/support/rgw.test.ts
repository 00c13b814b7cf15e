import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { download, request, sha256 } from './http.ts'
import { partMissing } from './parts.ts'
import { openRgw, type Rgw } from './rgw.ts'

const skip = partMissing('radosgw')

test('the gateway stores objects and gives them back with their headers', { skip }, async () => {
  await using rgw = await openRgw()
  await rgw.createBucket('things')
  const stored = await rgw.putObject('things', 'a+b é/c', 'hello', {
    'content-type': 'text/x-greeting',
    'x-amz-meta-colour': 'blue',
  })
  const found = await rgw.client.send(new GetObjectCommand({ Bucket: 'things', Key: 'a+b é/c' }))

  assert.equal(await found.Body?.transformToString(), 'hello')
  assert.equal(found.ETag, stored.etag)
  assert.equal(found.ContentType, 'text/x-greeting')
  assert.deepEqual(found.Metadata, { colour: 'blue' })
})

test('the gateway refuses a wrong secret with 403', { skip }, async () => {
  await using rgw = await openRgw({
    users: [{ name: 'second', accessKey: 'SECONDACCESSKEY00001', secretKey: 'right' }],
  })
  await rgw.createBucket('things')
  const as = (accessKeyId: string, secretAccessKey: string): Promise<unknown> =>
    new S3Client({
      endpoint: rgw.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
    }).send(new GetObjectCommand({ Bucket: 'things', Key: 'x' }))

  await assert.rejects(as(rgw.accessKey, 'wrong'), { name: 'SignatureDoesNotMatch' })
  await assert.rejects(as('SECONDACCESSKEY00001', 'wrong'), { name: 'SignatureDoesNotMatch' })
  await assert.rejects(as('SECONDACCESSKEY00001', 'right'), { name: 'AccessDenied' })
  await assert.rejects(as(rgw.accessKey, rgw.secretKey), { name: 'NoSuchKey' })
})

test('a versioned bucket keeps every version', { skip }, async () => {
  await using rgw = await openRgw()
  await rgw.createBucket('versioned')
  await rgw.enableVersioning('versioned')
  const { versionId } = await rgw.putObject('versioned', 'x', 'one')
  await rgw.putObject('versioned', 'x', 'two')
  const old = new GetObjectCommand({ Bucket: 'versioned', Key: 'x', VersionId: versionId })

  assert.equal(await (await rgw.client.send(old)).Body?.transformToString(), 'one')
})

test('a gateway that was killed keeps its objects when it is started again', { skip }, async () => {
  await using rgw = await openRgw({ dnsName: 's3.test' })
  await rgw.createBucket('things')
  await rgw.putObject('things', 'x', 'kept', { 'x-amz-acl': 'public-read' })
  const virtualHost = { headers: { Host: `things.s3.test:${rgw.port}` } }
  await rgw.kill()
  await assert.rejects(request(`${rgw.endpoint}/x`, virtualHost), { code: 'ECONNREFUSED' })
  await rgw.restart()

  assert.equal((await download(`${rgw.endpoint}/x`, virtualHost)).sha256, sha256('kept'))
})

test('a paused gateway accepts a connection and does not answer', { skip }, async () => {
  await using rgw = await openRgw()
  rgw.pause()
  // It may still answer what reaches it before the signal does.
  let error: unknown
  for (let asked = 0; asked < 20 && error === undefined; asked += 1) {
    const signal = AbortSignal.timeout(300)
    error = await request(rgw.endpoint, { signal }).then(
      () => undefined,
      (reason) => reason,
    )
  }
  assert.ok(error instanceof Error && error.name === 'AbortError', String(error))
  rgw.resume()

  assert.equal((await request(rgw.endpoint)).status, 200)
})

test('a closed gateway leaves no process and no folder', { skip }, async () => {
  const rgw: Rgw = await openRgw()
  const folders = foldersInUse()
  assert.equal(folders.size > 0, true)
  await rgw.close()

  const left = foldersInUse()
  assert.deepEqual(
    [...folders].filter((folder) => left.has(folder) || existsSync(folder)),
    [],
  )
})

/** The cluster folders named on the command lines of this process's children. */
function foldersInUse(): Set<string> {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const lines = pids.filter(isOurChild).map((pid) => read(`/proc/${pid}/cmdline`))
  return new Set(lines.flatMap((line) => /[^\0]*\/sluice-rgw-\w+/.exec(line) ?? []))
}

function isOurChild(pid: string): boolean {
  return new RegExp(`^PPid:\\s*${process.pid}$`, 'm').test(read(`/proc/${pid}/status`))
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
