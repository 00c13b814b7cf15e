import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'

import { BARE_HEAD } from '../exchange/object-head.ts'
import type { Flow, Sink, StreamBody } from '../exchange/body.ts'
import type { Outcome } from '../primitives/breaker.ts'
import { ContinuedBody } from './continued-body.ts'
import { OriginFailure } from './failure.ts'
import { Lease } from './lease.ts'
import type { FoundObject, ObjectAnswer, ObjectQuestion } from './question.ts'
import { Replica } from './replica.ts'
import type { AskContext } from './replica-set.ts'
import { createTrail } from './trail.ts'

const TEXT = 'the quick brown fox jumps over the lazy dog'
const ETAG = '"fox"'

/** What a replica does when it is asked: the bytes it brings, and how that ends. */
interface Source {
  readonly first: number
  readonly last: number
  /** How many bytes it really brings; all unless said. */
  readonly brings?: number
  readonly etag?: string
  readonly text?: string
}

type Step = Source | ObjectAnswer | OriginFailure

interface Story {
  readonly first?: number
  readonly last?: number | undefined
  readonly etag?: string | undefined
  readonly method?: 'GET' | 'HEAD'
  readonly sources: readonly Step[]
  readonly onAsk?: () => void
}

interface Told {
  readonly body: ContinuedBody
  readonly asked: { question: ObjectQuestion; context: AskContext }[]
  /** How each place that was taken was given back. */
  readonly outcomes: Outcome[]
  readonly discarded: number[]
  readonly stopped: number[]
  readonly failed: () => readonly string[]
}

function tell(story: Story): Told {
  const { sources, method = 'GET' } = story
  const told: Omit<Told, 'body' | 'failed'> = {
    asked: [],
    outcomes: [],
    discarded: [],
    stopped: [],
  }
  let next = 0
  const answerNext = (): ObjectAnswer => {
    const step = sources[next]
    next += 1
    if (step === undefined) throw new OriginFailure('unavailable', 'nobody is left')
    if (step instanceof OriginFailure) throw step
    return 'kind' in step ? step : objectOf(step, next - 1, told)
  }
  const found = answerNext()
  assert.equal(found.kind, 'object')
  const trail = createTrail()
  const body = new ContinuedBody({
    set: {
      ask: async (question, context) => {
        told.asked.push({ question, context })
        story.onAsk?.()
        const answer = answerNext()
        const unfit = context.reject?.(answer)
        if (unfit !== undefined) throw unfit
        return { answer, lease: createLease(told.outcomes) }
      },
    },
    question: { method, key: 'k' },
    found: 'etag' in story ? withEtag(found, story.etag) : found,
    lease: createLease(told.outcomes),
    trail,
    first: story.first ?? 0,
    last: 'last' in story ? story.last : TEXT.length - 1,
  })
  return { ...told, body, failed: () => trail.failed.map(({ kind }) => kind) }
}

function withEtag(found: FoundObject, etag: string | undefined): FoundObject {
  return { ...found, head: { ...found.head, etag } }
}

function objectOf(source: Source, index: number, told: Pick<Told, 'discarded' | 'stopped'>) {
  const { first, last, etag = ETAG } = source
  const head = { ...BARE_HEAD, size: TEXT.length, etag }
  const body: StreamBody = {
    kind: 'stream',
    length: last - first + 1,
    start: (sink) => pour(source, sink, () => told.stopped.push(index)),
    discard: () => void told.discarded.push(index),
  }
  return { kind: 'object', head, first, last, body } as const
}

/** Brings three bytes a turn, as long as it is wanted. */
function pour(source: Source, sink: Sink, onStop: () => void): Flow {
  const { first, last, brings = last - first + 1, text = TEXT } = source
  let isStopped = false
  let at = first
  const turn = (): void => {
    if (isStopped) return
    if (at < first + brings) {
      const end = Math.min(at + 3, first + brings)
      sink.write(Buffer.from(text.slice(at, end)))
      at = end
      setImmediate(turn)
    } else if (at > last) sink.end()
    else sink.fail(new OriginFailure('reset', 'the source broke'))
  }
  setImmediate(turn)
  const stop = (): void => {
    isStopped = true
    onStop()
  }
  return { resume: () => undefined, stop }
}

function createLease(outcomes: Outcome[]): Lease {
  const replica = new Replica({
    config: {
      name: 'r',
      bucket: 'b',
      region: 'us-east-1',
      endpoint: 'http://127.0.0.1:1',
      addressing: 'path',
      credentials: { kind: 'anonymous' },
      keyPrefix: '',
      timeoutMs: 1000,
      connectTimeoutMs: 1000,
      stallTimeoutMs: 1000,
      connectionPoolSize: 1,
      priority: 1,
      weight: 1,
    },
    bucket: 'b',
    policy: { failureThreshold: 9, successThreshold: 1, openMs: 1, halfOpenMaxRequests: 1 },
    isProbed: false,
    emit: () => undefined,
  })
  replica.settle = (_admission, outcome) => void outcomes.push(outcome)
  const lease = Lease.take(replica)
  assert.ok(lease)
  return lease
}

async function readAll(body: StreamBody): Promise<{ text: string; failure: Error | undefined }> {
  const chunks: Uint8Array[] = []
  const failure = await new Promise<Error | undefined>((resolve) => {
    body.start({
      write: (chunk) => {
        chunks.push(chunk)
        return true
      },
      end: () => resolve(undefined),
      fail: resolve,
    })
  })
  return { text: Buffer.concat(chunks).toString(), failure }
}

const END = TEXT.length - 1
const wholeFrom = (first: number, more: Partial<Source> = {}): Source => ({
  first,
  last: END,
  ...more,
})

describe('a body that breaks', () => {
  test('goes on where it broke, with the same version alone', async () => {
    const { body, asked, outcomes, failed } = tell({
      sources: [wholeFrom(0, { brings: 10 }), wholeFrom(10)],
    })
    assert.deepEqual(await readAll(body), { text: TEXT, failure: undefined })
    const [again] = asked
    assert.deepEqual(again?.question.range, { kind: 'bounded', first: 10, last: END })
    assert.equal(again?.question.ifMatch, ETAG)
    assert.deepEqual(outcomes, ['failure', 'success'])
    assert.deepEqual(failed(), ['reset'])
  })

  test('goes on as often as it must', async () => {
    const { body, asked } = tell({
      sources: [
        wholeFrom(0, { brings: 5 }),
        wholeFrom(5, { brings: 5 }),
        wholeFrom(10, { brings: 5 }),
        wholeFrom(15),
      ],
    })
    assert.equal((await readAll(body)).text, TEXT)
    assert.equal(asked.length, 3)
  })

  test('goes on with a replica that ignores the range, and takes only what is missing', async () => {
    const { body } = tell({ sources: [wholeFrom(0, { brings: 10 }), wholeFrom(0)] })
    assert.equal((await readAll(body)).text, TEXT)
  })

  test('ends before its length, which is no end', async () => {
    const cutShort: Source = { first: 0, last: 9 }
    const { body, failed } = tell({ sources: [cutShort, wholeFrom(10)] })
    assert.equal((await readAll(body)).text, TEXT)
    assert.deepEqual(failed(), ['truncated'])
  })

  test('is given up when nobody can go on, and says why it broke', async () => {
    const { body } = tell({ sources: [wholeFrom(0, { brings: 10 })] })
    const { text, failure } = await readAll(body)
    assert.equal(text, TEXT.slice(0, 10))
    assert.ok(failure instanceof OriginFailure && failure.kind === 'reset')
  })

  test('is given up when all who are asked fail', async () => {
    const refusal = new OriginFailure('misconfigured', 'no such bucket')
    const { body } = tell({ sources: [wholeFrom(0, { brings: 10 }), refusal] })
    assert.equal((await readAll(body)).failure, refusal)
  })

  test('remembers all who broke, until there is progress', async () => {
    const text = TEXT.padEnd(300_000, '.')
    const breaks = (first: number, brings: number): Source => ({
      first,
      last: 299_999,
      brings,
      text,
    })
    const { body, asked } = tell({
      last: 299_999,
      sources: [breaks(0, 10), breaks(10, 20), breaks(30, 70_000), breaks(70_030, 20)],
    })
    await readAll(body)
    assert.deepEqual(
      asked.map(({ context }) => context.broken?.length),
      [1, 2, 1, 2],
    )
  })

  const strangers: readonly (readonly [says: string, stranger: Step])[] = [
    ['another version', wholeFrom(10, { etag: '"hare"', text: TEXT.toUpperCase() })],
    ['what was changed', { kind: 'changed' }],
    ['what is gone', { kind: 'not-found' }],
    ['what is shorter now', { kind: 'unsatisfiable', size: 3 }],
    ['bytes from further on', wholeFrom(12)],
  ]
  for (const [says, stranger] of strangers) {
    test(`never goes on with ${says}`, async () => {
      const { body } = tell({ sources: [wholeFrom(0, { brings: 10 }), stranger] })
      const { text, failure } = await readAll(body)
      assert.equal(text, TEXT.slice(0, 10))
      assert.ok(failure instanceof OriginFailure && failure.kind === 'other-version')
    })
  }

  for (const etag of [undefined, 'W/"fox"']) {
    test(`cannot go on where the version has ${etag ?? 'no'} tag`, async () => {
      const { body, asked } = tell({ etag, sources: [wholeFrom(0, { brings: 10 }), wholeFrom(10)] })
      const { text, failure } = await readAll(body)
      assert.equal(text, TEXT.slice(0, 10))
      assert.ok(failure)
      assert.equal(asked.length, 0)
    })
  }

  test('of unknown end asks for all the rest', async () => {
    const { body, asked } = tell({
      last: undefined,
      sources: [wholeFrom(0, { brings: 10 }), wholeFrom(10)],
    })
    assert.equal((await readAll(body)).text, TEXT)
    assert.deepEqual(asked[0]?.question.range, { kind: 'open', first: 10 })
  })
})

describe('of what a source brings', () => {
  test('only the wanted bytes are taken', async () => {
    const { body, outcomes } = tell({ first: 4, last: 8, sources: [wholeFrom(0)] })
    assert.equal((await readAll(body)).text, TEXT.slice(4, 9))
    assert.deepEqual(outcomes, ['success'])
  })

  test('any cut comes out exactly, wherever it breaks', async () => {
    const whole = fc.nat(END)
    await fc.assert(
      fc.asyncProperty(whole, whole, fc.array(whole, { maxLength: 3 }), async (a, b, breaks) => {
        const [first, last] = [Math.min(a, b), Math.max(a, b)]
        // A source from the beginning that breaks, and others that ignore or heed the range.
        const sources = breaks.map((brings) => wholeFrom(0, { brings }))
        const { body } = tell({ first, last, sources: [...sources, wholeFrom(0)] })
        assert.equal((await readAll(body)).text, TEXT.slice(first, last + 1))
      }),
      { seed: 11, numRuns: 100 },
    )
  })

  test('a long unwanted tail is cut off, a short one read away', async () => {
    const tailed = (last: number): Told =>
      tell({ last: 3, sources: [{ first: 0, last, text: TEXT.padEnd(300_000, '.') }] })
    const long = tailed(299_999)
    await readAll(long.body)
    const short = tailed(END)
    await readAll(short.body)
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual([long.stopped, short.stopped], [[0], []])
  })

  test('the tail of a replica that went on with too much is cut off too', async () => {
    const text = TEXT.padEnd(300_000, '.')
    const { body, stopped } = tell({
      last: 8,
      sources: [
        { first: 0, last: 8, brings: 4, text },
        { first: 0, last: 299_999, text },
      ],
    })
    assert.equal((await readAll(body)).text, TEXT.slice(0, 9))
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(stopped, [1])
  })
})

describe('a place at a replica is given back', () => {
  const cases: readonly (readonly [says: string, method: 'GET' | 'HEAD', outcome: Outcome])[] = [
    ['with success when the head was all that was asked for', 'HEAD', 'success'],
    ['with no word when nobody wants the body', 'GET', 'neutral'],
  ]
  for (const [says, method, outcome] of cases) {
    test(says, () => {
      const { body, outcomes, discarded } = tell({ method, sources: [wholeFrom(0)] })
      body.discard()
      body.discard()
      assert.deepEqual(outcomes, [outcome])
      assert.deepEqual(discarded, [0])
    })
  }

  test('with no word when the reader leaves, whose source is stopped', () => {
    const { body, outcomes, stopped } = tell({ sources: [wholeFrom(0)] })
    const flow = body.start({ write: () => true, end: assert.fail, fail: assert.fail })
    flow.stop()
    assert.deepEqual(outcomes, ['neutral'])
    assert.deepEqual(stopped, [0])
  })

  test('when the reader leaves while the rest is being asked for', async () => {
    const reader: { flow?: Flow } = {}
    const { body, outcomes, asked, discarded } = tell({
      sources: [wholeFrom(0, { brings: 0 }), wholeFrom(0)],
      onAsk: () => reader.flow?.stop(),
    })
    reader.flow = body.start({ write: () => assert.fail(), end: assert.fail, fail: assert.fail })
    for (let turn = 0; turn < 5000 && outcomes.length < 2; turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    assert.equal(asked[0]?.context.signal?.isCancelled, true)
    assert.deepEqual(outcomes, ['failure', 'neutral'])
    assert.deepEqual(discarded, [1])
  })
})
