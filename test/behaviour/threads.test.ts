// Several threads, each a complete proxy, on one port.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { usableCores } from '../../src/server/cpus.ts'
import { openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { download, request } from '../support/http.ts'
import { INSPECTED, inspect } from '../support/inspector.ts'
import type { Inspector } from '../support/inspector.ts'
import { eventually, soon } from '../support/peer.ts'
import { openSluice } from '../support/sluice.ts'

async function openThreads(threads: number | 'auto'): Promise<Front> {
  const front = await openFront({ server: { threads } }, { env: INSPECTED })
  front.put('small', 'hello')
  return front
}

const COUNT = `
  globalThis.asked = 0
  process.getBuiltinModule('node:diagnostics_channel')
    .subscribe('net.server.socket', () => { globalThis.asked += 1 })`

/** How many of the connections each worker served. */
async function shares(front: Front, inspector: Inspector, connections: number): Promise<number[]> {
  const workers = inspector.workers()
  for (const worker of workers) await inspector.evaluate(worker, COUNT)
  const answers = await Promise.all(
    Array.from({ length: connections }, () => request(`${front.url}/files/small`)),
  )
  assert.ok(answers.every(({ status, text }) => status === 200 && text === 'hello'))
  const asked = workers.map((worker) => inspector.evaluate(worker, 'globalThis.asked'))
  return (await Promise.all(asked)).map(Number)
}

async function workersAre(inspector: Inspector, count: number): Promise<void> {
  await eventually(() => inspector.workers().length === count, `${count} workers`)
}

test('both threads serve on a port that was chosen freely', async () => {
  await using front = await openThreads(2)
  using inspector = await inspect(front.sluice)
  await workersAre(inspector, 2)
  const served = await shares(front, inspector, 100)
  assert.ok(
    served.every((count) => count > 0),
    `each serves: ${served.join(' and ')}`,
  )
  assert.equal(
    served.reduce((sum, count) => sum + count, 0),
    100,
  )
})

test('one thread is the main thread', async () => {
  await using front = await openThreads(1)
  using inspector = await inspect(front.sluice)
  assert.equal((await request(`${front.url}/files/small`)).text, 'hello')
  assert.deepEqual(inspector.workers(), [])
})

test('auto is as many as the cores that may be used', async () => {
  await using front = await openThreads('auto')
  using inspector = await inspect(front.sluice)
  const cores = usableCores()
  await workersAre(inspector, cores === 1 ? 0 : cores)
  assert.equal((await request(`${front.url}/files/small`)).text, 'hello')
})

test('a thread that dies is counted and replaced, and requests go on', async () => {
  await using front = await openThreads(2)
  using inspector = await inspect(front.sluice)
  for (const deaths of [1, 2]) {
    await workersAre(inspector, 2)
    await eventuallyShared(front, inspector)
    const [victim = ''] = inspector.workers()
    await inspector.evaluate(victim, `setTimeout(() => { throw new Error('died in a test') }); 1`)
    const line = await front.sluice.logLine(
      (found) => found['event'] === 'worker-died' && found['deaths'] === deaths,
    )
    assert.equal(line['level'], 'error')
    assert.match(String(line['error']), /died in a test/)
    assert.equal((await request(`${front.url}/files/small`)).text, 'hello')
    assert.equal((await request(`${front.opsUrl}/health`)).status, 200)
  }
  await workersAre(inspector, 2)
  await eventuallyShared(front, inspector)
  // Node waits for a debugger to go.
  inspector[Symbol.dispose]()
  front.sluice.kill('SIGTERM')
  assert.deepEqual(await soon(front.sluice.exited, 'the end'), { code: 0, signal: null })
})

/** A thread that is being born takes no connections yet. */
async function eventuallyShared(front: Front, inspector: Inspector): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const served = await shares(front, inspector, 40)
    if (served.every((count) => count > 0)) return
  }
  assert.fail('the new threads serve')
}

test('the death of a thread costs the transfers of the other nothing', async () => {
  await using front = await openThreads(2)
  front.put('large', { size: 64 * 2 ** 20, seed: 'large' })
  using inspector = await inspect(front.sluice)
  await workersAre(inspector, 2)
  const [victim = ''] = inspector.workers()
  let begun = 0
  const gate = Promise.withResolvers<void>()
  const downloads = Array.from({ length: 16 }, () =>
    download(`${front.url}/files/large`, {
      onChunk: (_chunk, before) => {
        if (before === 0) begun += 1
        return before > 2 ** 20 ? gate.promise : undefined
      },
    }),
  )
  await eventually(() => begun === 16, 'all have begun')
  await inspector.evaluate(victim, `setTimeout(() => { throw new Error('died in a test') }); 1`)
  await front.sluice.logLine(({ event }) => event === 'worker-died')
  gate.resolve()
  const whole = (await Promise.all(downloads)).filter(({ aborted }) => !aborted)
  assert.ok(whole.length > 0 && whole.length < 16, `${whole.length} of 16 went on`)
})

test('a second Sluice on the port is refused, however many threads the two have', async () => {
  await using front = await openThreads(2)
  for (const threads of [1, 2]) {
    const server = { address: `127.0.0.1:${front.port}`, threads }
    const buckets = [
      {
        name: 'a',
        path_prefix: '/a',
        s3: { bucket: 'a', endpoint: front.s3.endpoint, credentials: 'anonymous' },
      },
    ]
    await using second = await openSluice({ server, buckets }, { waitReady: false })
    const { code } = await soon(second.exited, 'the end of the second')
    assert.equal(code, 1)
    assert.match(
      second.stderr(),
      new RegExp(`^sluice: .*EADDRINUSE.*127\\.0\\.0\\.1:${front.port}\\n$`, 'm'),
    )
    assert.doesNotMatch(second.stderr(), /\n\s+at /)
    assert.doesNotMatch(second.stdout(), /sluice ready/)
  }
  assert.equal((await request(`${front.url}/files/small`)).text, 'hello')
})

test('/ready on the operations listener tells what the threads see', async () => {
  const health_check = {
    interval: '100ms',
    timeout: '1s',
    healthy_threshold: 1,
    unhealthy_threshold: 1,
  }
  await using front = await openFront({ server: { threads: 2 } }, { s3: { health_check } })
  const state = async (): Promise<unknown> => {
    const { status, text } = await request(`${front.opsUrl}/ready`)
    return [status, JSON.parse(text).backends.files?.replicas]
  }
  const until = async (wanted: unknown): Promise<void> => {
    let last: unknown
    for (let look = 0; look < 500; look += 1) {
      last = await state()
      if (JSON.stringify(last) === JSON.stringify(wanted)) return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    assert.deepEqual(last, wanted)
  }
  await until([200, { primary: 'healthy' }])
  await front.s3.kill()
  await until([503, { primary: 'unhealthy' }])
  await front.s3.restart()
  await until([200, { primary: 'healthy' }])
})

test('the log lines of two threads are never torn', async () => {
  await using front = await openThreads(2)
  const long = 'x'.repeat(7000)
  const ids = Array.from({ length: 1000 }, (_, n) => `line-${n}`)
  const ask = async (): Promise<void> => {
    for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
      const path = Number(id.slice(5)) % 3 === 0 ? `/files/${long}` : '/files/small'
      await request(front.url + path, { headers: { 'X-Request-ID': id } })
    }
  }
  await Promise.all(Array.from({ length: 20 }, ask))
  front.sluice.kill('SIGTERM')
  await soon(front.sluice.exited, 'the end')
  const lines = front.sluice
    .stdout()
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('sluice ready'))
  const parsed = lines.map((line) => JSON.parse(line))
  assert.equal(parsed.filter(({ request_id }) => request_id !== undefined).length, 1000)
  assert.ok(
    lines.every((line) => Buffer.byteLength(line) < 4096),
    'a line is one write',
  )
})
