// Rolling out: what is under way for many comes to its end, and what was cached is there again at once.
// DRAIN_DOWNLOADS and DRAIN_SECONDS make it as large as a rollout is: 200 of 10 s.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { generateBytes, openS3Server } from '../../dev/s3-server.ts'
import { openCachedFront } from '../support/cached-front.ts'
import { bucketAt, ORIGIN_BUCKET } from '../support/front.ts'
import { download, request, sha256 } from '../support/http.ts'
import type { Download } from '../support/http.ts'
import { scrape, untilMetrics } from '../support/metrics.ts'
import { openSluice } from '../support/sluice.ts'
import { until } from '../support/until.ts'

const DOWNLOADS = Number(process.env['DRAIN_DOWNLOADS'] ?? 60)
const SECONDS = Number(process.env['DRAIN_SECONDS'] ?? 2)
const MIB = 2 ** 20
/** Several clients for each object, so that some follow what others fetch. */
const KEYS = Math.ceil(DOWNLOADS / 4)
/** In another thread they follow a slice behind. */
const CACHE = { cache_layers: ['memory'], slice_size: '64KiB' }

describe('SIGTERM', () => {
  for (const threads of [1, 2]) {
    test(`lets ${DOWNLOADS} downloads of ${SECONDS} s finish, byte for byte (threads: ${threads})`, async (t) => {
      const shutdown = { drain: `${SECONDS * 5 + 30}s` }
      await using front = await openCachedFront({ server: { threads, shutdown }, cache: CACHE })
      for (let index = 0; index < KEYS; index += 1) {
        front.put(`k${index}`, { size: MIB, seed: `k${index}` })
      }
      front.s3.fault({ kind: 'slow', bytesPerSecond: MIB / SECONDS })
      let begun = 0
      const startedAt = performance.now()
      const downloads = Array.from({ length: DOWNLOADS }, (_, index) => {
        let isFirst = true
        return download(`${front.url}/files/k${index % KEYS}`, {
          onChunk: () => {
            if (isFirst) begun += 1
            isFirst = false
          },
        })
      })
      await until(
        'all have begun',
        async () => begun,
        (count) => count === DOWNLOADS,
      )
      front.sluice.kill('SIGTERM')
      await until(
        'readiness turns',
        async () => (await request(`${front.opsUrl}/ready`)).status,
        (status) => status === 503,
      )
      const { sum } = await scrape(front.opsUrl)
      assert.ok(sum('sluice_http_requests_in_flight') > 0)
      const all: readonly Download[] = await Promise.all(downloads)
      t.diagnostic(`${DOWNLOADS} in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
      const wrong = all.filter(({ status, aborted, sha256: sum256 }, index) => {
        const wanted = SUMS[index % KEYS]
        return status !== 200 || aborted || sum256 !== wanted
      })
      assert.equal(wrong.length, 0)
      assert.deepEqual(await front.sluice.exited, { code: 0, signal: null })
      const drained = await front.sluice.logLine(({ event }) => event === 'drained')
      assert.equal(drained['cut'], 0)
    })
  }
})

const SUMS = Array.from({ length: KEYS }, (_, index) => sha256(generateBytes(`k${index}`, 0, MIB)))

test('after kill -9 what was on disk is served again, without the origin', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-restart-'))
  const credentials = [{ accessKeyId: 'AKIDFRONT', secretAccessKey: 'a secret of the tests' }]
  const s3 = await openS3Server({ credentials })
  for (let index = 0; index < 50; index += 1) {
    s3.putObject(ORIGIN_BUCKET, `k${index}`, { size: MIB, seed: `k${index}` })
  }
  const bucket = bucketAt(s3.endpoint, {
    name: 'files',
    cache: { ttl: '1h' },
    s3: { health_check: { enabled: false } },
  })
  const config = { cache: { disk: { cache_dir: folder } }, buckets: [bucket] }
  await using first = await openSluice(config)
  for (let index = 0; index < 50; index += 1) await request(`${first.url}/files/k${index}`)
  await untilMetrics(first.opsUrl, 'all on disk', ({ sum: total }) => {
    return total('sluice_cache_tier_bytes', { tier: 'disk' }) >= 50 * MIB
  })
  first.kill('SIGKILL')
  await first.exited
  await s3.close()

  const killedAt = performance.now()
  await using again = await openSluice(config)
  const answer = await request(`${again.url}/files/k7`)
  const ms = performance.now() - killedAt
  t.diagnostic(`${ms.toFixed(0)} ms from the start of the program to the first answer`)
  assert.deepEqual([answer.status, answer.headers['x-cache']], [200, 'HIT'])
  assert.match(String(answer.headers['cache-status']), /detail=disk/)
  assert.equal(sha256(answer.body), sha256(generateBytes('k7', 0, MIB)))
  assert.ok(ms < 20_000)
  for (let index = 0; index < 50; index += 1) {
    const { status, body } = await request(`${again.url}/files/k${index}`)
    assert.deepEqual([status, sha256(body)], [200, sha256(generateBytes(`k${index}`, 0, MIB))])
  }
  rmSync(folder, { recursive: true, force: true })
})
