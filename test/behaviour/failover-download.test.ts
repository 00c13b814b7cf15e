// A long download outlives the replicas it comes from.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'

import { generateBytes } from '../../dev/s3-server.ts'
import type { S3Server } from '../../dev/s3-server.ts'
import { BUCKET, openFleet } from '../support/fleet.ts'
import type { Fleet } from '../support/fleet.ts'
import { download } from '../support/http.ts'
import { openSluice } from '../support/sluice.ts'

const MIB = 1024 * 1024
const SIZE = 256 * MIB
const SEED = 'a long download'

function expectedSha256(): string {
  const hash = createHash('sha256')
  for (let at = 0; at < SIZE; at += MIB) hash.update(generateBytes(SEED, at, at + MIB))
  return hash.digest('hex')
}

function servingOne({ servers }: Fleet): S3Server | undefined {
  return servers.find(({ requests }) => requests.some(({ state }) => state === 'open'))
}

test('256 MiB come whole although the replica that serves them is killed three times', async () => {
  await using fleet = await openFleet(3)
  fleet.put('big', { size: SIZE, seed: SEED })
  await using sluice = await openSluice({ buckets: [fleet.bucket()] })

  const killAt = [30 * MIB, 110 * MIB, 200 * MIB]
  const killed: S3Server[] = []
  const { status, bytes, sha256, aborted } = await download(`${sluice.url}/${BUCKET}/big`, {
    onChunk: async (_chunk, before) => {
      if (before < (killAt[killed.length] ?? Infinity)) return
      const serving = servingOne(fleet)
      // Between two replicas nobody serves: the next chunk comes from one who does.
      if (serving === undefined) return
      await serving.kill()
      await killed.at(-1)?.restart()
      killed.push(serving)
    },
  })

  assert.equal(killed.length, 3)
  assert.deepEqual({ status, bytes, aborted }, { status: 200, bytes: SIZE, aborted: false })
  assert.equal(sha256, expectedSha256())
  const { attempts } = await sluice.logLine(({ key }) => key === 'big')
  assert.ok(Number(attempts) > killed.length, `attempts: ${String(attempts)}`)
})

test('a single replica that comes back within the retries serves the rest', async () => {
  await using fleet = await openFleet(1)
  fleet.put('big', { size: 64 * MIB, seed: SEED })
  const retry = { max_attempts: 10, initial_backoff_ms: 100, max_backoff_ms: 1000 }
  await using sluice = await openSluice({ buckets: [fleet.bucket({ retry })] })

  let kills = 0
  const answer = await download(`${sluice.url}/${BUCKET}/big`, {
    onChunk: async (_chunk, before) => {
      if (before < 10 * MIB || kills > 0) return
      kills += 1
      await fleet.server(0).kill()
      await fleet.server(0).restart()
    },
  })
  assert.equal(kills, 1)
  assert.deepEqual([answer.bytes, answer.aborted], [64 * MIB, false])
})

test('replicas that hold another version are never used to go on, and the download breaks', async () => {
  await using fleet = await openFleet(3)
  fleet.put('big', { size: 32 * MIB, seed: SEED })
  for (const index of [1, 2]) {
    fleet.server(index).putObject(BUCKET, 'big', { size: 32 * MIB, seed: 'another' })
  }
  await using sluice = await openSluice({ buckets: [fleet.bucket()] })
  const got = createHash('sha256')
  let isKilled = false
  const answer = await download(`${sluice.url}/${BUCKET}/big`, {
    onChunk: async (chunk) => {
      got.update(chunk)
      if (!isKilled) await fleet.server(0).kill()
      isKilled = true
    },
  })
  assert.equal(answer.aborted, true)
  assert.ok(answer.bytes < 32 * MIB)
  assert.equal(
    got.digest('hex'),
    createHash('sha256')
      .update(generateBytes(SEED, 0, answer.bytes))
      .digest('hex'),
  )
  assert.ok((fleet.counts('big')[1] ?? 0) > 0, 'nobody else was asked')
})
