import { ListObjectsV2Command, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3'
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { request } from '../support/http.ts'
import { follow, linksIn } from '../support/listed.ts'
import { partMissing, requirePart } from '../support/parts.ts'
import { openRgw } from '../support/rgw.ts'
import { openSluice, type Sluice } from '../support/sluice.ts'
import { openClientHome, type ClientHome, type Ran } from './client-home.ts'
import { KEYS_WITH_DOT_SEGMENTS, ODD_KEYS } from './odd-keys.ts'
import { bucketAt, s3Of } from './rgw-bucket.ts'

const STRANGER = { accessKey: 'STRANGERACCESSKEY001', secretKey: 'the-secret-of-another-user' }
const BOTO3_PROGRAM = fileURLToPath(new URL('boto3-lists.py', import.meta.url))
/** What every client may write to a file. */
const PLAIN = ['a.txt', 'dir/b c.txt', 'dir/deep/é.txt', 'dir/deep/😀', 'z+%41']
const ODD = [...ODD_KEYS, ...KEYS_WITH_DOT_SEGMENTS]
const MANY = 1203

function inOrder(keys: readonly string[]): string[] {
  return keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

describe('S3 clients list through Sluice what Ceph keeps', { skip: partMissing('radosgw') }, () => {
  const opened = new AsyncDisposableStack()
  after(() => opened.disposeAsync())
  let sluice: Sluice
  let home: ClientHome

  before(async () => {
    home = opened.use(openClientHome())
    const rgw = opened.use(await openRgw({ users: [{ name: 'stranger', ...STRANGER }] }))
    for (const bucket of ['plain', 'things', 'many']) await rgw.createBucket(bucket)
    for (const key of PLAIN) await rgw.putObject('plain', `in/${key}`, `object ${key}`)
    for (const key of ODD) await rgw.putObject('things', key, `object ${key}`)
    const numbers = Array.from({ length: MANY }, (_, index) => index)
    for (let from = 0; from < MANY; from += 50) {
      const some = numbers.slice(from, from + 50)
      await Promise.all(
        some.map((number) => rgw.putObject('many', `a/${number % 7}/${number}`, '.')),
      )
    }
    await rgw.putObject('many', 'b/1', '.')
    const listing = { listing: 's3' }
    const buckets = [
      bucketAt('plain', s3Of(rgw, 'plain', { key_prefix: 'in/' }), listing),
      bucketAt('things', s3Of(rgw, 'things'), listing),
      bucketAt('many', s3Of(rgw, 'many'), listing),
      bucketAt('foreign', s3Of({ ...rgw, ...STRANGER }, 'things'), listing),
      bucketAt('page', s3Of(rgw, 'things'), { listing: 'html' }),
    ]
    sluice = opened.use(await openSluice({ buckets }))
  })

  /** What a client has written, by path. */
  function written(folder: string): Record<string, string> {
    const root = join(home.folder, folder)
    const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((one) =>
      one.isFile(),
    )
    return Object.fromEntries(
      files.map(({ parentPath, name }) => {
        const path = join(parentPath, name)
        return [path.slice(root.length + 1), readFileSync(path, 'utf8')]
      }),
    )
  }
  const COPIED = Object.fromEntries(PLAIN.map((key) => [key, `object ${key}`]))

  describe('the AWS command line', { skip: partMissing('awscli') }, () => {
    const aws = (command: string, ...args: string[]): Promise<Ran> => {
      const place = ['--no-sign-request', '--endpoint-url', sluice.url]
      return home.run(requirePart('awscli'), ['s3', command, ...place, ...args])
    }

    test('lists a folder, and all below it', async () => {
      const top = (await succeeds(aws('ls', 's3://plain/'))).stdout.toString()
      assert.match(top, /^ +PRE dir\/\n\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +12 a\.txt\n/)
      const all = (await succeeds(aws('ls', '--recursive', 's3://many/'))).stdout.toString()
      assert.equal(all.trim().split('\n').length, MANY + 1)
    })

    test('syncs a bucket to a folder', async () => {
      await succeeds(aws('sync', '--no-progress', 's3://plain/', 'aws-sync'))
      assert.deepEqual(written('aws-sync'), COPIED)
    })
  })

  describe('rclone', { skip: partMissing('rclone') }, () => {
    const rclone = (...args: string[]): Promise<Ran> => {
      const remote = ['--s3-provider=Other', `--s3-endpoint=${sluice.url}`, '--s3-env-auth=false']
      const patience = ['--retries=1', '--low-level-retries=2']
      return home.run(requirePart('rclone'), [
        '--config=/dev/null',
        ...remote,
        ...patience,
        ...args,
      ])
    }

    test('lists a folder, and all below it', async () => {
      const top = (await succeeds(rclone('lsf', ':s3:plain'))).stdout.toString()
      assert.deepEqual(top.trim().split('\n').toSorted(), ['a.txt', 'dir/', 'z+%41'])
      const all = (await succeeds(rclone('lsf', '--recursive', '--files-only', ':s3:many'))).stdout
      assert.equal(all.toString().trim().split('\n').length, MANY + 1)
    })

    test('copies, syncs and cats without being told not to look around', async () => {
      await succeeds(rclone('copy', ':s3:plain', 'rclone-copy'))
      assert.deepEqual(written('rclone-copy'), COPIED)
      await succeeds(rclone('sync', ':s3:plain/dir', 'rclone-sync'))
      assert.deepEqual(Object.keys(written('rclone-sync')).length, 3)
      const { stdout } = await succeeds(rclone('cat', ':s3:plain/dir/b c.txt'))
      assert.equal(stdout.toString(), 'object dir/b c.txt')
    })
  })

  describe('s3cmd, which always signs', { skip: partMissing('s3cmd') }, () => {
    const s3cmd = (...args: string[]): Promise<Ran> => {
      const host = sluice.url.replace('http://', '')
      const place = ['--no-ssl', `--host=${host}`, `--host-bucket=${host}`, '--no-progress']
      const keys = ['--config=/dev/null', '--access_key=nobody', '--secret_key=nothing']
      return home.run(requirePart('s3cmd'), [...keys, ...place, ...args])
    }

    test('lists a folder, and all below it', async () => {
      const top = (await succeeds(s3cmd('ls', 's3://plain/'))).stdout.toString()
      assert.match(top, /DIR +s3:\/\/plain\/dir\/\n/)
      assert.match(top, /12 +s3:\/\/plain\/a\.txt\n/)
      const all = (await succeeds(s3cmd('ls', '--recursive', 's3://many'))).stdout.toString()
      assert.equal(all.trim().split('\n').length, MANY + 1)
    })

    test('gets a folder', async () => {
      home.makeFolder('s3cmd-get')
      await succeeds(s3cmd('get', '--recursive', 's3://plain/', 's3cmd-get/'))
      assert.deepEqual(written('s3cmd-get'), COPIED)
    })
  })

  test('boto3 pages, signed and unsigned', { skip: partMissing('botocore') }, async () => {
    const { stdout } = await succeeds(
      home.run(requirePart('botocore'), [BOTO3_PROGRAM, sluice.url]),
    )
    const { signed, unsigned } = JSON.parse(stdout.toString())
    const expected = {
      all: [inOrder(ODD), []],
      old: [inOrder(ODD), []],
      groups: [[], ['a/', 'b/']],
      many: MANY + 1,
      'many, old': MANY,
      'old groups': [[], [0, 1, 2, 3, 4, 5, 6].map((index) => `a/${index}/`)],
      first: [inOrder(ODD)[0], Buffer.byteLength(`object ${inOrder(ODD)[0]}`), true, 34],
      bucket: 200,
      location: null,
      'no bucket': 'NoSuchBucket',
      forbidden: 'AccessDenied',
      versions: 'InvalidRequest',
    }
    assert.deepEqual(signed, expected)
    assert.deepEqual(unsigned, expected)
  })

  test('the AWS SDK for JavaScript pages', async () => {
    const client = opened.adopt(
      new S3Client({
        endpoint: sluice.url,
        region: 'us-east-1',
        forcePathStyle: true,
        credentials: { accessKeyId: 'nobody', secretAccessKey: 'nothing' },
      }),
      (one) => one.destroy(),
    )
    const keys: (string | undefined)[] = []
    for await (const page of paginateListObjectsV2(
      { client, pageSize: 100 },
      { Bucket: 'many', FetchOwner: true },
    )) {
      assert.equal(page.KeyCount, page.Contents?.length)
      keys.push(...(page.Contents ?? []).map(({ Key }) => Key))
    }
    assert.equal(new Set(keys).size, MANY + 1)
    const command = { Bucket: 'things', EncodingType: 'url', StartAfter: 'é' } as const
    const { Contents = [] } = await client.send(new ListObjectsV2Command(command))
    assert.deepEqual(
      Contents.map(({ Key = '' }) => decodeURIComponent(Key)),
      inOrder(ODD).filter((key) => Buffer.compare(Buffer.from(key), Buffer.from('é')) > 0),
    )
  })

  test('a page leads to every object that an address can name', async () => {
    const found: string[] = []
    const visit = async (at: string): Promise<void> => {
      for (const { href, text } of linksIn((await request(at)).text)) {
        const to = follow(at, href)
        if (text.endsWith('/')) await visit(to)
        else found.push((await request(to)).text)
      }
    }
    await visit(`${sluice.url}/page/`)
    const wanted = ODD_KEYS.filter((key) => !key.endsWith('/')).map((key) => `object ${key}`)
    assert.deepEqual(inOrder(found), inOrder(wanted))
  })
})

async function succeeds(running: Promise<Ran>): Promise<Ran> {
  const ran = await running
  assert.equal(ran.code, 0, ran.stderr)
  return ran
}
