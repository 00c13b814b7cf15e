// An Open Policy Agent that is killed, hangs or is slow: what the bucket says is then done, in bounded
// time, and it is over by itself when OPA is back.

import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'

import { createCertificate } from '../support/certificates.ts'
import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { scrape } from '../support/metrics.ts'
import { openOpa } from '../support/opa.ts'
import type { OpaServer } from '../support/opa.ts'
import { openScriptedPolicy, saying } from '../support/scripted-policy.ts'
import { until } from '../support/until.ts'

const TIMEOUT_MS = 1000
/** On two slow cores, and less than a policy that hangs would take. */
const BOUND_MS = 5000

interface World extends AsyncDisposable {
  readonly front: Front
  readonly opa: OpaServer
  ask(bucket: 'closed' | 'open', key?: string): Promise<Answer>
}

const RULES = Object.fromEntries(
  ['closed', 'open'].map((name) => [
    name,
    { prefix: `/${name}`, public: ['free/'], require: ['roles'] },
  ]),
)

function bucketsAt(url: string, more: object = {}): (at: string) => object[] {
  return (at) =>
    (['closed', 'open'] as const).map((name) =>
      bucketAt(at, {
        name,
        authorization: {
          type: 'opa',
          url,
          policy_path: 'sluice/authz/decision',
          timeout_ms: TIMEOUT_MS,
          cache_ttl_seconds: 0,
          fail_mode: name,
          ...more,
        },
      }),
    )
}

async function openWorld(more: object = {}): Promise<World> {
  const opa = await openOpa({ rules: RULES })
  const front = await openFront({}, { buckets: bucketsAt(opa.url, more) })
  for (const key of ['free/a', 'free/b', 'secret']) front.put(key, 'body')
  const ask: World['ask'] = (bucket, key = 'free/a') => request(`${front.url}/${bucket}/${key}`)
  const world: World = {
    front,
    opa,
    ask,
    [Symbol.asyncDispose]: async () => {
      await front[Symbol.asyncDispose]()
      await opa.close()
    },
  }
  await assertDecides(world)
  return world
}

async function timed<Value>(act: () => Promise<Value>): Promise<Value> {
  const startedAt = performance.now()
  const value = await act()
  const tookMs = performance.now() - startedAt
  assert.ok(tookMs < BOUND_MS, `it took ${tookMs} ms`)
  return value
}

function assertUnavailable({ status, text, headers }: Answer): void {
  assert.equal(status, 503, text)
  const { error }: { error: string } = JSON.parse(text)
  assert.equal(error, 'policy_unavailable')
  assert.equal(headers['retry-after'], '1')
  assert.doesNotMatch(text, /opa|ECONN/i)
}

async function assertDecides({ ask }: World): Promise<void> {
  const statuses = async (): Promise<string> =>
    [(await ask('closed')).status, (await ask('open', 'secret')).status].join()
  await until('decisions', statuses, (found) => found === '200,403')
}

const ways: Readonly<Record<string, (opa: OpaServer) => Promise<void>>> = {
  killed: (opa) => opa.kill(),
  hung: (opa) => opa.pause(),
}

for (const [way, harm] of Object.entries(ways)) {
  test(`OPA ${way}: closed refuses, open lets in, and both decide again when it is back`, async () => {
    await using world = await openWorld()
    const { front, opa, ask } = world
    await harm(opa)
    assertUnavailable(await timed(() => ask('closed')))
    assert.equal((await timed(() => ask('open', 'secret'))).status, 200)
    const line = await front.sluice.logLine(
      ({ policy, status }) => policy === 'error' && status === 200,
    )
    assert.match(String(line['policy_reason']), /OPA cannot be reached|no answer within 1000 ms/)

    if (way === 'killed') await opa.start()
    else opa.resume()
    await assertDecides(world)
  })
}

test('while OPA hangs it is asked by one request now and then, and the others do not wait', async () => {
  await using world = await openWorld({ timeout_ms: 2000 })
  const { front, opa, ask } = world
  await opa.pause()
  for (let count = 0; count < 3; count += 1) assertUnavailable(await ask('closed'))
  const aside = await front.sluice.logLine(
    ({ event, bucket }) => event === 'policy' && bucket === 'closed',
  )
  assert.deepEqual(
    [aside['state'], aside['level'], aside['reason']],
    ['aside', 'warn', 'no answer within 2000 ms'],
  )
  // One of them may be the one that asks. Waiting each, they would take forty seconds.
  await timed(async () => {
    for (let count = 0; count < 20; count += 1) assertUnavailable(await ask('closed'))
  })
  opa.resume()
  await assertDecides(world)
  const back = await front.sluice.logLine(({ state }) => state === 'back')
  assert.equal(back['level'], 'info')
})

test('what was decided before OPA was gone holds for as long as it is remembered', async () => {
  await using world = await openWorld({ cache_ttl_seconds: 3600 })
  const { opa, ask } = world
  await opa.kill()
  assert.equal((await ask('closed')).status, 200)
  assert.equal((await ask('open', 'secret')).status, 403)
  assertUnavailable(await ask('closed', 'free/b'))
})

test('an answer that is late, however it trickles, is none', async () => {
  await using policy = await openScriptedPolicy((_, outgoing) => {
    outgoing.writeHead(200)
    const drip = setInterval(() => outgoing.write(' '), 50)
    outgoing.on('close', () => clearInterval(drip))
  })
  await using front = await openFront({}, { buckets: bucketsAt(policy.url) })
  front.put('a', 'body')
  assertUnavailable(await timed(() => request(`${front.url}/closed/a`)))
  assert.equal((await timed(() => request(`${front.url}/open/a`))).status, 200)
})

const answers: Readonly<Record<string, readonly [body: unknown, status?: number]>> = {
  'a result of another kind': [{ result: 'yes' }],
  'a result of 1': [{ result: 1 }],
  'a result of null': [{ result: null }],
  'a list': [{ result: [true] }],
  'an object without allow': [{ result: { allowed: true } }],
  'an object whose allow is a text': [{ result: { allow: 'true' } }],
  'no object': ['true'],
  'no JSON': ['<html>'],
  nothing: [''],
  'an answer that is too large': [{ result: true, more: 'x'.repeat(100_000) }],
  'an error of the policy': [{ code: 'internal_error' }, 500],
  'a true with another status': [{ result: true }, 201],
  'a redirect': [{ result: true }, 302],
}

test('what is no decision is none, and takes the policy from nobody else', async (context) => {
  await using policy = await openScriptedPolicy()
  await using front = await openFront(
    {},
    { buckets: bucketsAt(policy.url, { timeout_ms: 10_000 }) },
  )
  front.put('a', 'body')
  for (const [what, [body, status]] of Object.entries(answers)) {
    await context.test(what, async () => {
      policy.answer = saying(body, status)
      assertUnavailable(await request(`${front.url}/closed/a`))
      assert.equal((await request(`${front.url}/open/a`)).status, 200)
    })
  }
  const before = policy.asked.length
  policy.answer = saying({ result: true })
  assert.equal((await request(`${front.url}/closed/a`)).status, 200)
  assert.equal(policy.asked.length, before + 1)
  const { sum } = await scrape(front.opsUrl)
  const count = Object.keys(answers).length
  assert.equal(sum('sluice_policy_decisions_total', { bucket: 'open', outcome: 'error' }), count)
})

test('a connection that OPA has closed meanwhile costs no decision', async () => {
  const used = new WeakSet<Socket>()
  await using policy = await openScriptedPolicy((input, outgoing) => {
    const { socket } = outgoing
    if (socket === null || used.has(socket)) {
      socket?.destroy()
      return
    }
    used.add(socket)
    saying({ result: true })(input, outgoing)
  })
  await using front = await openFront(
    {},
    { buckets: bucketsAt(policy.url, { timeout_ms: 10_000 }) },
  )
  front.put('a', 'body')
  for (let count = 0; count < 5; count += 1) {
    assert.equal((await request(`${front.url}/closed/a`)).status, 200)
  }
})

test('over TLS OPA is believed if its certificate is trusted, and only then', async () => {
  using certificate = createCertificate('localhost')
  await using policy = await openScriptedPolicy(saying({ result: true }), certificate)
  const buckets = bucketsAt(policy.url, { timeout_ms: 10_000 })
  const env = { NODE_EXTRA_CA_CERTS: certificate.certPath }
  await using trusting = await openFront({}, { buckets, env })
  trusting.put('a', 'body')
  assert.equal((await request(`${trusting.url}/closed/a`)).status, 200)
  await using wary = await openFront({}, { buckets })
  assertUnavailable(await request(`${wary.url}/closed/a`))
  assert.equal(policy.asked.length, 1)
})
