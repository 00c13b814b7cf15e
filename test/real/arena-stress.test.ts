// The tier of all threads under everything at once, with threads that are killed: `bench/arena-stress.ts`,
// which may be run for as long as one likes.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

const SECONDS = 20

test('no byte is wrong and no room is missing, whenever threads are killed', async (context) => {
  const program = new URL('../../bench/arena-stress.ts', import.meta.url).pathname
  const { stdout } = await promisify(execFile)(process.execPath, [program, `${SECONDS}`, '3'])
  context.diagnostic(stdout)
  const { wrong, missing, reads, kills } = JSON.parse(stdout) as Record<string, unknown>
  assert.deepEqual({ wrong, missing }, { wrong: [], missing: [] })
  assert.ok(Number(reads) > 0 && Number(kills) > 0)
})
