import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { NO_CACHING } from '../exchange/object-head.ts'
import type { Body, StreamBody } from '../exchange/body.ts'
import type { ObjectHead } from '../exchange/object-head.ts'
import { readConditions } from '../http/conditional.ts'
import { formatRange, parseRange, selectRanges } from '../http/range.ts'
import type { Delivered, ObjectQuestion, OriginAnswer } from '../origin/origin.ts'
import { obtain } from './obtain.ts'
import type { Ask, Obtained } from './obtain.ts'
import type { Plan } from './plan.ts'

const TEXT = 'abcdefghij'

/** How an S3 may fall short of the book. */
interface Manners {
  readonly ignoresRange?: boolean
  readonly tellsNoLength?: boolean
  readonly weakTags?: boolean
}

/** An origin of one object, which a test may change. */
class FakeOrigin {
  readonly asked: string[] = []
  text = TEXT
  version = 1
  /** Called before each question is answered, with how many were answered already. */
  before: (answered: number) => void = () => undefined
  /** Bodies that were neither read nor let go. */
  open = 0
  readonly #manners: Manners

  constructor(manners: Manners = {}) {
    this.#manners = manners
  }

  readonly ask: Ask = async (question) => {
    this.before(this.asked.length)
    this.asked.push(written(question))
    if (this.text === '') return { kind: 'not-found' }
    if (question.ifMatch !== undefined && question.ifMatch !== this.#etag) {
      return { kind: 'changed' }
    }
    return this.#answer(question)
  }

  get #etag(): string {
    return `${this.#manners.weakTags === true ? 'W/' : ''}"${this.version}"`
  }

  #answer({ method, range }: ObjectQuestion): OriginAnswer {
    const size = this.text.length
    const isRanged = range !== undefined && this.#manners.ignoresRange !== true
    const selection = selectRanges(isRanged ? [range] : undefined, size)
    if (selection.kind === 'unsatisfiable') return { kind: 'unsatisfiable', size }
    const [part] = selection.kind === 'parts' ? selection.parts : []
    const isSilent = this.#manners.tellsNoLength === true && method === 'GET' && !isRanged
    return this.#deliver(part, isSilent ? undefined : size)
  }

  #deliver(
    part: { readonly first: number; readonly last: number } | undefined,
    size: number | undefined,
  ): Delivered {
    const { text } = this
    const head = { ...HEAD, size, etag: this.#etag }
    this.open += 1
    const release = (): void => void (this.open -= 1)
    return {
      kind: 'object',
      head,
      first: part?.first ?? 0,
      last: part?.last ?? (size === undefined ? undefined : size - 1),
      discard: release,
      body: (first, last) => textBody(text.slice(first, (last ?? text.length) + 1), release),
    }
  }
}

const HEAD: ObjectHead = {
  size: undefined,
  etag: undefined,
  lastModified: undefined,
  contentType: 'text/x',
  fields: [],
  metadata: [],
  checksums: [],
  versionId: undefined,
  redirectLocation: undefined,
  caching: NO_CACHING,
}

function textBody(text: string, release: () => void): StreamBody {
  return {
    kind: 'stream',
    length: text.length,
    discard: release,
    start: (sink) => {
      release()
      if (text !== '') sink.write(Buffer.from(text))
      sink.end()
      return { resume: () => undefined, stop: () => undefined }
    },
  }
}

function written({ method, range, ifMatch, partNumber }: ObjectQuestion): string {
  const words = [method, range && formatRange(range), ifMatch, partNumber && `part ${partNumber}`]
  return words.filter((word) => word !== undefined).join(' ')
}

function planOf(headers: Record<string, string>, rest: Partial<Plan> = {}): Plan {
  return {
    method: 'GET',
    key: 'k',
    versionId: undefined,
    partNumber: undefined,
    ranges: parseRange(headers['range']),
    conditions: readConditions(headers),
    isRevalidation: 'if-none-match' in headers,
    ...rest,
  }
}

function read(body: Body): Promise<string> {
  let text = ''
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  if (body.kind !== 'stream') return Promise.resolve('')
  body.start({
    write: (chunk) => {
      text += Buffer.from(chunk).toString('latin1')
      return true
    },
    end: () => resolve(text),
    fail: reject,
  })
  return promise
}

interface Outcome {
  readonly obtained: Obtained
  readonly text: string
}

async function outcome(origin: FakeOrigin, plan: Plan): Promise<Outcome> {
  const obtained = await obtain(plan, origin.ask)
  const text = await read(obtained.body)
  assert.equal(origin.open, 0, 'a body was left open')
  return { obtained, text }
}

type Row = readonly [string, Record<string, string>, Partial<Plan>, string, readonly string[]]

describe('what is asked of the origin, and what comes of it', () => {
  const rows: readonly Row[] = [
    ['the whole', {}, {}, TEXT, ['GET']],
    ['a HEAD', {}, { method: 'HEAD' }, '', ['HEAD']],
    ['a part', { range: 'bytes=2-4' }, {}, 'cde', ['GET bytes=2-4']],
    ['a suffix', { range: 'bytes=-3' }, {}, 'hij', ['GET bytes=-3']],
    ['no bytes at the end', { range: 'bytes=-0' }, {}, '', ['HEAD']],
    ['a part past the end', { range: 'bytes=10-' }, {}, '', ['GET bytes=10-', 'HEAD']],
    ['a stale If-Range', { range: 'bytes=2-4', 'if-range': '"0"' }, {}, TEXT, ['GET bytes=2-4', 'GET "1"']],
    ['a version the client has', { 'if-none-match': '"1"' }, {}, '', ['HEAD']],
    ['a version it has not', { 'if-none-match': '"0"' }, {}, TEXT, ['HEAD', 'GET "1"']],
    ['a part of one it has not', { 'if-none-match': '"0"', range: 'bytes=2-4' }, {}, 'cde', ['HEAD', 'GET bytes=2-4 "1"']],
    ['a failed If-Match', { 'if-match': '"0"' }, {}, '', ['GET']],
    ['ranges that merge', { range: 'bytes=2-3,3-4' }, {}, 'cde', ['HEAD', 'GET bytes=2-4 "1"']],
    ['a part by its number', {}, { partNumber: '1' }, TEXT, ['GET part 1']],
  ] // prettier-ignore
  for (const [what, headers, plan, text, asked] of rows) {
    test(what, async () => {
      const origin = new FakeOrigin()
      assert.equal((await outcome(origin, planOf(headers, plan))).text, text)
      assert.deepEqual(origin.asked, asked)
    })
  }

  test('several parts, each when its turn comes', async () => {
    const origin = new FakeOrigin()
    const { obtained, text } = await outcome(origin, planOf({ range: 'bytes=0-1,8-9' }))
    assert.match(text, /0-1\/10\r\n\r\nab\r\n[^]*8-9\/10\r\n\r\nij\r\n/)
    assert.match(obtained.multipartType ?? '', /^multipart\/byteranges; boundary=/)
    assert.deepEqual(origin.asked, ['HEAD', 'GET bytes=0-1 "1"', 'GET bytes=8-9 "1"'])
  })

  test('the empty key is the bucket itself, and is not asked for', async () => {
    const origin = new FakeOrigin()
    await assert.rejects(outcome(origin, planOf({}, { key: '' })), { code: 'not_found' })
    assert.deepEqual(origin.asked, [])
  })

  for (const [kind, code] of [
    ['not-found', 'not_found'],
    ['forbidden', 'origin_forbidden'],
    ['invalid', 'invalid_request'],
    ['changed', 'origin_failed'],
  ] as const) {
    test(`the answer '${kind}' is ${code}`, async () => {
      await assert.rejects(
        obtain(planOf({}), async () => ({ kind })),
        { code },
      )
    })
  }
})

describe('an origin with other manners', () => {
  test('that ignores Range costs no second question', async () => {
    const origin = new FakeOrigin({ ignoresRange: true })
    assert.equal((await outcome(origin, planOf({ range: 'bytes=2-4' }))).text, 'cde')
    assert.deepEqual(origin.asked, ['GET bytes=2-4'])
  })

  test('that does not tell the length is asked for it', async () => {
    const origin = new FakeOrigin({ tellsNoLength: true })
    const { obtained, text } = await outcome(origin, planOf({}))
    assert.equal(text, TEXT)
    assert.equal(obtained.head.size, 10)
    assert.deepEqual(origin.asked, ['GET', 'HEAD'])
  })

  test('that does not tell it the second time is believed the first', async () => {
    const origin = new FakeOrigin({ tellsNoLength: true })
    const { text } = await outcome(origin, planOf({ 'if-none-match': '"0"' }))
    assert.equal(text, TEXT)
    assert.deepEqual(origin.asked, ['HEAD', 'GET "1"'])
  })

  test('that has weak tags is not asked by them', async () => {
    const origin = new FakeOrigin({ weakTags: true })
    const { text } = await outcome(origin, planOf({ 'if-none-match': '"0"' }))
    assert.equal(text, TEXT)
    assert.deepEqual(origin.asked, ['HEAD', 'GET'])
  })
})

describe('an object that changes between two questions', () => {
  test('is looked at again, and is of one version', async () => {
    const origin = new FakeOrigin()
    origin.before = (answered) => {
      if (answered === 1) [origin.version, origin.text] = [2, 'another']
    }
    const { obtained, text } = await outcome(origin, planOf({ 'if-none-match': '"0"' }))
    assert.equal(text, 'another')
    assert.equal(obtained.head.etag, '"2"')
    assert.deepEqual(origin.asked, ['HEAD', 'GET "1"', 'HEAD', 'GET "2"'])
  })

  test('is noticed, where it has only weak tags and the same length', async () => {
    const origin = new FakeOrigin({ weakTags: true })
    origin.before = (answered) => {
      if (answered === 1) [origin.version, origin.text] = [2, TEXT.toUpperCase()]
    }
    const { obtained, text } = await outcome(origin, planOf({ 'if-none-match': '"0"' }))
    assert.equal(text, TEXT.toUpperCase())
    assert.equal(obtained.head.etag, 'W/"2"')
    assert.equal(origin.asked.length, 4)
  })

  test('is looked at again before the first of several parts', async () => {
    const origin = new FakeOrigin()
    origin.before = (answered) => {
      if (answered === 1) [origin.version, origin.text] = [2, TEXT.toUpperCase()]
    }
    const { text } = await outcome(origin, planOf({ range: 'bytes=0-1,8-9' }))
    assert.match(text, /AB\r\n[^]*IJ\r\n/)
  })

  test('breaks the answer between the parts', async () => {
    const origin = new FakeOrigin()
    origin.before = (answered) => {
      if (answered === 2) origin.version = 2
    }
    const broken = outcome(origin, planOf({ range: 'bytes=0-1,8-9' }))
    await assert.rejects(broken, { message: 'the object changed between its parts' })
  })

  test('and again and again is a failure of the origin', async () => {
    const origin = new FakeOrigin()
    origin.before = () => void (origin.version += 1)
    const restless = outcome(origin, planOf({ 'if-none-match': '"0"' }))
    await assert.rejects(restless, { code: 'origin_failed' })
    assert.equal(origin.asked.length, 6)
    assert.equal(origin.open, 0)
  })

  test('and is gone, is not found', async () => {
    const origin = new FakeOrigin()
    origin.before = (answered) => {
      if (answered === 1) origin.text = ''
    }
    const gone = outcome(origin, planOf({ 'if-none-match': '"0"' }))
    await assert.rejects(gone, { code: 'not_found' })
  })
})

test('a length is not taken from another version', async () => {
  const origin = new FakeOrigin({ tellsNoLength: true })
  origin.before = (answered) => {
    if (answered === 1) [origin.version, origin.text] = [2, 'a longer text than before']
  }
  const { obtained, text } = await outcome(origin, planOf({}))
  assert.equal(text, TEXT)
  assert.equal(obtained.head.size, undefined)
})
