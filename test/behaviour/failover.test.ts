// Every way a replica can fail, before the first byte and after it, at one, some and all of three
// replicas: what the client sees then.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, describe, test } from 'node:test'

import { generateBytes } from '../../dev/s3-server.ts'
import type { FaultRule } from '../../dev/s3-server.ts'
import { BUCKET, openFleet } from '../support/fleet.ts'
import { rawExchange, request } from '../support/http.ts'
import type { Answer, RequestOptions } from '../support/http.ts'
import { openSluice } from '../support/sluice.ts'

const SIZE = 300_000
const BYTES = generateBytes('failover', 0, SIZE)
const OTHER_BYTES = generateBytes('another version', 0, SIZE)
const RANGE = { first: 1000, last: 250_999 }

const fleet = await openFleet(3)
const sluice = await openSluice({
  buckets: [
    fleet.bucket({
      timeout: '1500ms',
      stall_timeout: '500ms',
      circuit_breaker: { failure_threshold: 1000 },
    }),
  ],
})
after(async () => {
  await sluice.close()
  await fleet[Symbol.asyncDispose]()
})

/** Each case has a key of its own, so that its faults touch nobody else. */
let keys = 0
function putObject(bytes = BYTES): string {
  keys += 1
  const key = `object-${keys}`
  fleet.put(key, bytes)
  return key
}

type Question = 'GET' | 'HEAD' | 'ranged GET'
const QUESTIONS: readonly Question[] = ['GET', 'HEAD', 'ranged GET']

function ask(key: string, question: Question): Promise<Answer> {
  const options: RequestOptions =
    question === 'ranged GET'
      ? { headers: { Range: `bytes=${RANGE.first}-${RANGE.last}` } }
      : { method: question }
  return request(`${sluice.url}/${BUCKET}/${key}`, options)
}

function assertWhole(answer: Answer, question: Question): void {
  const isRanged = question === 'ranged GET'
  const wanted = isRanged ? BYTES.subarray(RANGE.first, RANGE.last + 1) : BYTES
  assert.equal(answer.status, isRanged ? 206 : 200, answer.text.slice(0, 200))
  assert.equal(answer.headers['content-length'], String(wanted.length))
  assert.equal(answer.aborted, false)
  if (question !== 'HEAD') assert.ok(answer.body.equals(wanted), 'the bytes differ')
}

interface Refused {
  readonly status: number
  readonly code: string
}

function assertRefused(answer: Answer, question: Question, { status, code }: Refused): void {
  assert.equal(answer.status, status, answer.text.slice(0, 200))
  assert.equal(answer.aborted, false)
  assert.equal(answer.headers['etag'], undefined)
  if (question !== 'HEAD') assert.equal(JSON.parse(answer.text).error, code)
  if (code === 'origin_unavailable') assert.match(answer.headers['retry-after'] ?? '', /^[1-9]\d*$/)
}

/** The answer began, and broke off: what came is right, and its end cannot be taken for the end. */
function assertBroken(answer: Answer, question: Question): void {
  const from = question === 'ranged GET' ? RANGE.first : 0
  assert.equal(answer.status, question === 'ranged GET' ? 206 : 200)
  assert.equal(answer.aborted, true)
  assert.ok(answer.body.length < Number(answer.headers['content-length']))
  assert.ok(answer.body.equals(BYTES.subarray(from, from + answer.body.length)))
}

const failed: Refused = { status: 502, code: 'origin_failed' }
const misconfigured: Refused = { status: 502, code: 'origin_misconfigured' }
const unavailable: Refused = { status: 503, code: 'origin_unavailable' }
const timedOut: Refused = { status: 504, code: 'origin_timeout' }

interface Row {
  readonly says: string
  readonly rule: Omit<FaultRule, 'match'>
  /** What the client sees when all replicas do it; 'whole' where that is no harm. */
  readonly atAll: Refused | 'whole' | 'broken'
  readonly questions?: readonly Question[]
}

const bodies: readonly Question[] = ['GET', 'ranged GET']
const status = (code: number, word?: string): Omit<FaultRule, 'match'> =>
  word === undefined
    ? { kind: 'status', status: code }
    : { kind: 'status', status: code, code: word }

const beforeTheFirstByte: readonly Row[] = [
  { says: 'closes the connection', rule: { kind: 'refuse' }, atAll: unavailable },
  { says: 'resets the connection', rule: { kind: 'reset' }, atAll: unavailable },
  { says: 'never answers', rule: { kind: 'hang' }, atAll: timedOut },
  { says: 'speaks no HTTP', rule: { kind: 'garbage' }, atAll: failed },
  { says: 'answers 500', rule: status(500), atAll: failed },
  { says: 'answers 502', rule: status(502), atAll: failed },
  { says: 'answers 503', rule: status(503), atAll: failed },
  { says: 'answers 504', rule: status(504), atAll: failed },
  { says: 'answers 429', rule: status(429), atAll: failed },
  { says: 'answers SlowDown', rule: status(503, 'SlowDown'), atAll: failed },
  {
    says: 'answers 400 RequestTimeout',
    rule: status(400, 'RequestTimeout'),
    atAll: failed,
  },
  { says: 'has no such bucket', rule: status(404, 'NoSuchBucket'), atAll: misconfigured },
  { says: 'knows no such key id', rule: status(403, 'InvalidAccessKeyId'), atAll: misconfigured },
  {
    says: 'refuses the signature',
    rule: status(403, 'SignatureDoesNotMatch'),
    atAll: misconfigured,
  },
  { says: 'refuses the token', rule: status(400, 'ExpiredToken'), atAll: misconfigured },
  {
    says: 'thinks the clock is wrong',
    rule: status(403, 'RequestTimeTooSkewed'),
    atAll: misconfigured,
  },
  { says: 'answers 401', rule: status(401), atAll: misconfigured },
  {
    says: 'ignores the range',
    rule: { kind: 'ignore-range' },
    atAll: 'whole',
    questions: ['ranged GET'],
  },
  {
    says: 'sends another range',
    rule: { kind: 'wrong-range' },
    atAll: failed,
    questions: ['ranged GET'],
  },
  {
    says: 'sends its head and then closes',
    rule: { kind: 'cut', afterBytes: 0 },
    atAll: unavailable,
    questions: bodies,
  },
  {
    says: 'sends its head and then ends',
    rule: { kind: 'short', afterBytes: 0 },
    atAll: unavailable,
    questions: bodies,
  },
  {
    says: 'sends its head without a length and then ends',
    rule: { kind: 'short-chunked', afterBytes: 0 },
    atAll: failed,
    questions: bodies,
  },
  {
    says: 'sends its head and then stalls',
    rule: { kind: 'stall', afterBytes: 0 },
    atAll: timedOut,
    questions: bodies,
  },
]

const afterTheFirstByte: readonly Row[] = (
  ['cut', 'short', 'short-chunked', 'reset', 'stall'] as const
).map((kind) => ({
  says: `${kind}s the body`,
  rule: { kind, afterBytes: 5000 },
  atAll: 'broken',
  questions: bodies,
}))

async function play(row: Row, key: string, question: Question, indexes: readonly number[]) {
  fleet.fault({ ...row.rule, match: { key } }, indexes)
  const answer = await ask(key, question)
  if (indexes.length < 3 || row.atAll === 'whole') assertWhole(answer, question)
  else if (row.atAll === 'broken') assertBroken(answer, question)
  else assertRefused(answer, question, row.atAll)
}

const PLACES: readonly (readonly [where: string, indexes: readonly number[]])[] = [
  ['one replica', [0]],
  ['two of three replicas', [0, 1]],
  ['all replicas', [0, 1, 2]],
]

function describeTable(when: string, rows: readonly Row[]): void {
  describe(when, { concurrency: 4 }, () => {
    for (const row of rows) {
      for (const [where, indexes] of PLACES) {
        const isOvercome = indexes.length < 3 || row.atAll === 'whole'
        const { atAll } = row
        const end = isOvercome ? 'served' : typeof atAll === 'string' ? atAll : atAll.code
        test(`when each of ${where} ${row.says}: ${end}`, async () => {
          const { questions = QUESTIONS } = row
          await Promise.all(questions.map((question) => play(row, putObject(), question, indexes)))
        })
      }
    }
  })
}

describeTable('before the first byte', beforeTheFirstByte)
describeTable('after the first byte', afterTheFirstByte)

describe('what is an answer is not asked for elsewhere', () => {
  interface Case {
    readonly says: string
    readonly rule?: Omit<FaultRule, 'match'>
    readonly options?: RequestOptions
    readonly status: number
    readonly code?: string
  }
  const cases: readonly Case[] = [
    {
      says: '404 NoSuchKey',
      rule: status(404, 'NoSuchKey'),
      status: 404,
      code: 'not_found',
    },
    {
      says: '403 AccessDenied',
      rule: status(403, 'AccessDenied'),
      status: 403,
      code: 'origin_forbidden',
    },
    {
      says: 'a precondition that fails',
      options: { headers: { 'If-Match': '"another"' } },
      status: 412,
      code: 'precondition_failed',
    },
    {
      says: 'a range past the end',
      options: { headers: { Range: 'bytes=9999999-' } },
      status: 416,
      code: 'range_not_satisfiable',
    },
  ]
  for (const { says, rule, options = {}, status: expected, code } of cases) {
    test(says, async () => {
      const key = putObject()
      if (rule !== undefined) fleet.fault({ ...rule, match: { key } }, [0])
      const answer = await request(`${sluice.url}/${BUCKET}/${key}`, options)
      assert.equal(answer.status, expected)
      assert.equal(JSON.parse(answer.text).error, code)
      assert.deepEqual(fleet.counts(key).slice(1), [0, 0])
    })
  }

  test('a HEAD that is not found, whose reason S3 does not tell', async () => {
    const answer = await ask('no-such-key', 'HEAD')
    assert.equal(answer.status, 404)
    assert.deepEqual(fleet.counts('no-such-key').slice(1), [0, 0])
  })

  test('304 to what the client has', async () => {
    const key = putObject()
    const { headers } = await ask(key, 'HEAD')
    const answer = await request(`${sluice.url}/${BUCKET}/${key}`, {
      headers: { 'If-None-Match': headers['etag'] ?? '' },
    })
    assert.equal(answer.status, 304)
    assert.deepEqual(fleet.counts(key).slice(1), [0, 0])
  })
})

describe('a body that broke', () => {
  test('comes to its end by many small steps', async () => {
    const key = putObject()
    fleet.fault({ kind: 'cut', afterBytes: 80_000, match: { key } })
    assertWhole(await ask(key, 'GET'), 'GET')
    assert.deepEqual(fleet.counts(key), [2, 2, 0])
  })

  test('goes on with Range and If-Match', async () => {
    const key = putObject()
    fleet.fault({ kind: 'cut', afterBytes: 100_000, match: { key } }, [0])
    const answer = await ask(key, 'GET')
    assertWhole(answer, 'GET')
    const [again] = fleet.server(1).requests.filter((one) => one.key === key)
    assert.equal(again?.headers['if-match'], answer.headers['etag'])
    const from = Number(/^bytes=(\d+)-299999$/.exec(again?.headers['range'] ?? '')?.[1])
    assert.ok(from > 0 && from <= 100_000, `from ${from}`)
  })

  test('goes on with a replica that ignores ranges', async () => {
    const key = putObject()
    fleet.fault({ kind: 'cut', afterBytes: 100_000, match: { key } }, [0])
    fleet.fault({ kind: 'ignore-range', match: { key } }, [1])
    assertWhole(await ask(key, 'GET'), 'GET')
  })

  test('goes on with a third replica when the second holds another version', async () => {
    const key = putObject()
    fleet.server(1).putObject(BUCKET, key, OTHER_BYTES)
    fleet.fault({ kind: 'cut', afterBytes: 100_000, match: { key } }, [0])
    assertWhole(await ask(key, 'GET'), 'GET')
    assert.equal(fleet.counts(key)[2], 1)
  })

  test('goes on with a third replica when the second answers with another tag', async () => {
    const key = putObject()
    fleet.fault({ kind: 'cut', afterBytes: 100_000, match: { key } }, [0])
    fleet.fault({ kind: 'headers', headers: { ETag: '"other"' }, match: { key } }, [1])
    assertWhole(await ask(key, 'GET'), 'GET')
    assert.equal(fleet.counts(key)[2], 1)
  })

  test('is destroyed when all others hold another version', async () => {
    const key = putObject()
    fleet.fault({ kind: 'cut', afterBytes: 100_000, match: { key } }, [0])
    for (const index of [1, 2]) {
      fleet.server(index).putObject(BUCKET, key, OTHER_BYTES)
    }
    fleet.fault({ kind: 'hang', match: { key, ranged: true } }, [0])
    assertBroken(await ask(key, 'GET'), 'GET')
  })

  test('is destroyed when its version has no strong tag to hold on to', async () => {
    for (const tag of [undefined, 'W/"weak"']) {
      const key = putObject()
      fleet.fault({ kind: 'cut', afterBytes: 100_000, headers: { ETag: tag }, match: { key } }, [0])
      assertBroken(await ask(key, 'GET'), 'GET')
    }
  })

  test('is destroyed within a multipart answer too', async () => {
    const key = putObject()
    fleet.fault({ kind: 'cut', afterBytes: 5000, match: { key } })
    const answer = await request(`${sluice.url}/${BUCKET}/${key}`, {
      headers: { Range: 'bytes=0-99,1000-90000' },
    })
    assert.equal(answer.status, 206)
    assert.match(answer.headers['content-type'] ?? '', /^multipart\/byteranges/)
    assert.equal(answer.aborted, true)
    assert.ok(answer.body.length < Number(answer.headers['content-length']))
  })

  test('goes on within a multipart answer too', async () => {
    const key = putObject()
    fleet.fault({ kind: 'cut', afterBytes: 5000, match: { key } }, [0])
    const answer = await request(`${sluice.url}/${BUCKET}/${key}`, {
      headers: { Range: 'bytes=0-99,1000-90000' },
    })
    assert.equal(answer.aborted, false)
    assert.ok(answer.body.includes(BYTES.subarray(1000, 90_001)))
  })

  test('is destroyed towards a client of HTTP/1.0 too', async () => {
    const key = putObject()
    fleet.fault({ kind: 'cut', afterBytes: 5000, match: { key } })
    const { text, closed } = await rawExchange(
      Number(new URL(sluice.url).port),
      `GET /${BUCKET}/${key} HTTP/1.0\r\nHost: x\r\n\r\n`,
      { timeoutMs: 20_000 },
    )
    const [head = '', body = ''] = text.split('\r\n\r\n', 2)
    assert.equal(closed, true)
    assert.match(head, /^HTTP\/1\.1 200/)
    assert.match(head, new RegExp(`^content-length: ${SIZE}\r?$`, 'im'))
    assert.ok(body.length < SIZE)
  })
})

/** More than is taken in to know how long it is. */
const LONG = generateBytes('untold', 0, 2 * 1024 * 1024)

/** Neither GET nor HEAD tells the length, and each body is reset. */
function breakUntold(key: string, afterBytes: number, indexes?: readonly number[]): void {
  const headers = { 'Content-Length': undefined }
  fleet.fault({ kind: 'reset', afterBytes, headers, match: { key, method: 'GET' } }, indexes)
  fleet.fault({ kind: 'headers', headers, match: { key, method: 'HEAD' } }, indexes)
}

function refuseRest(key: string): void {
  fleet.fault({ ...status(500), match: { key, ranged: true } })
}

test('a long body of untold length that breaks never gets its last chunk', async () => {
  const key = putObject(LONG)
  refuseRest(key)
  breakUntold(key, 1_500_000)
  const answer = await ask(key, 'GET')
  assert.equal(answer.status, 200)
  assert.equal(answer.headers['transfer-encoding'], 'chunked')
  assert.equal(answer.aborted, true)
  assert.ok(answer.body.length > 0)
  assert.ok(answer.body.equals(LONG.subarray(0, answer.body.length)))
})

test('to a client of HTTP/1.0 it is reset, since a mere close would be its end', async () => {
  const key = putObject(LONG)
  refuseRest(key)
  breakUntold(key, 1_500_000)
  const socket = net.connect(Number(new URL(sluice.url).port), '127.0.0.1')
  // Written and not ended: to Node a client that closes its side has left.
  socket.write(`GET /${BUCKET}/${key} HTTP/1.0\r\nHost: x\r\n\r\n`)
  socket.resume()
  const end = await once(socket, 'end').then(
    () => 'ended',
    () => 'reset',
  )
  socket.destroy()
  assert.equal(end, 'reset')
})

test('a short one that breaks is had from another replica, else refused', async () => {
  const key = putObject()
  breakUntold(key, 5000, [0, 1])
  assertWhole(await ask(key, 'GET'), 'GET')
  breakUntold(key, 5000)
  assertRefused(await ask(key, 'GET'), 'GET', unavailable)
})

test('replicas that are gone altogether: 503 with Retry-After, and served again when back', async () => {
  const key = putObject()
  await Promise.all(fleet.servers.map((server) => server.kill()))
  try {
    for (const question of QUESTIONS) {
      assertRefused(await ask(key, question), question, unavailable)
    }
    await fleet.server(2).restart()
    for (const question of QUESTIONS) assertWhole(await ask(key, question), question)
  } finally {
    await Promise.all([0, 1].map((index) => fleet.server(index).restart()))
  }
  assertWhole(await ask(key, 'GET'), 'GET')
})
