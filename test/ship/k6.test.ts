// The load scripts, for a moment each, against a real Sluice: that they run, that what they assert holds, and
// that they say so when it does not.

import assert from 'node:assert/strict'
import { globSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { openLoadWorld } from '../../dev/load-world.ts'
import type { LoadWorld } from '../../dev/load-world.ts'
import { startChild } from '../support/children.ts'
import { partIfThere } from '../support/parts.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const LOAD = join(ROOT, 'dev/load.ts')
const SCRIPTS = globSync('k6/*.ts', { cwd: ROOT }).map((file) => basename(file, '.ts'))

/** Others run beside this, and a busy machine is slow; that is not what is looked at here. */
const GENTLE = {
  DURATION: '1500ms',
  RAMP: '200ms',
  RATE: '50',
  VUS: '2',
  PURGERS: '2',
  WELL_FOR: '0.2',
  AWAY_FOR: '0.3',
  THREADS: '2',
  P95_MS: '20000',
  P99_MS: '20000',
  MAX_MS: '30000',
  MOST_DROPPED: '1000',
}

interface Run {
  readonly code: number | null
  readonly said: string
}

async function load(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Run> {
  let said = ''
  const child = startChild(process.execPath, [LOAD, ...args], {
    env: { ...process.env, ...GENTLE, ...env },
    onStdout: (text) => (said += text),
  })
  const { code } = await child.exited
  return { code, said: said + child.stderr() }
}

test('there is a script for each kind of load', () => {
  assert.deepEqual(new Set(SCRIPTS), new Set(KINDS))
})

const KINDS = [
  'throughput',
  'concurrency',
  'ranges',
  'hit-rate',
  'soak',
  'purge-storm',
  'reload',
  'failover',
]

test('the objects can be written for another S3, and an unknown script is refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-objects-'))
  assert.equal((await load(['objects', folder])).code, 0)
  assert.equal(statSync(join(folder, 'small/199')).size, 2048)
  assert.equal(statSync(join(folder, 'medium/49')).size, 65_536)
  assert.equal(statSync(join(folder, 'ruler.txt')).size, 4 * 1024 * 1024)
  rmSync(folder, { recursive: true })
  const { code, said } = await load(['through-put'])
  assert.equal(code, 1)
  assert.match(said, /which script\? concurrency, /)
})

// Where there is none, the runner of the tests says so.
if (partIfThere('k6') !== undefined) {
  let world: LoadWorld
  before(async () => {
    world = await openLoadWorld('2')
  })
  after(() => world?.[Symbol.asyncDispose]())

  for (const name of KINDS) {
    test(`k6 runs ${name}, and every threshold is kept`, async () => {
      // The first in a world of its own, as it is run by hand.
      const { code, said } = await load([name, '--quiet'], name === KINDS[0] ? {} : world.env)
      assert.equal(code, 0, said)
      assert.match(said, /checks_succeeded\.*: 100\.00% [1-9]/)
    })
  }

  test('what is not as a script asserts is seen', async () => {
    const wrongBytes = await load(['ranges', '--quiet'], { ...world.env, RULER_BYTES: '4000000' })
    assert.equal(wrongBytes.code, 99, wrongBytes.said)
    const fewHits = await load(['hit-rate', '--quiet'], { ...world.env, HIT_RATE: '1.1' })
    assert.equal(fewHits.code, 99, fewHits.said)
  })
}
