// A small cache that much is asked of, at once and in every way: whatever is pushed out, purged or
// replaced while slow clients still read it, each of them has the bytes of the version it was told of.
// Afterwards all of the memory is free again.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'

import { generateBytes } from '../../dev/s3-server.ts'
import { readByteRanges } from '../support/byteranges.ts'
import { openCachedFront, TOKEN } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { createCertificate } from '../support/certificates.ts'
import { ORIGIN_BUCKET } from '../support/front.ts'
import { request } from '../support/http.ts'
import { ask, openSession } from '../support/http2.ts'
import { partMissing } from '../support/parts.ts'
import { askAtOnce } from '../support/pipeline.ts'
import type { Asked, Came } from '../support/pipeline.ts'
import { openRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const KIB = 1024
const TIER_MIB = 8
const TIER_BYTES = TIER_MIB * KIB * KIB
const SLICE = 256 * KIB
const SECONDS = Number(process.env['STRESS_SECONDS'] ?? 4)
const SEED = Number(process.env['STRESS_SEED'] ?? 1)
const CLIENTS = 12
const SIZES = [0, 1, 500, 4096, 4097, 60_000, SLICE, SLICE + 1, 700_000, 2_000_000, 5_000_000]
const KEYS = 44

const noRedis = partMissing('redis-server')
const certificate = createCertificate()
const folder = mkdtempSync(join(tmpdir(), 'sluice-stress-'))
after(() => {
  certificate[Symbol.dispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** Mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

class World {
  readonly front: CachedFront
  readonly random: () => number
  readonly #bytesOf = new Map<string, Buffer>()
  answers = 0
  whole = 0
  hits = 0

  constructor(front: CachedFront, seed: number) {
    this.front = front
    this.random = randomOf(seed)
    for (let index = 0; index < KEYS; index += 1) this.change(index)
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit)
  }

  /** A new version, of another size. */
  change(index: number): void {
    const size = SIZES[this.below(SIZES.length)] ?? 0
    const bytes = generateBytes(`${this.random()}`, 0, size)
    const { etag } = this.front.s3.putObject(ORIGIN_BUCKET, `${index}`, bytes)
    this.#bytesOf.set(etag, bytes)
  }

  check({ asked, status, headers, body, isWhole }: Came): void {
    this.answers += 1
    if (headers.get('x-cache') === 'HIT') this.hits += 1
    const what = `${asked.method} ${asked.path} ${JSON.stringify(asked.headers)}: ${status}`
    if (asked.path.includes('missing')) {
      assert.equal(status, 404, what)
      return
    }
    // What changes again and again while it is looked at is given up.
    if (status === 416 || status === 304 || status === 502) return
    assert.ok(status === 200 || status === 206, what)
    if (isWhole) this.whole += 1
    const bytes = this.#bytesOf.get(headers.get('etag') ?? '')
    assert.ok(bytes !== undefined, `${what}: of no version`)
    if (asked.method === 'HEAD') {
      assert.equal(Number(headers.get('content-length')), bytes.length, what)
      return
    }
    const type = headers.get('content-type') ?? ''
    if (!type.startsWith('multipart/')) {
      const first = Number(/^bytes (\d+)-/.exec(headers.get('content-range') ?? '')?.[1] ?? 0)
      assertSame(body, bytes.subarray(first, first + body.length), what)
      if (isWhole && status === 200) assert.equal(body.length, bytes.length, what)
      return
    }
    if (!isWhole) return
    for (const part of readByteRanges(type, body)) {
      const first = Number(/^bytes (\d+)-/.exec(part.contentRange)?.[1])
      assertSame(part.bytes, bytes.subarray(first, first + part.bytes.length), what)
    }
  }

  asked(): Asked {
    if (this.random() < 0.04) return { method: 'GET', path: `/files/missing-${this.below(5)}` }
    const path = `/files/${Math.floor(this.random() ** 2 * KEYS)}`
    const method = this.random() < 0.05 ? 'HEAD' : 'GET'
    const range = this.#range()
    return range === undefined ? { method, path } : { method, path, headers: { range } }
  }

  #range(): string | undefined {
    const from = this.below(3_000_000)
    switch (this.below(8)) {
      case 0:
        return `bytes=${this.below(5000)}-`
      case 1:
        return `bytes=${from}-${from + this.below(600_000)}`
      case 2:
        return `bytes=0-9999,${100_000 + from}-${200_000 + from},${500_000 + from}-`
      case 3:
        return `bytes=-${this.below(300_000)}`
      default:
        return undefined
    }
  }

  pace(): (bytes: number) => number {
    const stop = this.random() < 0.2 ? this.below(4_000_000) : Infinity
    const manner = this.below(3)
    let read = 0
    return (bytes) => {
      read += bytes
      if (read > stop) return -1
      if (manner === 0) return 0
      if (manner === 1) return this.random() < 0.03 ? this.below(20) : 0
      return this.random() < 0.02 ? this.below(300) : 0
    }
  }
}

function assertSame(got: Buffer, wanted: Buffer, what: string): void {
  if (Buffer.compare(got, wanted) === 0) return
  const at = got.findIndex((byte, index) => byte !== wanted[index])
  const found = got.subarray(at, at + 16).toString('hex')
  assert.fail(`${what}: ${got.length} bytes, other than they are from ${at} on: ${found}`)
}

async function visitOverHttp1(world: World, isTls: boolean): Promise<void> {
  const all = Array.from({ length: 1 + world.below(8) }, () => world.asked())
  const { port } = world.front
  for (const came of await askAtOnce(all, { port, isTls, pace: world.pace() })) world.check(came)
}

async function visitOverHttp2(world: World): Promise<void> {
  const session = openSession(world.front.port)
  const visits = Array.from({ length: 1 + world.below(5) }, async () => {
    const asked = world.asked()
    const pace = world.pace()
    const onChunk = (chunk: Buffer): Promise<void> | undefined => {
      const waitMs = pace(chunk.length)
      if (waitMs < 0) session.destroy()
      return waitMs > 0 ? delay(waitMs) : undefined
    }
    const pseudo = { ':path': asked.path, ':method': asked.method }
    const answer = await ask(session, { ...pseudo, ...asked.headers }, { onChunk }).catch(
      () => null,
    )
    if (answer === null || answer.status === 0) return
    const fields = Object.entries(answer.headers).map(([k, v]): [string, string] => [k, String(v)])
    const headers = new Map(fields)
    const isWhole = answer.body.length === Number(headers.get('content-length') ?? 0)
    world.check({ asked, status: answer.status, headers, body: answer.body, isWhole })
  })
  await Promise.all(visits)
  session.destroy()
}

/** Purges and new versions, in between. */
async function disturb(world: World): Promise<void> {
  const key = `${world.below(KEYS)}`
  switch (world.below(5)) {
    case 0:
      world.change(Number(key))
      await world.front.purge({ bucket: 'files', key })
      return
    case 1:
      world.change(Number(key))
      return
    case 2:
      await world.front.purge({ bucket: 'files', key, soft: true })
      return
    case 3:
      await world.front.purge(world.random() < 0.2 ? { all: true } : { bucket: 'files', key })
      return
    default:
      await world.front.call('POST', '/admin/explain', {
        body: JSON.stringify({ path: `/files/${key}` }),
      })
  }
}

async function stress(world: World, isTls: boolean): Promise<void> {
  const endAt = performance.now() + SECONDS * 1000
  const repeat = async (work: () => Promise<void>): Promise<void> => {
    while (performance.now() < endAt) await work()
  }
  const clients = Array.from({ length: CLIENTS }, (_, index) =>
    repeat(() => (isTls && index % 2 === 0 ? visitOverHttp2(world) : visitOverHttp1(world, isTls))),
  )
  const disturber = repeat(async () => {
    await disturb(world)
    await delay(20)
  })
  await Promise.all([...clients, disturber])
}

async function memoryBytes(front: CachedFront): Promise<number> {
  const { json } = await front.call('GET', '/admin/cache/stats')
  return Number(Object(json['memory']).bytes)
}

/** As much of it as there was at first. */
async function assertAllFree(front: CachedFront, scheme: string): Promise<void> {
  const count = Math.ceil(TIER_BYTES / SLICE) + 2
  for (let index = 0; index < count; index += 1)
    front.put(`filler-${index}`, { seed: '', size: SLICE })
  const url = `${scheme}://127.0.0.1:${front.port}/files`
  await until(
    'the memory is free again',
    async () => {
      await front.purge({ all: true })
      await until(
        'an empty memory',
        () => memoryBytes(front),
        (bytes) => bytes === 0,
      )
      for (let index = 0; index < count; index += 1) {
        await request(`${url}/filler-${index}`, { rejectUnauthorized: false })
      }
      return memoryBytes(front)
    },
    (bytes) => bytes >= 0.9 * TIER_BYTES,
  )
}

const CASES = [
  { name: 'memory alone', layers: ['memory'], isTls: false },
  { name: 'memory alone, over TLS and HTTP/2', layers: ['memory'], isTls: true },
  { name: 'memory before a disk', layers: ['memory', 'disk'], isTls: false },
  { name: 'memory behind a disk', layers: ['disk', 'memory'], isTls: false },
  { name: 'memory before Redis', layers: ['memory', 'redis'], isTls: true },
  { name: 'a disk alone', layers: ['disk'], isTls: false },
  { name: 'a disk alone, over TLS and HTTP/2', layers: ['disk'], isTls: true },
]

describe('a small cache that much is asked of', () => {
  for (const [index, { name, layers, isTls }] of CASES.entries()) {
    const skip = layers.includes('redis') && noRedis
    test(
      `gives right bytes alone, and all of its memory back: ${name}`,
      { skip },
      async (context) => {
        await using redis = layers.includes('redis') ? await openRedis() : undefined
        const https = {
          enabled: true,
          cert_path: certificate.certPath,
          key_path: certificate.keyPath,
        }
        await using front = await openCachedFront({
          admin: { token: TOKEN },
          server: isTls ? { https } : {},
          cache: {
            cache_layers: layers,
            slice_size: '256KiB',
            fill_memory: '16MiB',
            memory: { max_cache_size_mb: TIER_MIB, max_item_size_mb: TIER_MIB },
            disk: { cache_dir: join(folder, `${index}`), max_disk_cache_size_mb: 24 },
            ...(redis && { redis: { enabled: true, redis_url: redis.url } }),
          },
        })
        const world = new World(front, SEED * 100 + index)
        await stress(world, isTls)
        context.diagnostic(`${world.answers} answers, ${world.whole} whole, ${world.hits} hits`)
        assert.ok(world.whole > 50 && world.hits > 10, 'too little happened')
        if (layers.includes('memory')) await assertAllFree(front, isTls ? 'https' : 'http')
        assert.deepEqual(
          front.sluice.logLines().filter(({ level }) => level === 'error'),
          [],
        )
      },
    )
  }
})
