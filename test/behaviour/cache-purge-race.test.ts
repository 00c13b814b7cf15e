// What was asked of S3 before a purge is not served to anyone who comes after it.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { until } from '../support/until.ts'

const front = await openCachedFront()
after(() => front[Symbol.asyncDispose]())

function count(key: string): number {
  return front.s3.requests.filter((logged) => logged.key === key).length
}

async function askedTimes(key: string, times: number): Promise<void> {
  await until('a question', async () => count(key), (asked) => asked === times) // prettier-ignore
}

function ask(key: string): Promise<Answer> {
  return request(`${front.url}/files/${key}`)
}

const RULES: readonly (readonly [string, (key: string) => object])[] = [
  ['its key', (key) => ({ bucket: 'files', key })],
  ['everything', () => ({ all: true })],
]

for (const [what, ruleOf] of RULES) {
  test(`an answer on its way through a purge of ${what} is for those alone who asked before`, async () => {
    const key = `slow-${what.length}`
    front.put(key, 'old')
    front.s3.fault({ kind: 'delay', delayMs: 1000, match: { key }, times: 1 })
    const before = ask(key)
    await askedTimes(key, 1)
    assert.equal((await front.purge(ruleOf(key))).status, 200)
    const later = await ask(key)
    assert.equal((await before).status, 200)
    assert.equal(later.status, 200)
    assert.equal(count(key), 2)
    // What the first one brought is not known either.
    const next = await ask(key)
    assert.match(String(next.headers['cache-status']), /^sluice; fwd=uri-miss; stored/)
    assert.equal(count(key), 3)
  })
}

test('bytes still arriving at a purge are not served after it', async () => {
  const key = 'arriving'
  const size = 3 * 1024 * 1024
  front.put(key, { seed: 'arriving', size })
  front.s3.fault({ kind: 'slow', bytesPerSecond: 2 * 1024 * 1024, match: { key } })
  const before = ask(key)
  await until('bytes', async () => front.s3.requests.at(-1)?.bytesSent ?? 0, (sent) => sent > 500_000) // prettier-ignore
  await front.purge({ bucket: 'files', key })
  assert.equal((await before).body.length, size)
  front.s3.clearFaults()
  assert.equal((await ask(key)).body.length, size)
  const sent = front.s3.requests
    .filter((logged) => logged.key === key)
    .reduce((sum, { bytesSent }) => sum + bytesSent, 0)
  assert.ok(sent >= 2 * size, `${sent} bytes for two times ${size}`)
})
