// A sliding window as its clients meet it: by the clock, and over its borders.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'

import { openFront } from '../support/front.ts'
import { request } from '../support/http.ts'

const WINDOW_MS = 4000
const QUOTA = 4
/** Then there is time for all that is asked here before the first counts no more. */
const SOON_MS = 3000

test('a sliding window admits no more where two windows of the clock meet', async () => {
  const limit = { name: 'few', key: 'ip', requests: QUOTA, window: '4s' }
  await using front = await openFront({
    rate_limiting: { limits: [{ ...limit, algorithm: 'sliding_window' }] },
  })
  front.put('a', 'body')
  const ask = () => request(`${front.url}/files/a`)

  // The last quarter of a window begins.
  await delay((WINDOW_MS * 1.75 - (Date.now() % WINDOW_MS)) % WINDOW_MS)
  const start = performance.now()
  for (let count = 0; count < QUOTA; count += 1) assert.equal((await ask()).status, 200)
  let waitSeconds = 0
  while (performance.now() - start < SOON_MS) {
    const { status, headers } = await ask()
    // A machine that slept may have admitted it.
    if (performance.now() - start >= WINDOW_MS) break
    assert.equal(status, 429)
    waitSeconds = Number(headers['retry-after'])
    await delay(100)
  }
  await delay(waitSeconds * 1000)
  assert.equal((await ask()).status, 200)
})
