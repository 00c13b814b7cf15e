// What of a request arrives at a real receiver of OTLP: which spans, within which, and what they say; and
// whose trace they belong to.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { openOtlp } from '../support/otlp.ts'
import type { OtlpReceiver, SeenSpan } from '../support/otlp.ts'
import { SECRET, token } from '../support/tokens.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const REPLICAS = ['first', 'second']

let otlp: OtlpReceiver
let front: Front
let requests = 0

function replicated(endpoint: string, name: string, s3: object = {}): object {
  const replicas = REPLICAS.map((bucket, index) => ({ name: bucket, bucket, priority: index + 1 }))
  return bucketAt(endpoint, { name, s3: { replicas, bucket: undefined, ...s3 } })
}

before(async () => {
  otlp = await openOtlp()
  front = await openFront(
    {
      cache: { cache_layers: ['memory'] },
      observability: {
        tracing: { enabled: true, otlp_endpoint: otlp.httpUrl, service_name: 'cdn' },
      },
    },
    {
      buckets: (endpoint) => [
        replicated(endpoint, 'twice'),
        replicated(endpoint, 'hedged', { hedge: { after: '50ms', budget_percent: 100 } }),
        bucketAt(endpoint, { name: 'guarded', auth: { enabled: true, jwt: { secret: SECRET } } }),
      ],
    },
  )
  for (const name of REPLICAS) {
    front.s3.createBucket(name)
    front.s3.putObject(name, 'a.txt', 'hello')
    front.s3.putObject(name, 'long', { size: 3_000_000, seed: 'long' })
  }
  for (const key of ['a.txt', 'hit.txt', 'quiet.txt', 'mine.txt']) front.put(key, 'hello')
})

after(async () => {
  await front?.[Symbol.asyncDispose]()
  await otlp?.[Symbol.asyncDispose]()
})

async function ask(
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ answer: Answer; spans: readonly SeenSpan[]; own: SeenSpan }> {
  const id = `traced-${(requests += 1)}`
  const answer = await request(front.url + path, { headers: { ...headers, 'X-Request-ID': id } })
  const all = await otlp.exchange(id)
  const own = all.find(({ attributes }) => attributes['sluice.request_id'] === id)
  assert.ok(own)
  const prefix = own.spanId.slice(0, 14)
  return { answer, own, spans: all.filter(({ spanId }) => spanId.startsWith(prefix)) }
}

/** Each as `parent > name`. */
function tree(spans: readonly SeenSpan[]): string[] {
  const names = new Map(spans.map(({ spanId, name }) => [spanId, name]))
  return spans.map(({ name, parentId }) => {
    return parentId === undefined ? name : `${names.get(parentId) ?? parentId} > ${name}`
  })
}

test('a miss is a server span with its phases, and what S3 was asked', async () => {
  const { own, spans } = await ask('/files/a.txt?token=hush', { 'User-Agent': 'browser/1' })
  assert.deepEqual(tree(spans), [
    'GET files',
    'GET files > route',
    'GET files > access',
    'GET files > lookup',
    'GET files > obtain',
    'GET files > send',
    'obtain > origin',
  ])
  const { 'sluice.request_id': id, ...attributes } = own.attributes
  assert.equal(id, `traced-${requests}`)
  assert.deepEqual(attributes, {
    'http.request.method': 'GET',
    'url.scheme': 'http',
    'url.path': '/files/a.txt',
    'client.address': '127.0.0.1',
    'server.address': '127.0.0.1',
    'user_agent.original': 'browser/1',
    'http.response.status_code': 200,
    'http.response.body.size': 5,
    'sluice.aborted': false,
    'sluice.bucket': 'files',
    'sluice.cache.result': 'miss',
    'sluice.replica': 'primary',
    'sluice.attempts': 1,
  })
  assert.deepEqual(
    [own.kind, own.service, own.isError, own.parentId],
    ['SERVER', 'cdn', false, undefined],
  )
  for (const { startedAt, endedAt } of spans) {
    assert.ok(startedAt >= own.startedAt && endedAt <= own.endedAt && startedAt <= endedAt)
  }
  assert.ok(Math.abs(Number(own.startedAt / 1_000_000n) - Date.now()) < 60_000)
  assert.equal(spans.at(-1)?.attributes['http.response.status_code'], 206)
})

test('a hit asks nobody, and says where it lay', async () => {
  await request(`${front.url}/files/hit.txt`)
  const { own, spans } = await ask('/files/hit.txt')
  assert.ok(!spans.some(({ name }) => name === 'origin'))
  const { 'sluice.cache.result': result, 'sluice.cache.tier': tier } = own.attributes
  assert.deepEqual([result, tier], ['hit', 'memory'])
})

test('each attempt is a span of its own: a replica that fails, and the one that answers', async () => {
  const fault = front.s3.fault({
    kind: 'status',
    status: 500,
    match: { bucket: 'first', key: 'a.txt' },
  })
  const { spans, own } = await ask('/twice/a.txt')
  fault.remove()
  const attempts = spans.filter(({ name }) => name === 'origin')
  const told = attempts.map(({ attributes, isError }) => [
    attributes['sluice.replica'],
    attributes['sluice.attempt'],
    attributes['sluice.attempt.outcome'],
    attributes['sluice.attempt.phase'],
    attributes['http.response.status_code'],
    isError,
  ])
  assert.deepEqual(told, [
    ['first', 1, 'server-error', 'head', 500, true],
    ['second', 2, 'object', 'head', 206, false],
  ])
  assert.deepEqual(new Set(attempts.map(({ kind }) => kind)), new Set(['CLIENT']))
  const obtain = spans.find(({ name }) => name === 'obtain')
  for (const { parentId } of attempts) assert.equal(parentId, obtain?.spanId)
  assert.deepEqual([own.isError, own.attributes['sluice.replica']], [false, 'second'])
})

test('a body that is gone on with elsewhere in its middle is told', async () => {
  const fault = front.s3.fault({
    kind: 'cut',
    afterBytes: 400_000,
    times: 1,
    match: { key: 'long' },
  })
  const { answer, spans } = await ask('/twice/long')
  fault.remove()
  assert.equal(answer.body.byteLength, 3_000_000)
  const phases = spans.map(({ attributes }) => attributes['sluice.attempt.phase'])
  assert.ok(phases.includes('body'), JSON.stringify(phases))
})

test('a second request because the first was slow is told as such', async () => {
  const fault = front.s3.fault({ kind: 'hang', match: { bucket: 'first', key: 'a.txt' } })
  const { spans } = await ask('/hedged/a.txt')
  fault.remove()
  const told = spans
    .filter(({ name }) => name === 'origin')
    .map(({ attributes, isError }) => [
      attributes['sluice.replica'],
      attributes['sluice.attempt.hedge'],
      attributes['sluice.attempt.outcome'],
      isError,
    ])
  assert.deepEqual(told, [
    ['first', false, 'cancelled', false],
    ['second', true, 'object', false],
  ])
})

test('a refusal is told with its code, and is no error of the server', async () => {
  const { answer, own, spans } = await ask('/guarded/a.txt')
  assert.equal(answer.status, 401)
  assert.deepEqual(tree(spans), [
    'GET guarded',
    'GET guarded > route',
    'GET guarded > access',
    'GET guarded > send',
  ])
  const {
    'sluice.error': code,
    'error.type': type,
    'http.response.status_code': status,
  } = own.attributes
  assert.deepEqual([code, type, status, own.isError], ['token_missing', undefined, 401, false])
})

test('a failure is an error, also of the span', async () => {
  const fault = front.s3.fault({ kind: 'status', status: 500, match: { key: 'broken' } })
  const { own } = await ask('/files/broken')
  fault.remove()
  assert.deepEqual([own.isError, own.attributes['error.type']], [true, 'origin_failed'])
})

test('what is for no bucket, and a method that is none, have their spans too', async () => {
  const { own, spans } = await ask('/nowhere')
  assert.deepEqual([own.name, own.attributes['sluice.error']], ['GET', 'no_route'])
  assert.deepEqual(tree(spans), ['GET', 'GET > route', 'GET > send'])
  const id = `traced-${(requests += 1)}`
  await request(`${front.url}/files/a.txt`, { method: 'PATCH', headers: { 'X-Request-ID': id } })
  const [odd] = await otlp.exchange(id)
  assert.deepEqual([odd?.name, odd?.attributes['http.request.method']], ['HTTP', '_OTHER'])
})

const CARRIED = {
  traceparent: `00-${TRACE}-${PARENT}-01`,
  tracestate: 'rojo=1,congo=t61',
  baggage: 'user=x',
}

test('a trace that comes with a request is gone on with, and its state is kept', async () => {
  const { own, spans } = await ask('/files/mine.txt', CARRIED)
  assert.deepEqual([own.traceId, own.parentId, own.state], [TRACE, PARENT, 'rojo=1,congo=t61'])
  assert.ok(spans.every(({ traceId }) => traceId === TRACE))
  const line = await front.sluice.logLine((one) => one['request_id'] === `traced-${requests}`)
  assert.equal(line['trace_id'], TRACE)
  await front.sluice.logLine((one) => one['trace_id'] === TRACE)
})

test('a caller who does not sample is taken at their word, and the log names the trace', async () => {
  const other = '1'.repeat(32)
  const headers = { traceparent: `00-${other}-${PARENT}-00`, 'X-Request-ID': 'unsampled' }
  await request(`${front.url}/files/quiet.txt`, { headers })
  const line = await front.sluice.logLine((one) => one['request_id'] === 'unsampled')
  assert.equal(line['trace_id'], other)
  // What comes after it has arrived.
  await ask('/files/quiet.txt')
  assert.ok(!otlp.spans.some(({ traceId }) => traceId === other))
})

test('a traceparent that is none begins a new trace', async () => {
  const bad = `00-${TRACE}-${PARENT}-zz`
  const { own } = await ask('/files/a.txt', { traceparent: bad, tracestate: 'a=1' })
  assert.deepEqual([own.parentId, own.state], [undefined, undefined])
  assert.notEqual(own.traceId, TRACE)
  assert.match(own.traceId, /^[\da-f]{32}$/)
})

test('nothing of a trace ever goes to S3', async () => {
  front.put('to-s3.txt', 'x')
  await ask('/files/to-s3.txt', CARRIED)
  const asked = front.s3.requests.filter(({ key }) => key === 'to-s3.txt')
  assert.ok(asked.length > 0)
  for (const { headers } of front.s3.requests) {
    const names = Object.keys(headers).filter((name) => /^(?:trace|baggage|b3|x-b3)/.test(name))
    assert.deepEqual(names, [])
  }
})

test('no query, token or cookie gets into a span', async () => {
  const hush = 'hush-hush-hush'
  const bearer = token({ claims: { sub: 'ann' } })
  await ask(`/guarded/a.txt?token=${hush}&x=${bearer}`, {
    Authorization: `Bearer ${bearer}`,
    Cookie: `session=${hush}`,
    Referer: `https://a.example/?q=${hush}`,
    baggage: `secret=${hush}`,
  })
  const told = JSON.stringify(otlp.spans, (_name, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  for (const secret of [hush, bearer, 'token=']) assert.ok(!told.includes(secret), secret)
})

test('what became of spans is counted', async () => {
  const { text } = await request(`${front.opsUrl}/metrics`)
  const exported = /^sluice_trace_spans_total\{outcome="exported"\} (\d+)$/m.exec(text)?.[1]
  assert.ok(Number(exported) >= otlp.spans.length && otlp.spans.length > 0, String(exported))
})
