// What a policy is told, and how often it is asked.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { test } from 'node:test'

import { callAt, TOKEN } from '../support/cached-front.ts'
import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { assertMoves, scrape } from '../support/metrics.ts'
import { openScriptedPolicy, saying } from '../support/scripted-policy.ts'
import type { ScriptedPolicy } from '../support/scripted-policy.ts'
import { bearer, inSeconds, SECRET, token } from '../support/tokens.ts'
import { until } from '../support/until.ts'

interface World extends AsyncDisposable {
  readonly front: Front
  readonly policy: ScriptedPolicy
  ask(path: string, headers?: Readonly<Record<string, string>>, method?: string): Promise<Answer>
}

/** Buckets `guarded`, which asks for tokens, and `free`. */
async function openWorld(authorization: object = {}, settings: object = {}): Promise<World> {
  const policy = await openScriptedPolicy()
  const asked = {
    type: 'opa',
    url: policy.url,
    policy_path: 'any/where/allow',
    timeout_ms: 10_000,
    ...authorization,
  }
  const jwt = {
    secret: SECRET,
    token_sources: [{ type: 'bearer' }, { type: 'query', name: 'token' }],
  }
  const front = await openFront(
    {
      jwt,
      admin: { token: TOKEN },
      server: { trusted_proxies: ['127.0.0.1'] },
      ...settings,
    },
    {
      buckets: (at) => [
        bucketAt(at, { name: 'guarded', authorization: asked, auth: { enabled: true } }),
        bucketAt(at, { name: 'free', authorization: asked }),
      ],
    },
  )
  for (const key of ['a', 'b', 'dir/é è', 'x//y']) front.put(key, 'body')
  return {
    front,
    policy,
    ask: (path, headers = {}, method = 'GET') =>
      request(`${front.url}${path}`, { headers, method }),
    [Symbol.asyncDispose]: async () => {
      await front[Symbol.asyncDispose]()
      await policy[Symbol.asyncDispose]()
    },
  }
}

const by = (claims: object): Readonly<Record<string, string>> => bearer(token({ claims }))
const from = (address: string): Readonly<Record<string, string>> => ({ 'x-forwarded-for': address })

test('a policy is told five things, and no token, cookie or query', async () => {
  await using world = await openWorld()
  const { policy, ask } = world
  const claims = { sub: 'ann', nested: { roles: ['x', 1, null] }, exp: inSeconds(600) }
  const more = { cookie: 'session=1', 'user-agent': 'test', ...from('2001:DB8::1') }
  assert.equal(
    (await ask('/guarded/dir/%C3%A9%20%C3%A8?x=1', { ...by(claims), ...more })).status,
    200,
  )
  assert.equal((await ask('/free/x//y', by(claims), 'HEAD')).status, 200)
  assert.equal((await ask(`/guarded/a?token=${token({ claims })}`)).status, 200)
  assert.deepEqual(policy.asked, [
    {
      jwt_claims: claims,
      bucket: 'guarded',
      path: '/guarded/dir/é è',
      method: 'GET',
      client_ip: '2001:db8::1',
    },
    {
      jwt_claims: null,
      bucket: 'free',
      path: '/free/x//y',
      method: 'HEAD',
      client_ip: '127.0.0.1',
    },
    {
      jwt_claims: claims,
      bucket: 'guarded',
      path: '/guarded/a',
      method: 'GET',
      client_ip: '127.0.0.1',
    },
  ])
  assert.deepEqual(policy.faults, [])
  assert.equal(policy.paths.at(0), '/v1/data/any/where/allow')
})

test('a policy is told more when that is asked for: the key, the minute, headers', async () => {
  await using world = await openWorld({
    input: ['key', 'time', 'header:User-Agent', 'header:x-no'],
  })
  const { policy, ask } = world
  await ask('/free/dir/a', { 'user-agent': 'a "quoted" one' })
  const [told] = policy.asked
  assert.equal(told?.key, 'dir/a')
  assert.deepEqual(told?.headers, { 'user-agent': 'a "quoted" one' })
  const age = Date.now() - Date.parse(told?.time ?? '')
  assert.ok(age >= 0 && age < 120_000, String(told?.time))
  assert.deepEqual(policy.faults, [])
})

test('a decision is remembered for one and the same input, and for no other', async () => {
  await using world = await openWorld({ input: ['header:x-site'] })
  const { policy, ask } = world
  const ann = by({ sub: 'ann' })
  const different: (() => Promise<Answer>)[] = [
    () => ask('/guarded/a', ann),
    () => ask('/guarded/a', by({ sub: 'bob' })),
    () => ask('/guarded/a', by({ sub: 'ann', role: 'x' })),
    () => ask('/guarded/b', ann),
    () => ask('/guarded/a', ann, 'HEAD'),
    () => ask('/guarded/a', { ...ann, ...from('192.0.2.1') }),
    () => ask('/guarded/a', { ...ann, 'x-site': 'one' }),
    () => ask('/guarded/a', { ...ann, 'x-site': 'two' }),
    () => ask('/free/a', ann),
  ]
  for (const one of different) await one()
  assert.equal(policy.asked.length, different.length)
  policy.answer = saying({ result: false })
  for (const one of different) assert.equal((await one()).status, 200)
  // What is not told of makes no difference.
  await ask('/guarded/a?x=1', { ...ann, 'user-agent': 'other' })
  assert.equal(policy.asked.length, different.length)
  assert.equal((await ask('/guarded/a', by({ sub: 'cid' }))).status, 403)
})

test('a no is remembered as a yes is', async () => {
  await using world = await openWorld()
  const { policy, ask } = world
  policy.answer = saying({ result: { allow: false, reason: ['one', 'two'] } })
  assert.equal((await ask('/free/a')).status, 403)
  policy.answer = saying({ result: true })
  assert.equal((await ask('/free/a')).status, 403)
  const line = await world.front.sluice.logLine(({ policy: said }) => said === 'deny')
  assert.equal(line['policy_reason'], '["one","two"]')
})

test('a decision is forgotten in time, and never remembered where there is no time', async () => {
  await using brief = await openWorld({ cache_ttl_seconds: 1 })
  assert.equal((await brief.ask('/free/a')).status, 200)
  brief.policy.answer = saying({ result: false })
  const status = async (): Promise<number> => (await brief.ask('/free/a')).status
  await until('the decision to be asked for again', status, (found) => found === 403)

  await using none = await openWorld({ opa_cache_ttl_seconds: 0 })
  for (let count = 0; count < 3; count += 1) await none.ask('/free/a')
  assert.equal(none.policy.asked.length, 3)
})

test('a decision is not remembered beyond the token, leeway or not', async () => {
  await using world = await openWorld()
  const { policy, ask } = world
  const expired = by({ sub: 'ann', exp: inSeconds(-10) })
  for (let count = 0; count < 2; count += 1) {
    assert.equal((await ask('/guarded/a', expired)).status, 200)
  }
  assert.equal(policy.asked.length, 2)
  const soon = by({ sub: 'ann', exp: inSeconds(2) })
  await ask('/guarded/a', soon)
  const again = async (): Promise<number> => {
    await ask('/guarded/a', soon)
    return policy.asked.length
  }
  await until('the decision to be asked for again', again, (count) => count > 3)
})

test('those who ask for one thing at once wait for one question', async () => {
  await using world = await openWorld({ cache_ttl_seconds: 0 })
  const { policy, ask } = world
  const held: (() => void)[] = []
  policy.answer = (input, outgoing) =>
    void held.push(() => saying({ result: input.path === '/free/a' })(input, outgoing))
  const same = Array.from({ length: 10 }, () => ask('/free/a'))
  const other = ask('/free/b')
  await until(
    'both questions',
    async () => held.length,
    (count) => count === 2,
  )
  await until(
    'all requests',
    async () => (await scrape(world.front.opsUrl)).sum('sluice_http_requests_in_flight'),
    (running) => running === 11,
  )
  for (const release of held) release()
  const statuses = (await Promise.all(same)).map(({ status }) => status)
  assert.deepEqual(new Set(statuses), new Set([200]))
  assert.equal((await other).status, 403)
  assert.equal(policy.asked.length, 2)
})

test('a question is given up when all who wait for it have left, and not before', async () => {
  await using world = await openWorld({ timeout_ms: 60_000 })
  const { policy, front } = world
  const held: (() => void)[] = []
  policy.answer = (input, outgoing) =>
    void held.push(() => saying({ result: true })(input, outgoing))
  const leaver = async (): Promise<http.ClientRequest> => {
    const outgoing = http.get(`${front.url}/free/a`, { agent: false })
    outgoing.on('error', () => undefined)
    await once(outgoing, 'socket')
    return outgoing
  }
  const inFlight = (count: number): Promise<unknown> =>
    until(
      `${count} in flight`,
      async () => (await scrape(front.opsUrl)).sum('sluice_http_requests_in_flight'),
      (running) => running === count,
    )
  const [one, two] = [await leaver(), await leaver()]
  await inFlight(2)
  one.destroy()
  await inFlight(1)
  const three = await leaver()
  await inFlight(2)
  two.destroy()
  await inFlight(1)
  assert.equal(policy.seen.left, 0)
  three.destroy()
  await until(
    'the question to be given up',
    async () => policy.seen.left,
    (left) => left === 1,
  )
  // Whoever comes now is not one of those who left.
  policy.answer = saying({ result: true })
  assert.equal((await world.ask('/free/a')).status, 200)
  assert.equal(policy.asked.length, 2)
  const { sum } = await scrape(front.opsUrl)
  assert.equal(sum('sluice_policy_decisions_total', { outcome: 'error' }), 0)
})

test('connections are kept, and are only so many', async () => {
  await using world = await openWorld({ cache_ttl_seconds: 0 })
  const { policy, ask } = world
  for (let count = 0; count < 10; count += 1) await ask(`/free/a`)
  assert.equal(policy.seen.connections, 1)
  const held: (() => void)[] = []
  policy.answer = (input, outgoing) =>
    void held.push(() => saying({ result: true })(input, outgoing))
  const many = Array.from({ length: 100 }, (_, index) => ask('/free/a', from(`192.0.2.${index}`)))
  await until(
    'the most that are asked at once',
    async () => held.length,
    (count) => count === 64,
  )
  policy.answer = saying({ result: true })
  for (const release of held) release()
  for (const answer of await Promise.all(many)) assert.equal(answer.status, 200)
  assert.ok(policy.seen.connections <= 64, String(policy.seen.connections))
})

test('decisions are counted, remembered or not, and the questions are timed', async () => {
  await using world = await openWorld()
  const { policy, ask, front } = world
  const DECISIONS = 'sluice_policy_decisions_total'
  const act = async (): Promise<void> => {
    for (let count = 0; count < 3; count += 1) await ask('/free/a')
    policy.answer = saying({ result: false })
    for (let count = 0; count < 2; count += 1) await ask('/free/b')
    policy.answer = saying('', 500)
    await ask('/guarded/a', by({ sub: 'ann' }))
    await callAt(front.opsUrl, 'GET', '/admin/explain?path=/free/never')
  }
  await assertMoves(front.opsUrl, act, [
    [DECISIONS, { bucket: 'free', outcome: 'allow' }, 3],
    [DECISIONS, { bucket: 'free', outcome: 'deny' }, 2],
    [DECISIONS, { bucket: 'guarded', outcome: 'error' }, 1],
    [DECISIONS, {}, 6],
    ['sluice_policy_duration_seconds_count', {}, 3],
    ['sluice_refusals_total', { code: 'policy_denied' }, 2],
    ['sluice_refusals_total', { code: 'policy_unavailable' }, 1],
  ])
})

test('explain asks as a request would, and leaves no trace', async () => {
  await using world = await openWorld({ fail_mode: 'open' })
  const { policy, ask, front } = world
  const step = async (): Promise<Record<string, unknown>> => {
    const { json } = await callAt(
      front.opsUrl,
      'GET',
      '/admin/explain?path=/free/a&address=192.0.2.7',
    )
    const steps = json['steps'] as Record<string, unknown>[]
    return steps.find(({ step: name }) => name === 'authorization') ?? {}
  }
  policy.answer = saying({ result: { allow: true, reason: 'because' } })
  assert.equal((await step())['reason'], 'The policy allows it (because).')
  policy.answer = saying('', 503)
  for (let count = 0; count < 5; count += 1) {
    const { outcome, reason } = await step()
    assert.deepEqual(
      [outcome, reason],
      ['admitted', 'The policy could not decide (OPA answered 503), and fail_mode is open.'],
    )
  }
  policy.answer = saying({ result: false })
  const asked = policy.asked.length
  assert.equal((await ask('/free/a', from('192.0.2.7'))).status, 403)
  assert.equal(policy.asked.length, asked + 1)
  const { outcome, code } = await step()
  assert.deepEqual([outcome, code], ['refused', 'policy_denied'])
  assert.equal(policy.asked.length, asked + 1)
})

test('every thread asks, and what they decide is one sum', async () => {
  await using world = await openWorld({}, { server: { threads: 2 } })
  const { policy, ask, front } = world
  const DECISIONS = 'sluice_policy_decisions_total'
  policy.answer = saying({ result: false })
  let count = 0
  const asked = async (): Promise<number> => {
    count += 1
    assert.equal((await ask('/free/a')).status, 403)
    return policy.asked.length
  }
  await until('both threads to have asked', asked, (found) => found === 2)
  await until(
    'all decisions',
    async () => (await scrape(front.opsUrl)).sum(DECISIONS, { outcome: 'deny' }),
    (sum) => sum === count,
  )
  const { sum } = await scrape(front.opsUrl)
  assert.equal(sum('sluice_policy_duration_seconds_count'), 2)
})
