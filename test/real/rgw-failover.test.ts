import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { generateBytes } from '../../dev/s3-server.ts'
import { download, request, sha256, type Download } from '../support/http.ts'
import { partMissing } from '../support/parts.ts'
import { openRgw, type Rgw } from '../support/rgw.ts'
import { openSluice, type ConfigObject, type Sluice } from '../support/sluice.ts'
import { bucketAt, s3Of } from './rgw-bucket.ts'

const MiB = 1024 * 1024
const SIZE = 64 * MiB
/** Far enough that what the sockets still hold is a small part of the rest. */
const BREAK_AT = 8 * MiB
/** Soon, yet no gateway on a busy machine is taken for one that hangs. */
const FAST = { timeout: '3s', stall_timeout: '3s', retry: { max_attempts: 2 } }

describe('two Ceph gateways with the same objects', { skip: partMissing('radosgw') }, () => {
  const opened = new AsyncDisposableStack()
  after(() => opened.disposeAsync())
  const bytes = generateBytes('film', 0, SIZE)
  const expected = sha256(bytes)
  let first: Rgw
  let second: Rgw

  before(async () => {
    const both = await Promise.all([openRgw(), openRgw()])
    for (const rgw of both) opened.use(rgw)
    ;[first, second] = both
    for (const rgw of both) {
      await rgw.createBucket('films')
      await rgw.putObject('films', 'film', bytes)
    }
    await first.putObject('films', 'differs', bytes)
    await second.putObject('films', 'differs', generateBytes('another film', 0, SIZE))
    await first.createBucket('copies')
    await first.putObject('copies', 'film', bytes.subarray(0, 1000))
  })

  afterEach(() => first.resume())

  const open = (replicas: readonly ConfigObject[]): Promise<Sluice> =>
    openSluice({ buckets: [bucketAt('films', { ...FAST, replicas })] })

  const openBoth = (): Promise<Sluice> =>
    open([s3Of(first, 'films', { name: 'first' }), s3Of(second, 'films', { name: 'second' })])

  const watch = async (
    sluice: Sluice,
    key: string,
    breakIt: () => void | Promise<void>,
  ): Promise<Download> => {
    const patience = AbortSignal.timeout(60_000)
    let isBroken = false
    const got = await download(`${sluice.url}/films/${key}`, {
      signal: patience,
      onChunk: async (_chunk, before) => {
        if (isBroken || before < BREAK_AT) return
        isBroken = true
        await breakIt()
      },
    })
    assert.equal(patience.aborted, false, 'the body neither went on nor broke')
    return got
  }

  test('a replica with a wrong secret is passed over for another bucket of one gateway', async () => {
    const wrong = { ...first, secretKey: 'not-the-secret' }
    await using sluice = await open([
      s3Of(wrong, 'films', { name: 'wrong' }),
      s3Of(first, 'copies', { name: 'copies' }),
    ])
    for (const method of ['GET', 'HEAD']) {
      const { status, headers } = await request(`${sluice.url}/films/film`, { method })
      assert.deepEqual([status, headers['content-length']], [200, '1000'])
    }
    assert.equal((await sluice.logLine(({ msg }) => msg === 'request'))['replica'], 'copies')
  })

  test('a gateway that hangs is given up for the other', async () => {
    await using sluice = await openBoth()
    first.pause()
    const { status, headers } = await request(`${sluice.url}/films/film`, { method: 'HEAD' })
    assert.deepEqual([status, headers['content-length']], [200, String(SIZE)])
    assert.equal((await download(`${sluice.url}/films/film`)).sha256, expected)
  })

  test('when every gateway hangs the client is told so with 504', async () => {
    await using sluice = await open([s3Of(first, 'films', { name: 'first' })])
    first.pause()
    const { status, text } = await request(`${sluice.url}/films/film`)
    assert.deepEqual([status, JSON.parse(text).error], [504, 'origin_timeout'])
  })

  test('a gateway that hangs in the middle of a body is continued by the other', async () => {
    await using sluice = await openBoth()
    const { status, bytes: length, sha256: hash } = await watch(sluice, 'film', () => first.pause())
    assert.deepEqual([status, length, hash], [200, SIZE, expected])
    const line = await sluice.logLine(({ msg }) => msg === 'request')
    assert.equal(line['replica'], 'second')
  })

  test('a gateway killed in the middle of a body is continued by the other', async () => {
    await using sluice = await openBoth()
    const got = await watch(sluice, 'film', () => first.kill())
    await first.restart()
    assert.deepEqual([got.aborted, got.bytes, got.sha256], [false, SIZE, expected])
    const line = await sluice.logLine(({ msg }) => msg === 'request')
    assert.equal(line['replica'], 'second')
  })

  test('another version of the object is never spliced onto a body that broke', async () => {
    await using sluice = await openBoth()
    const got = await watch(sluice, 'differs', () => first.kill())
    await first.restart()
    assert.equal(got.aborted, true)
    assert.ok(got.bytes < SIZE)
    assert.equal(got.sha256, sha256(bytes.subarray(0, got.bytes)))
  })
})
