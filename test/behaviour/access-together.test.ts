// What each check of access says where all of them are on at once, and the cache, the bandwidth and the
// places besides: who may have an object is decided anew by every request.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { TOKEN } from '../support/cached-front.ts'
import { explainAt, stepOf } from '../support/explained.ts'
import {
  APP,
  BLOCKED,
  from,
  openWorld,
  outcome,
  reader,
  READER,
  VIEWER,
} from '../support/guarded-world.ts'
import type { World } from '../support/guarded-world.ts'
import type { Answer } from '../support/http.ts'
import { BIG_BYTES, occupy } from '../support/occupant.ts'
import { OTHER_SIGNING_SECRET, signed } from '../support/signed.ts'
import { bearer, inSeconds, token } from '../support/tokens.ts'
import { until } from '../support/until.ts'

const REQUIRED: Readonly<Record<number, string>> = {
  401: 'www-authenticate',
  429: 'retry-after',
  503: 'retry-after',
}

function assertDressed(answer: Answer, what: string): void {
  const { status, headers } = answer
  assert.equal(headers['access-control-allow-origin'], APP, what)
  assert.match(String(headers['vary']), /Origin/, what)
  assert.ok(headers['x-request-id'], what)
  if (status < 400) return
  assert.equal(headers['cache-control'], 'no-store', what)
  const required = REQUIRED[status]
  if (required !== undefined) assert.ok(headers[required], `${what}: ${required}`)
}

for (const threads of [1, 2]) {
  describe(`all checks at once, threads: ${threads}`, () => {
    let world: World
    before(async () => (world = await openWorld({ threads })))
    after(() => world?.[Symbol.asyncDispose]())

    /** Until it lies in the memory of the thread that answers. */
    async function warm(path: string, headers: Readonly<Record<string, string>>): Promise<void> {
      let hits = 0
      await until(
        `${path} is held by every thread`,
        async () => {
          const answer = await world.ask(path, headers)
          assert.equal(answer.status, 200, answer.text)
          hits = answer.headers['x-cache'] === 'HIT' ? hits + 1 : 0
          return hits
        },
        (count) => count >= (threads === 1 ? 1 : 8),
      )
    }

    test('a stored object is had by whoever may have it, and by nobody else', async () => {
      const short = token({ claims: { ...READER, exp: inSeconds(5) } })
      const soonOver = signed({ path: '/vault/a', expires: inSeconds(5) })
      await warm('/vault/a', bearer(short))
      await warm('/u/acme/a', bearer(reader))
      assert.equal(outcome(await world.ask(soonOver)), '200 HIT')
      const writer = token({ claims: { ...READER, role: 'writer' } })
      const rival = token({ claims: { ...READER, tenant: 'rival' } })
      const table: readonly [why: string, path: string, headers: object, outcome: string][] = [
        ['the right token', '/vault/a', bearer(reader), '200 HIT'],
        ['a good signature', signed({ path: '/vault/a' }), {}, '200 HIT'],
        ['the anonymous', '/vault/a', {}, '401 token_missing'],
        ['no token', '/vault/a', bearer('none'), '401 token_invalid'],
        ['the wrong claim', '/vault/a', bearer(writer), '403 claims_denied'],
        [
          'a blocked address',
          '/vault/a',
          { ...bearer(reader), ...from(BLOCKED) },
          '403 address_denied',
        ],
        [
          'a blocked address behind others',
          '/vault/a',
          { ...bearer(reader), ...from(`10.0.0.1, ${BLOCKED}`) },
          '403 address_denied',
        ],
        [
          'another path’s signature',
          `/vault/a?${signed({ path: '/vault/b' }).split('?')[1]}`,
          {},
          '403 signature_invalid',
        ],
        [
          'that, and the right token',
          `/vault/a?${signed({ path: '/vault/b' }).split('?')[1]}`,
          bearer(reader),
          '403 signature_invalid',
        ],
        [
          'another bucket’s key',
          signed({ path: '/vault/a', key: 'k2', secret: OTHER_SIGNING_SECRET }),
          {},
          '403 signature_invalid',
        ],
        [
          'another’s secret',
          signed({ path: '/vault/a', secret: OTHER_SIGNING_SECRET }),
          {},
          '403 signature_invalid',
        ],
        [
          'a signature that is over',
          signed({ path: '/vault/a', expires: 1 }),
          {},
          '403 signature_expired',
        ],
        [
          'a good signature from a blocked address',
          signed({ path: '/vault/a' }),
          from(BLOCKED),
          '403 address_denied',
        ],
        ['what the policy denies', '/vault/no/a', bearer(reader), '403 policy_denied'],
        ['that, by a signature', signed({ path: '/vault/no/a' }), {}, '403 policy_denied'],
        ['two slashes', '/vault//a', {}, '401 token_missing'],
        ['an escaped path', '/%76ault/a', {}, '401 token_missing'],
        ['an escaped slash', '/vault%2Fa', {}, '401 token_missing'],
        ['another host', '/vault/a', { Host: 'other.test' }, '401 token_missing'],
        ['a part', '/vault/a', { Range: 'bytes=0-0' }, '401 token_missing'],
        ['a condition', '/vault/a', { 'If-None-Match': '*' }, '401 token_missing'],
        ['what is not there', '/vault/none', {}, '401 token_missing'],
        ['the bucket itself', '/vault', {}, '401 token_missing'],
        ['the right tenant', '/u/acme/a', bearer(reader), '200 HIT'],
        ['another tenant', '/u/acme/a', bearer(rival), '403 claims_denied'],
        ['an escaped tenant', '/u/%61cme/a', bearer(rival), '403 claims_denied'],
      ]
      for (const [why, path, headers, expected] of table) {
        const answer = await world.ask(path, { Origin: APP, ...headers })
        assert.equal(outcome(answer), expected, why)
        assertDressed(answer, why)
        const head = await world.ask(path, { Origin: APP, ...headers }, 'HEAD')
        assert.equal(head.status, answer.status, `${why}, by HEAD`)
        assertDressed(head, `${why}, by HEAD`)
        const told = await explainAt(world.front, {
          path,
          headers: { ...headers },
          address: '127.0.0.1',
        })
        const known = told.summary.code ?? told.summary.x_cache
        assert.equal(known, expected.slice(4), `${why}, explained`)
        const line = await world.front.sluice.logLine(
          (found) => found['request_id'] === answer.headers['x-request-id'],
        )
        const code = answer.status < 400 ? undefined : expected.slice(4)
        assert.equal(line['error'], code, `${why}, in the log`)
      }
      await until(
        'the token that had it is over',
        async () => outcome(await world.ask('/vault/a', bearer(short))),
        (now) => now === '401 token_expired',
      )
      await until(
        'the signature that had it is over',
        async () => outcome(await world.ask(soonOver)),
        (now) => now === '403 signature_expired',
      )
    })

    test('who is refused by the policy is named in the log, with its reason', async () => {
      const answer = await world.ask('/vault/no/a', bearer(reader))
      const line = await world.front.sluice.logLine(
        (found) => found['request_id'] === answer.headers['x-request-id'],
      )
      assert.deepEqual(
        [line['user'], line['policy'], line['policy_reason'], line['error'], line['bucket']],
        ['ann', 'deny', 'not this', 'policy_denied', 'vault'],
      )
    })

    test('a limit counts a person wherever they come from, and an address whoever it is', async () => {
      const ask = async (path: string, sub: string, address: string): Promise<string> => {
        const headers = { ...bearer(token({ claims: { ...READER, sub } })), ...from(address) }
        const answer = await world.ask(path, { Origin: APP, ...headers })
        assertDressed(answer, path)
        return outcome(answer).slice(0, 3)
      }
      const seen = [
        await ask('/person/a', 'bob', '192.0.2.1'),
        await ask('/person/a', 'bob', '192.0.2.2'),
        await ask('/person/a', 'bob', '192.0.2.3'),
        await ask('/person/a', 'eve', '192.0.2.3'),
        await ask('/address/a', 'bob', '192.0.2.9'),
        await ask('/address/a', 'eve', '192.0.2.9'),
        await ask('/address/a', 'joe', '192.0.2.9'),
        await ask('/address/a', 'joe', '192.0.2.8'),
      ]
      assert.deepEqual(seen, ['200', '200', '429', '200', '200', '200', '429', '200'])
    })

    test('an object is purged by who may purge, and by nobody who may only read it', async () => {
      const purge = async (path: string, headers: object): Promise<string> =>
        outcome(await world.ask(path, { ...headers }, 'PURGE')).slice(0, 3)
      await warm('/vault/a', bearer(reader))
      assert.equal(await purge('/vault/a', {}), '401')
      assert.equal(await purge('/vault/a', bearer(reader)), '401')
      assert.equal(await purge(signed({ path: '/vault/a' }), {}), '401')
      assert.equal(await purge('/vault/a', bearer(VIEWER)), '403')
      assert.equal(outcome(await world.ask('/vault/a', bearer(reader))), '200 HIT')
      assert.equal(await purge('/vault/a', bearer(TOKEN)), '200')
      assert.equal(outcome(await world.ask('/vault/a', bearer(reader))), '200 MISS')
      // Nor does an operator's token open what is asked of a reader.
      assert.equal(outcome(await world.ask('/vault/a', bearer(TOKEN))), '401 token_invalid')
    })
  })
}

test('an object that has changed is looked at again, and its reader counted once', async () => {
  await using world = await openWorld()
  const { front, ask } = world
  const headers = bearer(reader)
  front.put('moving', 'old')
  assert.equal((await ask('/person/moving', headers, 'HEAD')).status, 200)
  // Its head is known, its bytes are not.
  front.put('moving', 'young and longer')
  const answer = await ask('/person/moving', headers)
  assert.deepEqual([answer.status, answer.text], [200, 'young and longer'])
  assert.equal(outcome(await ask('/person/moving', headers)), '429 rate_limited')
})

test('a page of no does not stand in for a refusal of access', async () => {
  await using world = await openWorld()
  const headers = { ...from(BLOCKED), Accept: 'text/html', 'Sec-Fetch-Mode': 'navigate' }
  const answer = await world.ask('/site/deep/link', headers)
  assert.equal(answer.status, 403)
  assert.match(answer.text, /address_denied/)
})

test('a page that stands in says all that it varies by, to pages of other origins too', async () => {
  await using world = await openWorld()
  const headers = { Origin: APP, Accept: 'text/html' }
  const answer = await world.ask('/site/deep/link', headers)
  assert.equal(answer.text, 'the page')
  assert.equal(
    answer.headers['vary'],
    'Accept-Encoding, Accept, Sec-Fetch-Mode, Origin',
    answer.text,
  )
})

test('a server that is full says so to pages of other origins', async () => {
  await using world = await openWorld({ max_concurrent_requests: 1 })
  const { front } = world
  front.put('big', { size: BIG_BYTES, seed: 'big' })
  const held = await occupy(front.port, '/files/big')
  const answer = await world.ask('/vault/a', { Origin: APP })
  assert.equal(outcome(answer), '503 too_busy')
  assertDressed(answer, 'full')
  const told = await explainAt(front, { path: '/vault/a', headers: { Origin: APP } })
  assert.equal(told.summary.code, 'too_busy')
  assert.equal(stepOf(told, 'cors').outcome, 'shared')
  held.destroy()
})
