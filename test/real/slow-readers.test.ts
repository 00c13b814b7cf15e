// A thousand clients that each began a large download and hardly read on. What they cost is bounded
// by the configuration: the tiers, the fills, and a fixed sum beside them.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { generateBytes } from '../../dev/s3-server.ts'
import { startChild } from '../support/children.ts'
import { openFront } from '../support/front.ts'
import { sha256 } from '../support/http.ts'
import { inMiB, MIB, peakResidentBytes } from '../support/resident.ts'
import type { ConfigObject } from '../support/sluice.ts'

const READERS = 1000
const OBJECT_BYTES = 1024 * MIB
const ROUNDS = 3
const ROUND_BYTES = 256 * 1024
const COMPARED = 4
const COMPARED_BYTES = 8 * MIB
const MEMORY_MIB = 64
const FILL_MIB = 128
const BESIDE_MIB = 256
const TIMEOUT_MS = 280_000
const CLIENT = fileURLToPath(new URL('../support/slow-readers.ts', import.meta.url))

interface Outcome {
  readonly peak: number
  /** What the clients said, line by line. */
  readonly said: readonly string[]
}

async function readSlowly(readers: number, cache: ConfigObject): Promise<Outcome> {
  const memory = { max_cache_size_mb: MEMORY_MIB, max_item_size_mb: 1024 }
  await using front = await openFront(
    {
      cache: { fill_memory: `${FILL_MIB}MiB`, memory, ...cache },
      // Who is slow is not to be cut off here.
      server: { limits: { stall_timeout: '10m' } },
    },
    { s3: { timeout: 120 } },
  )
  for (let index = 0; index < readers; index += 1) {
    front.put(`object-${index}`, { seed: `object-${index}`, size: OBJECT_BYTES })
  }
  const numbers = [front.port, readers, ROUNDS, ROUND_BYTES, COMPARED, COMPARED_BYTES]
  let output = ''
  const clients = startChild(process.execPath, [CLIENT, ...numbers.map(String)], {
    onStdout: (text) => (output += text),
  })
  const { code } = await clients.exited
  assert.equal(code, 0, clients.stderr())
  return { peak: peakResidentBytes(front.sluice.pid), said: output.trim().split('\n') }
}

function assertBounded({ peak, said }: Outcome): void {
  const rounds = Array.from({ length: ROUNDS }, (_, index) => `round ${index + 1}`)
  const compared = Array.from({ length: COMPARED }, (_, index) => {
    const key = `object-${index}`
    return `${key} ${sha256(generateBytes(key, 0, COMPARED_BYTES))}`
  })
  assert.deepEqual(said, ['open', ...rounds, ...compared])
  const bound = (MEMORY_MIB + FILL_MIB + BESIDE_MIB) * MIB
  assert.ok(peak < bound, `${inMiB(peak)} of ${inMiB(bound)}`)
}

describe('a thousand slow readers of as many cold objects of 1 GiB', () => {
  test(
    'take no more than the memory tier, fill_memory and 256 MiB',
    { timeout: TIMEOUT_MS },
    async () => {
      assertBounded(await readSlowly(READERS, { cache_layers: ['memory'] }))
    },
  )

  test('and, half as many, no more where there is a disk', { timeout: TIMEOUT_MS }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-slow-readers-'))
    try {
      const disk = { cache_dir: folder, max_disk_cache_size_mb: 1024 }
      assertBounded(await readSlowly(READERS / 2, { cache_layers: ['memory', 'disk'], disk }))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
