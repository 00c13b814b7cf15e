// What memory holds goes to sockets as it lies there. It stays as it is for as long as a socket
// reads it, whatever pushes it out meanwhile, and its room is free again when the last has done.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { generateBytes } from '../../dev/s3-server.ts'
import { createCertificate } from '../support/certificates.ts'
import { openCachedFront, TOKEN } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { until } from '../support/fleet.ts'
import { download, request, sha256 } from '../support/http.ts'
import { ask, openSession } from '../support/http2.ts'

const MIB = 2 ** 20
const TIER_MIB = 24
/** More than what the kernel keeps of it on both sides. */
const LARGE = 18 * MIB
const LARGE_SHA = sha256(generateBytes('large', 0, LARGE))
const OTHERS = 30
/** They fill much of the tier, and find room only where what was lent has come back. */
const HELD_AT_ONCE = 18

const insecure = { rejectUnauthorized: false }
const memory = { max_cache_size_mb: TIER_MIB, max_item_size_mb: TIER_MIB }
const cache = { cache_layers: ['memory'], memory }
const certificate = createCertificate()
const https = { enabled: true, cert_path: certificate.certPath, key_path: certificate.keyPath }

let plain: CachedFront
let secure: CachedFront

before(async () => {
  plain = await openCachedFront({ cache, admin: { token: TOKEN } })
  secure = await openCachedFront({ cache, admin: { token: TOKEN }, server: { https } })
  for (const front of [plain, secure]) {
    front.put('large', { seed: 'large', size: LARGE })
    for (let index = 0; index < OTHERS; index += 1) {
      front.put(`other-${index}`, { seed: `other-${index}`, size: MIB })
    }
  }
})

after(async () => {
  await plain?.[Symbol.asyncDispose]()
  await secure?.[Symbol.asyncDispose]()
  certificate[Symbol.dispose]()
})

async function isHit(front: CachedFront, key: string): Promise<boolean> {
  const answer = await request(`${front.url}/files/${key}`, insecure)
  assert.equal(answer.status, 200)
  return answer.headers['x-cache'] === 'HIT'
}

/** Until it is held: a policy may want to see it twice. */
async function hold(front: CachedFront, key: string): Promise<void> {
  for (let look = 0; look < 5; look += 1) if (await isHit(front, key)) return
  assert.fail(`${key} is never held`)
}

async function memoryBytes(front: CachedFront): Promise<unknown> {
  const { json } = await front.call('GET', '/admin/cache/stats')
  return Object(json['memory']).bytes
}

/** Others take the room of what was lent last. */
async function pushOut(front: CachedFront): Promise<void> {
  await front.purge({ bucket: 'files', key: 'large' })
  for (let index = 0; index < OTHERS; index += 1) await isHit(front, `other-${index}`)
}

/** Room for all of it: what was there before is gone. */
async function assertRoom(front: CachedFront): Promise<void> {
  await front.purge({ all: true })
  await until(async () => (await memoryBytes(front)) === 0, 'an empty memory')
  for (let index = 0; index < HELD_AT_ONCE; index += 1) await hold(front, `other-${index}`)
  const held = []
  for (let index = 0; index < HELD_AT_ONCE; index += 1) {
    if (await isHit(front, `other-${index}`)) held.push(index)
  }
  assert.ok(held.length >= HELD_AT_ONCE - 2, `of ${HELD_AT_ONCE} only ${held.join()} are held`)
}

describe('a client who stops reading in the middle of a hit', () => {
  for (const [name, frontOf] of [
    ['HTTP/1.1', () => plain],
    ['TLS', () => secure],
  ] as const) {
    test(`has the right bytes over ${name}, though they were pushed out`, async () => {
      const front = frontOf()
      await hold(front, 'large')
      const { headers, ...got } = await download(`${front.url}/files/large`, {
        ...insecure,
        onChunk: (_, read) => (read === 0 ? pushOut(front) : undefined),
      })
      assert.deepEqual([headers['x-cache'], got.bytes, got.sha256], ['HIT', LARGE, LARGE_SHA])
    })
  }

  test('has the right bytes over HTTP/2, though they were pushed out', async () => {
    await hold(secure, 'large')
    const session = openSession(secure.port)
    const { body, headers } = await ask(
      session,
      { ':path': '/files/large' },
      { onChunk: (_, read) => (read === 0 ? pushOut(secure) : undefined) },
    )
    session.destroy()
    assert.deepEqual([headers['x-cache'], sha256(body)], ['HIT', LARGE_SHA])
  })
})

describe('room that was lent is free again', () => {
  test('after clients left in the middle of hits, whatever they asked for', async () => {
    await hold(plain, 'large')
    const leaves = [undefined, 'bytes=1000000-', 'bytes=0-2000000,4000000-9000000', 'bytes=-1']
    for (let round = 0; round < 40; round += 1) {
      const range = leaves[round % leaves.length]
      const headers = range === undefined ? {} : { range }
      await download(`${plain.url}/files/large`, { headers, abortAfter: round * 100_000 })
      await request(`${plain.url}/files/large`, { method: 'HEAD' })
    }
    await assertRoom(plain)
  })

  test('after hits over TLS and HTTP/2', async () => {
    await hold(secure, 'other-1')
    const session = openSession(secure.port)
    for (let round = 0; round < 40; round += 1) {
      const { body } = await ask(session, { ':path': '/files/other-1' })
      assert.equal(body.length, MIB)
      assert.ok(await isHit(secure, 'other-1'))
    }
    session.destroy()
    await assertRoom(secure)
  })
})
