import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { generateBytes } from '../../dev/s3-server.ts'
import { sha256 } from '../support/http.ts'
import { partMissing, requirePart } from '../support/parts.ts'
import { openRgw } from '../support/rgw.ts'
import { openSluice, type Sluice } from '../support/sluice.ts'
import { openClientHome, type ClientHome, type Ran } from './client-home.ts'
import { strictPath } from './odd-keys.ts'
import { bucketAt, s3Of } from './rgw-bucket.ts'

const STRANGER = { accessKey: 'STRANGERACCESSKEY001', secretKey: 'the-secret-of-another-user' }
const BOTO3_PROGRAM = fileURLToPath(new URL('boto3-reads.py', import.meta.url))

const SMALL = { key: 'a folder/é + 😀 (1).bin', bytes: generateBytes('small', 0, 3000) }
/** Every client that reads in parts takes several for it. */
const LARGE = { key: 'large.bin', bytes: generateBytes('large', 0, 100_000_000) }
const SMALL_SUM = sha256(SMALL.bytes)
const LARGE_SUM = sha256(LARGE.bytes)

// S3's clients take the first segment of the path for the bucket: `path_prefix: /things` is to
// them the bucket `things`. The keys of the store are Sluice's alone; a client signs with its
// own, or not at all.
describe('S3 clients read through Sluice what Ceph keeps', { skip: partMissing('radosgw') }, () => {
  const opened = new AsyncDisposableStack()
  after(() => opened.disposeAsync())
  let sluice: Sluice
  let home: ClientHome

  before(async () => {
    home = opened.use(openClientHome())
    const rgw = opened.use(await openRgw({ users: [{ name: 'stranger', ...STRANGER }] }))
    await rgw.createBucket('things')
    const described = { 'content-type': 'text/odd', 'x-amz-meta-colour': 'blue' }
    await rgw.putObject('things', SMALL.key, SMALL.bytes, described)
    await rgw.putObject('things', LARGE.key, LARGE.bytes)
    const buckets = [
      bucketAt('things', s3Of(rgw, 'things')),
      bucketAt('foreign', s3Of({ ...rgw, ...STRANGER }, 'things')),
    ]
    sluice = opened.use(await openSluice({ buckets }))
  })

  describe('the AWS command line', { skip: partMissing('awscli') }, () => {
    const copy = (source: string, file: string): Promise<Ran> => {
      const place = ['--no-sign-request', '--endpoint-url', sluice.url, '--no-progress']
      return home.run(requirePart('awscli'), ['s3', 'cp', ...place, source, file])
    }

    test('copies a small object', async () => {
      await succeeds(copy(`s3://things/${SMALL.key}`, 'aws-small'))
      assert.equal(await home.sha256('aws-small'), SMALL_SUM)
    })

    test('copies 100 MB in parallel ranges', async () => {
      const before = rangesServed(sluice)
      await succeeds(copy(`s3://things/${LARGE.key}`, 'aws-large'))
      assert.equal(await home.sha256('aws-large'), LARGE_SUM)
      assert.ok(rangesServed(sluice) - before > 4)
    })

    test('says plainly that a key is missing or forbidden', async () => {
      assert.match((await fails(copy('s3://things/no such', 'aws-none'))).stderr, /\(404\)/)
      const forbidden = await fails(copy(`s3://foreign/${SMALL.key}`, 'aws-none'))
      assert.match(forbidden.stderr, /\(403\)/)
      assert.equal(home.has('aws-none'), false)
    })
  })

  test(
    'boto3 reads, signed with keys of its own and unsigned',
    { skip: partMissing('botocore') },
    async () => {
      const args = [BOTO3_PROGRAM, sluice.url, SMALL.key, LARGE.key]
      const { stdout } = await succeeds(home.run(requirePart('botocore'), args))
      const { signed, unsigned, downloaded } = JSON.parse(stdout.toString())
      const expected = {
        body: SMALL_SUM,
        metadata: { colour: 'blue' },
        head: [SMALL.bytes.length, true, 'text/odd'],
        part: SMALL.bytes.subarray(10, 20).toString('hex'),
        missing: 'NoSuchKey',
        'missing head': '404',
        forbidden: 'AccessDenied',
        'not modified': '304',
        changed: 'PreconditionFailed',
        'bad range': 'InvalidRange',
      }
      assert.deepEqual(signed, expected)
      assert.deepEqual(unsigned, expected)
      assert.equal(downloaded, LARGE_SUM)
    },
  )

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
    // Without it `cat` lists the folder first, and there is no listing here.
    const cat = (path: string): Promise<Ran> => rclone('cat', '--no-traverse', `:s3:${path}`)

    test('cats a small object and 100 MB', async () => {
      assert.ok((await succeeds(cat(`things/${SMALL.key}`))).stdout.equals(SMALL.bytes))
      assert.ok((await succeeds(cat(`things/${LARGE.key}`))).stdout.equals(LARGE.bytes))
    })

    test('copies 100 MB to a file', async () => {
      await succeeds(rclone('copyto', `:s3:things/${LARGE.key}`, 'rclone-large'))
      assert.equal(await home.sha256('rclone-large'), LARGE_SUM)
    })

    test('says plainly that there is nothing to read', async () => {
      for (const path of ['things/no such', `foreign/${SMALL.key}`]) {
        assert.match((await fails(cat(path))).stderr, /not found/)
        assert.match((await fails(rclone('copyto', `:s3:${path}`, 'none'))).stderr, /not found/)
      }
      assert.equal(home.has('none'), false)
    })
  })

  describe('s3cmd, which always signs', { skip: partMissing('s3cmd') }, () => {
    const get = (source: string, file: string): Promise<Ran> => {
      const host = sluice.url.replace('http://', '')
      const place = ['--no-ssl', `--host=${host}`, `--host-bucket=${host}`, '--no-progress']
      const keys = ['--config=/dev/null', '--access_key=nobody', '--secret_key=nothing']
      return home.run(requirePart('s3cmd'), [...keys, ...place, 'get', source, file])
    }

    test('gets a small object and 100 MB', async () => {
      await succeeds(get(`s3://things/${SMALL.key}`, 's3cmd-small'))
      assert.equal(await home.sha256('s3cmd-small'), SMALL_SUM)
      await succeeds(get(`s3://things/${LARGE.key}`, 's3cmd-large'))
      assert.equal(await home.sha256('s3cmd-large'), LARGE_SUM)
    })

    test('says plainly that a key is missing or forbidden', async () => {
      assert.match((await fails(get('s3://things/no such', 'x'))).stderr, /does not exist/)
      assert.match((await fails(get(`s3://foreign/${SMALL.key}`, 'y'))).stderr, /403 \(Forbidden\)/)
    })
  })

  describe('curl', { skip: partMissing('curl') }, () => {
    const curl = (...args: string[]): Promise<Ran> =>
      home.run(requirePart('curl'), ['--silent', '--show-error', '--fail', ...args])
    const small = (): string => `${sluice.url}/things/${strictPath(SMALL.key)}`

    test('takes a range', async () => {
      const { stdout } = await succeeds(curl('--range', '100-199', small()))
      assert.ok(stdout.equals(SMALL.bytes.subarray(100, 200)))
    })

    test('resumes a download that broke off', async () => {
      home.write('curl-large', LARGE.bytes.subarray(0, 40_000_000))
      await succeeds(
        curl('--continue-at', '-', '--output', 'curl-large', `${sluice.url}/things/large.bin`),
      )
      assert.equal(await home.sha256('curl-large'), LARGE_SUM)
    })

    test('ends with an error for a key that is missing', async () => {
      const { stderr } = await fails(curl(`${sluice.url}/things/none`))
      assert.match(stderr, /error: 404/)
    })
  })

  test('wget resumes a download that broke off', { skip: partMissing('wget') }, async () => {
    home.write('large.bin', LARGE.bytes.subarray(0, 70_000_000))
    const url = `${sluice.url}/things/large.bin`
    await succeeds(home.run(requirePart('wget'), ['--quiet', '--continue', url]))
    assert.equal(await home.sha256('large.bin'), LARGE_SUM)
  })
})

function rangesServed(sluice: Sluice): number {
  return sluice.logLines().filter(({ status }) => status === 206).length
}

async function succeeds(running: Promise<Ran>): Promise<Ran> {
  const ran = await running
  assert.equal(ran.code, 0, ran.stderr)
  return ran
}

async function fails(running: Promise<Ran>): Promise<Ran> {
  const ran = await running
  assert.ok(ran.code > 0, `${ran.code}: ${ran.stderr}`)
  return ran
}
