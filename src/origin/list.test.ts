import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Cancellation } from '../primitives/cancel.ts'
import type { Flow, Sink, StreamBody } from '../exchange/body.ts'
import { OriginFailure } from './failure.ts'
import type { FailureKind } from './failure.ts'
import { listPage } from './list.ts'
import type { AskContext, Leased, ReplicaSet } from './replica-set.ts'
import { createTrail } from './trail.ts'

const PAGE = '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'

type Answered = { readonly text: string; readonly ending: 'end' | 'fail' | 'none' }

class Said implements StreamBody, Flow {
  readonly kind = 'stream'
  readonly length = undefined
  isStopped = false
  readonly #answered: Answered

  constructor(answered: Answered) {
    this.#answered = answered
  }

  start(sink: Sink): Flow {
    const { text, ending } = this.#answered
    queueMicrotask(() => {
      sink.write(Buffer.from(text))
      if (this.isStopped) return
      if (ending === 'end') sink.end()
      if (ending === 'fail') sink.fail(new OriginFailure('reset', 'it broke'))
    })
    return this
  }

  resume(): void {}

  stop(): void {
    this.isStopped = true
  }

  discard(): void {}
}

interface World {
  readonly set: Pick<ReplicaSet, 'ask'>
  readonly settled: string[]
  readonly bodies: Said[]
  readonly asked: AskContext[]
}

/** A replica for each answer; then there is none left. */
function worldOf(...answers: readonly Answered[]): World {
  const [settled, bodies, asked]: [string[], Said[], AskContext[]] = [[], [], []]
  const ask: ReplicaSet['ask'] = async (_question, context) => {
    asked.push(context)
    const answered = answers[asked.length - 1]
    if (answered === undefined) throw new OriginFailure('unavailable', 'nobody is left')
    const name = `r${asked.length - 1}`
    const body = new Said(answered)
    bodies.push(body)
    const replica = { name, config: { name, keyPrefix: '' } }
    const settle = (outcome: string): void => void settled.push(`${name} ${outcome}`)
    // The cast: of an object and of a replica no more is looked at.
    return { answer: { kind: 'object', body }, lease: { replica, settle } } as unknown as Leased
  }
  return { set: { ask }, settled, bodies, asked }
}

const whole: Answered = { text: PAGE, ending: 'end' }
const broken: Answered = { text: PAGE.slice(0, 30), ending: 'fail' }
const nonsense: Answered = { text: '<html></html>', ending: 'end' }

function list({ set }: World, signal?: Cancellation) {
  return listPage(set, { prefix: '' }, { signal, trail: createTrail() })
}

function failsAs(kind: FailureKind) {
  return (error: unknown): boolean => error instanceof OriginFailure && error.kind === kind
}

test('a page that breaks off, or is none, is asked for elsewhere', async () => {
  const world = worldOf(broken, nonsense, whole)
  assert.equal((await list(world)).kind, 'page')
  assert.deepEqual(world.settled, ['r0 failure', 'r1 failure', 'r2 success'])
  assert.deepEqual(
    world.asked.at(-1)?.broken?.map(({ name }) => name),
    ['r0', 'r1'],
  )
})

test('where nobody is left, it is told what went wrong and not that', async () => {
  await assert.rejects(list(worldOf(nonsense)), failsAs('protocol'))
  await assert.rejects(list(worldOf(nonsense, broken)), failsAs('reset'))
  await assert.rejects(list(worldOf()), failsAs('unavailable'))
})

test('a page without an end is cut off', async () => {
  const world = worldOf({ text: ' '.repeat(9 * 1024 * 1024), ending: 'none' })
  await assert.rejects(list(world), failsAs('protocol'))
  assert.equal(world.bodies[0]?.isStopped, true)
})

test('whoever leaves takes the page along, and blames nobody', async () => {
  for (const isLate of [false, true]) {
    const world = worldOf({ text: '<', ending: 'none' })
    const leaving = new Cancellation()
    if (!isLate) leaving.cancel()
    const listed = list(world, leaving)
    if (isLate) setImmediate(() => leaving.cancel())
    await assert.rejects(listed, failsAs('cancelled'))
    assert.deepEqual(world.settled, ['r0 neutral'])
    assert.equal(world.bodies[0]?.isStopped, true)
  }
})
