// The level of the log is looked at and set while the program runs, in all of its threads.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openCachedFront, TOKEN } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { request } from '../support/http.ts'

const VIEWER = 'v3Hs-6fGd0Js7Mv5Qe2Xk'
const PURGER = 'w3Hs-6fGd0Js7Mv5Qe2Xk'
const admin = { token: TOKEN, roles: { viewer: { token: VIEWER }, purger: { token: PURGER } } }

const set = (front: CachedFront, level: unknown, token = TOKEN) =>
  front.call('PUT', '/admin/logging', { body: JSON.stringify({ level }), token })

let requests = 0

/** On a connection of its own, which may be any thread's. */
async function ask(front: CachedFront): Promise<string> {
  const id = `live-${(requests += 1)}`
  await request(`${front.url}/health`, { headers: { 'X-Request-ID': id, Connection: 'close' } })
  return id
}

async function written(front: CachedFront): Promise<ReadonlySet<unknown>> {
  front.sluice.kill('SIGTERM')
  await front.sluice.exited
  return new Set(front.sluice.logLines().map((line) => line['request_id']))
}

for (const threads of [1, 2]) {
  test(`of ${threads} threads each writes as much as it is told to`, async () => {
    await using front = await openCachedFront({ admin, server: { threads } })
    const loud: string[] = []
    const quiet: string[] = []
    for (let n = 0; n < 12; n += 1) loud.push(await ask(front))
    assert.deepEqual(await set(front, 'warn').then(({ status, json }) => [status, json]), [
      200,
      { level: 'warn' },
    ])
    for (let n = 0; n < 12; n += 1) quiet.push(await ask(front))
    assert.deepEqual((await front.call('GET', '/admin/logging')).json, { level: 'warn' })
    await set(front, 'info')
    for (let n = 0; n < 12; n += 1) loud.push(await ask(front))
    const seen = await written(front)
    assert.deepEqual(
      loud.filter((id) => !seen.has(id)),
      [],
    )
    assert.deepEqual(
      quiet.filter((id) => seen.has(id)),
      [],
    )
  })
}

test('only an operator sets it, a viewer looks; what is no level is refused', async () => {
  await using front = await openCachedFront({ admin })
  const statusOf = async (level: unknown, token?: string): Promise<number> =>
    (await set(front, level, token)).status
  assert.equal(await statusOf('debug', VIEWER), 403)
  assert.equal(await statusOf('debug', PURGER), 403)
  assert.equal(await statusOf('debug', ''), 401)
  for (const level of ['loud', 'INFO', '', 7, null, undefined]) {
    assert.equal(await statusOf(level), 400, String(level))
  }
  const strange = await front.call('PUT', '/admin/logging', {
    body: '{"level":"info","format":"x"}',
  })
  assert.equal(strange.status, 400)
  const queried = await front.call('PUT', '/admin/logging?level=warn', { body: '{"level":"info"}' })
  assert.equal(queried.status, 400)
  const { status, json } = await front.call('GET', '/admin/logging', { token: VIEWER })
  assert.deepEqual([status, json], [200, { level: 'info' }])
  const posted = await front.call('POST', '/admin/logging', { body: '{"level":"info"}' })
  assert.deepEqual([posted.status, posted.answer.headers['allow']], [405, 'GET, HEAD, PUT'])
})

test('who set it is written', async () => {
  await using front = await openCachedFront({ admin })
  await set(front, 'debug')
  const line = await front.sluice.logLine(({ call }) => call === 'logging')
  assert.deepEqual([line['outcome'], line['rule'], line['role']], ['done', 'debug', 'operator'])
})
