import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { loadConfig } from '../config/config.ts'
import type { Config, Problem } from '../config/config.ts'
import type { Event } from '../exchange/event.ts'
import { InForce } from './in-force.ts'
import type { ReloadPart, Standing } from './reload-part.ts'
import { Reloading } from './reloading.ts'
import { LineClosed } from './thread-line.ts'

const folder = mkdtempSync(join(tmpdir(), 'reloading-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const FILE = join(folder, 'config.yaml')

function write(...buckets: string[]): void {
  const s3 = { bucket: 'b', credentials: 'anonymous' }
  const all = buckets.map((name) => ({ name, path_prefix: `/${name}`, s3 }))
  writeFileSync(FILE, JSON.stringify({ buckets: all }))
}

function loaded(): Config {
  const found = loadConfig(FILE, {})
  assert.ok(found.kind === 'loaded')
  return found.config
}

/** A thread that does what it is told, and notes it. */
class Part implements ReloadPart {
  readonly did: string[] = []
  generation = 1
  #ready: Standing | undefined
  readonly #answer: () => Promise<readonly Problem[]>

  constructor(answer: () => Promise<readonly Problem[]> = async () => []) {
    this.#answer = answer
  }

  async prepare(next: Standing): Promise<readonly Problem[]> {
    this.did.push(`prepare ${next.generation}`)
    this.#ready = next
    return this.#answer()
  }

  async swap(generation: number): Promise<void> {
    assert.equal(this.#ready?.generation, generation)
    this.did.push(`swap ${generation}`)
    this.generation = generation
  }

  async abandon(): Promise<void> {
    this.did.push('abandon')
    this.#ready = undefined
  }
}

interface World {
  readonly reloading: Reloading
  readonly inForce: InForce
  readonly events: Event[]
  readonly followed: string[][]
}

function open(parts: () => readonly ReloadPart[]): World {
  write('a')
  const inForce = new InForce(loaded(), 2)
  const events: Event[] = []
  const followed: string[][] = []
  const reloading = new Reloading({
    file: FILE,
    env: {},
    inForce,
    parts,
    lead: async () => undefined,
    follow: ({ buckets }) => void followed.push(buckets.map(({ name }) => name)),
    emit: (event) => void events.push(event),
  })
  return { reloading, inForce, events, followed }
}

test('all make ready before one of them changes', async () => {
  const order: string[] = []
  const gate = Promise.withResolvers<void>()
  const slow = new Part(async () => {
    await gate.promise
    order.push('the slow one is ready')
    return []
  })
  const quick = new Part()
  const { reloading, inForce, followed } = open(() => [quick, slow])
  write('a', 'b')
  const running = reloading.reload('call')
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(quick.did, ['prepare 2'])
  assert.equal(inForce.standing.generation, 1)
  gate.resolve()
  const { outcome, generation, changes } = await running
  assert.deepEqual([outcome, generation, changes.length], ['reloaded', 2, 1])
  assert.deepEqual(
    [quick.did, slow.did],
    [
      ['prepare 2', 'swap 2'],
      ['prepare 2', 'swap 2'],
    ],
  )
  assert.deepEqual(followed, [['a', 'b']])
  assert.deepEqual(order, ['the slow one is ready'])
})

test('what one of them cannot do none of them does, and each problem is told once', async () => {
  const problem = { path: 'server.https', message: 'is not readable here', hint: 'look' }
  const parts = [
    new Part(),
    new Part(async () => [problem]),
    new Part(async () => [problem]),
    new Part(() => Promise.reject(new Error('a thread did not answer'))),
  ]
  const { reloading, inForce, events, followed } = open(() => parts)
  write('a', 'b')
  const { outcome, generation, problems } = await reloading.reload('signal')
  assert.deepEqual([outcome, generation], ['refused', 1])
  assert.deepEqual(problems, [
    { path: 'server.https', message: 'is not readable here (look)' },
    { path: '', message: 'a thread did not answer' },
  ])
  for (const part of parts) assert.deepEqual(part.did, ['prepare 2', 'abandon'])
  assert.equal(inForce.standing.generation, 1)
  assert.deepEqual(followed, [])
  assert.deepEqual(
    events.map((event) => event.kind),
    ['config-refused'],
  )
})

test('a thread that ends meanwhile is no problem, and one that begins meanwhile changes too', async () => {
  const late = new Part()
  let hasBegun = false
  const dying = new Part(() => {
    hasBegun = true
    return Promise.reject(new LineClosed())
  })
  dying.swap = () => Promise.reject(new LineClosed())
  const steady = new Part()
  const { reloading, events } = open(() => (hasBegun ? [steady, late] : [steady, dying]))
  write('a', 'b')
  const { outcome } = await reloading.reload('call')
  assert.equal(outcome, 'reloaded')
  assert.deepEqual([steady.generation, late.generation], [2, 2])
  assert.deepEqual(
    events.map((event) => event.kind),
    ['config-reloaded'],
  )
})

test('who asks while one runs shares the next one, which reads anew', async () => {
  const gate = Promise.withResolvers<void>()
  let isFirst = true
  const part = new Part(async () => {
    if (isFirst) await gate.promise
    isFirst = false
    return []
  })
  const { reloading, followed } = open(() => [part])
  write('a', 'b')
  const first = reloading.reload('call')
  await new Promise((resolve) => setImmediate(resolve))
  write('a', 'c')
  const others = [reloading.reload('call'), reloading.reload('signal'), reloading.reload('watch')]
  gate.resolve()
  assert.equal((await first).generation, 2)
  const generations = (await Promise.all(others)).map(({ generation }) => generation)
  assert.deepEqual(generations, [3, 3, 3])
  assert.deepEqual(followed, [
    ['a', 'b'],
    ['a', 'c'],
  ])
})

test('memory that threads share stays the same for as long as somebody counts in it', async () => {
  const { reloading, inForce } = open(() => [new Part()])
  const server = inForce.standing.memory.server
  const a = inForce.standing.memory.buckets.get('a')
  assert.ok(a !== undefined)
  new Int32Array(a.cells)[0] = 1
  write('b')
  await reloading.reload('call')
  assert.equal(inForce.standing.memory.buckets.get('a'), a)
  write('a')
  await reloading.reload('call')
  assert.equal(inForce.standing.memory.buckets.get('a'), a)
  new Int32Array(a.cells)[0] = 0
  write('b')
  await reloading.reload('call')
  assert.deepEqual([...inForce.standing.memory.buckets.keys()], ['b'])
  assert.equal(inForce.standing.memory.server, server)
})

test('after its end nothing is changed', async () => {
  const part = new Part()
  const { reloading } = open(() => [part])
  await reloading.close()
  assert.equal((await reloading.reload('call')).outcome, 'refused')
  assert.deepEqual(part.did, [])
})
