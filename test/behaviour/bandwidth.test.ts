// How fast answers leave: never faster than it is said, and byte for byte the same.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { generateBytes } from '../../dev/s3-server.ts'
import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { createCertificate } from '../support/certificates.ts'
import { explainAt, stepOf } from '../support/explained.ts'
import { bucketAt } from '../support/front.ts'
import { download, request, sha256 } from '../support/http.ts'
import { ask, openSession } from '../support/http2.ts'
import { occupy } from '../support/occupant.ts'
import { connect, soon } from '../support/peer.ts'
import { runSluice } from '../support/sluice.ts'
import { hmac, SECRET, token } from '../support/tokens.ts'
import { until } from '../support/until.ts'

const KB = 1024
const BYTES = generateBytes('paced', 0, 1024 * KB)
const SUM = sha256(BYTES)

const BUCKETS = {
  each: { bandwidth: { per_request: '512KB', burst: '128KB' } },
  client: { bandwidth: { per_client: '1MB', burst: 0 } },
  both: { bandwidth: { per_request: '512KB', per_client: '1MB', burst: 0 } },
  known: {
    bandwidth: { per_client: '1MB', burst: 0 },
    auth: { enabled: true, jwt: { secret: SECRET, algorithm: 'HS256' } },
  },
  uncached: { bandwidth: { per_request: '1MB', burst: 0 }, cache: { enabled: false } },
  slow: { bandwidth: { per_request: '1KB', burst: 0 } },
}

async function open(server: object = {}): Promise<CachedFront> {
  const front = await openCachedFront(
    { server: { trusted_proxies: ['127.0.0.1'], ...server } },
    {
      buckets: (endpoint) =>
        Object.entries(BUCKETS).map(([name, settings]) =>
          bucketAt(endpoint, { name, s3: { stall_timeout: '1s' }, ...settings }),
        ),
    },
  )
  front.put('a', BYTES)
  front.put('small', 'body')
  return front
}

/** Of some answers at the same time; how long all of them took, in ms. */
async function timed(
  ...urls: readonly (readonly [url: string, headers?: object])[]
): Promise<number> {
  const startedAt = performance.now()
  const all = await Promise.all(
    urls.map(([url, headers]) => download(url, { headers: { ...headers } })),
  )
  for (const { status, sha256: sum, aborted } of all) {
    assert.deepEqual([status, sum, aborted], [200, SUM, false])
  }
  return performance.now() - startedAt
}

/** Timers are whole milliseconds, and a little early or late. */
function assertAtLeast(ms: number, wantedMs: number): void {
  assert.ok(ms >= wantedMs * 0.97 - 5, `${ms} ms, and not ${wantedMs}`)
}

describe('bandwidth', () => {
  let front: CachedFront
  before(async () => (front = await open({ limits: { stall_timeout: '1s' } })))
  after(() => front[Symbol.asyncDispose]())

  test('per_request holds each answer, from the origin and out of memory, behind its burst', async () => {
    const leastMs = ((1024 - 128) / 512) * 1000
    assertAtLeast(await timed([`${front.url}/each/a`]), leastMs)
    assertAtLeast(await timed([`${front.url}/each/a`]), leastMs)
    // Others go on as they did.
    const others = await timed([`${front.url}/each/a`], [`${front.url}/each/a`])
    assertAtLeast(others, leastMs)
  })

  test('an uncached bucket is held too, and a range of an object', async () => {
    assertAtLeast(await timed([`${front.url}/uncached/a`]), 1000)
    const startedAt = performance.now()
    const part = await request(`${front.url}/uncached/a`, {
      headers: { Range: 'bytes=1000-500999' },
    })
    assertAtLeast(performance.now() - startedAt, (500_000 / (1024 * KB)) * 1000)
    assert.equal(part.status, 206)
    assert.ok(part.body.equals(BYTES.subarray(1000, 501_000)))
  })

  test('per_client holds all answers to one address together', async () => {
    const url = `${front.url}/client/a`
    const from = (address: string): object => ({ 'X-Forwarded-For': address })
    const one = await timed([url, from('192.0.2.1')], [url, from('192.0.2.1')])
    assertAtLeast(one, 2000)
    const startedAt = performance.now()
    const others = ['192.0.2.2', '192.0.2.3', '192.0.2.4', '192.0.2.5']
    await timed(...others.map((address) => [url, from(address)] as const))
    // Together they would take four seconds, were they one.
    assert.ok(performance.now() - startedAt < 3500)
  })

  test('per_client goes by who it is, wherever they are, where that is known', async () => {
    const url = `${front.url}/known/a`
    const as = (sub: string, address: string): object => ({
      Authorization: `Bearer ${token({ claims: { sub }, sign: hmac() })}`,
      'X-Forwarded-For': address,
    })
    assertAtLeast(await timed([url, as('ann', '192.0.2.1')], [url, as('ann', '192.0.2.2')]), 2000)
    const startedAt = performance.now()
    const others = ['ben', 'cid', 'dan', 'eve']
    await timed(...others.map((sub) => [url, as(sub, '192.0.2.9')] as const))
    assert.ok(performance.now() - startedAt < 3500)
  })

  test('both hold at the same time', async () => {
    assertAtLeast(await timed([`${front.url}/both/a`]), 2000)
  })

  test('a bucket without it is not held', async () => {
    const startedAt = performance.now()
    await timed([`${front.url}/files/a`])
    assert.ok(performance.now() - startedAt < 1000)
  })

  test('what is slower than stall_timeout is no stall', async () => {
    const startedAt = performance.now()
    const headers = { Range: 'bytes=0-3071' }
    const { status, body } = await request(`${front.url}/slow/a`, { headers })
    assert.equal(status, 206)
    assert.ok(body.equals(BYTES.subarray(0, 3072)))
    assertAtLeast(performance.now() - startedAt, 3000)
  })

  test('a client that stalls is cut off all the same', async () => {
    front.put('long', { size: 64 * KB * KB, seed: 'long' })
    const slow = await occupy(front.port, '/client/long')
    await until(
      'its place is free',
      () => explainAt(front, { path: '/client/a' }),
      (told) => Object(stepOf(told, 'slots')['server'])['in_use'] === 0,
    )
    slow.destroy()
  })

  test('a client that leaves lets go of the origin', async () => {
    front.put('left', { size: 8 * KB * KB, seed: 'left' })
    const { aborted } = await download(`${front.url}/uncached/left`, { abortAfter: 100 })
    assert.equal(aborted, true)
    await until(
      'the origin is let go',
      async () => front.s3.requests.filter(({ key }) => key === 'left').map(({ state }) => state),
      (states) => states.length > 0 && states.every((state) => state !== 'open'),
    )
  })

  test('a HEAD and a refusal are not held', async () => {
    const startedAt = performance.now()
    assert.equal((await request(`${front.url}/slow/a`, { method: 'HEAD' })).status, 200)
    assert.equal((await request(`${front.url}/slow/none`)).status, 404)
    assert.ok(performance.now() - startedAt < 2000)
  })

  test('explain tells the pace', async () => {
    const step = stepOf(await explainAt(front, { path: '/both/a' }), 'bandwidth')
    assert.equal(
      step.reason,
      'A body leaves at most at 524288 bytes a second for one answer and at 1048576 bytes a second for all answers to one client.',
    )
  })
})

test('per_client spans the threads', async () => {
  await using front = await open({ threads: 2 })
  const headers = { 'X-Forwarded-For': '192.0.2.1' }
  const urls = Array.from({ length: 6 }, () => [`${front.url}/client/a`, headers] as const)
  assertAtLeast(await timed(...urls), 6000)
})

test('HTTP/2 is held too', async () => {
  using certificate = createCertificate()
  const { certPath, keyPath } = certificate
  await using front = await open({
    https: { enabled: true, cert_path: certPath, key_path: keyPath },
  })
  const session = openSession(front.port)
  const startedAt = performance.now()
  const { body } = await ask(session, { ':path': '/uncached/a' })
  assertAtLeast(performance.now() - startedAt, 1000)
  assert.ok(body.equals(BYTES))
  session.destroy()
})

test('a paced body ends in the drain, whole', async () => {
  await using front = await open()
  const peer = await connect(front.port)
  peer.send('GET /uncached/a HTTP/1.1\r\nHost: x\r\n\r\n')
  await peer.until(/^HTTP\/1.1 200/)
  front.sluice.kill('SIGTERM')
  assert.equal((await soon(front.sluice.exited, 'the end')).code, 0)
  const body = peer.text.slice(peer.text.indexOf('\r\n\r\n') + 4)
  assert.equal(sha256(Buffer.from(body, 'latin1')), SUM)
})

test('mistakes stop the start, each with its place', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bandwidth-'))
  const file = join(folder, 'config.yaml')
  const told = async (bandwidth: object): Promise<string> => {
    const buckets = [{ name: 'a', path_prefix: '/a', s3: { bucket: 'b' }, bandwidth }]
    writeFileSync(file, JSON.stringify({ buckets }))
    const { stdout, stderr } = await runSluice(['check', '--config', file])
    return stdout + stderr
  }
  assert.match(
    await told({ burst: '1MB' }),
    /bandwidth\.per_request: is missing, and per_client too/,
  )
  assert.match(
    await told({ per_request: '2MB', per_client: '1MB' }),
    /bandwidth\.per_request: is above per_client \(2MiB > 1MiB\)/,
  )
  assert.match(await told({ per_request: 1000 }), /bandwidth\.per_request: wanted a size/)
  assert.match(
    await told({ per_requst: '1MB', per_client: '1MB' }),
    /bandwidth\.per_requst: unknown setting \(did you mean per_request\?\)/,
  )
  rmSync(folder, { recursive: true })
})
