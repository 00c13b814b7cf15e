// Each thread explains what it would do.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import { explainAt } from '../support/explained.ts'

test('every thread tells what it would do, with and without a cache', async () => {
  await using front = await openCachedFront({ server: { threads: 2 } })
  front.put('a', 'body')
  const verdicts = async (): Promise<string> => {
    const { threads = [] } = await explainAt(front, { path: '/files/a' })
    const all = threads.map((summary) => String((summary as { verdict?: string }).verdict))
    return all.toSorted((one, other) => one.localeCompare(other)).join()
  }
  assert.equal(await verdicts(), 'fetch,fetch')
  await front.look('a')
  assert.equal(await verdicts(), 'serve,serve')

  await using bare = await openCachedFront({ server: { threads: 2 }, cache: { enabled: false } })
  const { steps, threads = [] } = await explainAt(bare, { path: '/files/a' })
  assert.equal(threads.length, 2)
  assert.equal(steps.find(({ step }) => step === 'cache')?.outcome, 'off')
})
