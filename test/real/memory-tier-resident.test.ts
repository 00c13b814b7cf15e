// A memory tier is as large as the configuration says, by the count of the kernel: not only by its
// own. Objects go through the port once each, far more of them than fit.

import assert from 'node:assert/strict'
import http from 'node:http'
import { after, describe, test } from 'node:test'

import { openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { inMiB, MIB, residentBytes } from '../support/resident.ts'

const KIB = 1024
const TIER_MIB = 64
const CONNECTIONS = 8
const WARM_UP = 2000
const WARM_BYTES = 4 * MIB

const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS })
after(() => agent.destroy())

/** A tenth more than the tier, for what comes and goes and is not collected yet. */
const ALLOWED_MIB = 1.1 * TIER_MIB

const CASES = [
  { size: MIB, count: 2048 },
  { size: 64 * KIB, count: 32_768 },
  { size: 16 * KIB, count: 32_768 },
  { size: 4 * KIB, count: 100_000 },
]

describe('a memory tier of 64 MiB', () => {
  for (const { size, count } of CASES) {
    const title = `takes no more than a tenth more under ${(size * count) / MIB} MiB of objects of ${size / KIB} KiB`
    test(title, async (context) => {
      await using front = await openTier()
      for (let index = 0; index < count; index += 1) {
        front.put(`${index}`, { seed: `${index % 16}`, size })
        front.put(`passing-${index}`, { seed: 'passing', size }, { cacheControl: 'no-store' })
      }
      // Code, buffers and heaps are there after it, and next to nothing is kept.
      await readAll(front, 'passing-', Math.min(WARM_UP, count))
      await readAll(front, '', Math.ceil(WARM_BYTES / size))
      const before = residentBytes(front.sluice.pid)
      await readAll(front, '', count)
      const grown = residentBytes(front.sluice.pid) - before
      context.diagnostic(`${inMiB(before)} before, grown by ${inMiB(grown)}`)
      assert.ok(grown < ALLOWED_MIB * MIB, `grown by ${inMiB(grown)}`)
      assert.ok(grown > (TIER_MIB / 2) * MIB, `the tier holds little: ${inMiB(grown)}`)
    })
  }
})

async function openTier(): Promise<Front> {
  const memory = { max_cache_size_mb: TIER_MIB }
  return openFront({ cache: { cache_layers: ['memory'], memory }, logging: { access_log: false } })
}

async function readAll({ url }: Front, prefix: string, count: number): Promise<void> {
  let next = 0
  const readSome = async (): Promise<void> => {
    while (next < count) {
      const index = next
      next += 1
      await read(`${url}/files/${prefix}${index}`)
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, readSome))
}

function read(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${url}: ${response.statusCode}`))
      response.on('error', reject).on('end', resolve).resume()
    })
    request.on('error', reject)
  })
}
