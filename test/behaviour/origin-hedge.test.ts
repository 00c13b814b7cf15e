// A second request when the first is slow: who answers, who is let go, and how often it may be.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'

import { generateBytes } from '../../dev/s3-server.ts'
import { BUCKET, openFleet, until } from '../support/fleet.ts'
import type { Fleet, Settings } from '../support/fleet.ts'
import { request } from '../support/http.ts'
import { openSluice } from '../support/sluice.ts'

const BYTES = generateBytes('hedge', 0, 200_000)

interface World {
  readonly fleet: Fleet
  readonly url: string
}

async function open(t: TestContext, s3: Settings): Promise<World> {
  const fleet = await openFleet(2)
  fleet.put('k', BYTES)
  const sluice = await openSluice({ buckets: [fleet.bucket(s3)] })
  t.after(async () => {
    await sluice.close()
    await fleet[Symbol.asyncDispose]()
  })
  return { fleet, url: `${sluice.url}/${BUCKET}/k` }
}

const NEVER_S = 600

describe('hedge.after', () => {
  test('a time: when the first is slower, the second answers and the first is cancelled', async (t) => {
    const hedge = { after: '50ms', budget_percent: 100 }
    const { fleet, url } = await open(t, { hedge, timeout: NEVER_S, first_byte_budget: NEVER_S })
    fleet.fault({ kind: 'hang' }, [0])
    const { status, body } = await request(url)
    assert.equal(status, 200)
    assert.ok(body.equals(BYTES))
    assert.deepEqual(fleet.counts(), [1, 1])
    await until(() => fleet.server(0).requests[0]?.state === 'aborted', 'the loser cancelled')
  })

  test('a time: a first that is quicker is the only one asked', async (t) => {
    const { fleet, url } = await open(t, { hedge: { after: '60s', budget_percent: 100 } })
    fleet.fault({ kind: 'delay', delayMs: 100 }, [0])
    for (let count = 0; count < 5; count += 1) assert.equal((await request(url)).status, 200)
    assert.deepEqual(fleet.counts(), [5, 0])
  })

  test('a percentile: only once it is known what is slow', async (t) => {
    const hedge = { after: 'p90', budget_percent: 100 }
    const { fleet, url } = await open(t, { hedge })
    const slow = { kind: 'delay', delayMs: 300, times: 1 } as const
    fleet.fault(slow, [0])
    await request(url)
    assert.deepEqual(fleet.counts(), [1, 0], 'it was hedged before anything was known')

    for (let count = 0; count < 60; count += 1) await request(url)
    fleet.clear()
    fleet.fault({ kind: 'hang', times: 1 }, [0])
    assert.equal((await request(url)).status, 200)
    assert.deepEqual(fleet.counts(), [1, 1])
  })

  test('without the section nobody is asked twice', async (t) => {
    const { fleet, url } = await open(t, {})
    fleet.fault({ kind: 'delay', delayMs: 500 }, [0])
    assert.equal((await request(url)).status, 200)
    assert.deepEqual(fleet.counts(), [1, 0])
  })
})

describe('a hedge', () => {
  test('whose second try fails waits for the first', async (t) => {
    const { fleet, url } = await open(t, { hedge: { after: '50ms', budget_percent: 100 } })
    fleet.fault({ kind: 'delay', delayMs: 700 }, [0])
    fleet.fault({ kind: 'status', status: 500 }, [1])
    const { status, body } = await request(url)
    assert.equal(status, 200)
    assert.ok(body.equals(BYTES))
  })

  test('that the client leaves cancels both', async (t) => {
    const { fleet, url } = await open(t, { hedge: { after: '20ms', budget_percent: 100 } })
    fleet.fault({ kind: 'hang' })
    const leaving = new AbortController()
    const left = request(url, { signal: leaving.signal }).catch(() => undefined)
    await until(() => fleet.counts().join() === '1,1')
    leaving.abort()
    await left
    const states = (): string => fleet.servers.map(({ requests }) => requests[0]?.state).join()
    await until(() => states() === 'aborted,aborted')
  })

  test('does not count against the replica that lost', async (t) => {
    const { fleet, url } = await open(t, {
      hedge: { after: '20ms', budget_percent: 100 },
      circuit_breaker: { failure_threshold: 1, timeout_seconds: NEVER_S },
    })
    fleet.fault({ kind: 'hang', times: 3 }, [0])
    for (let count = 0; count < 4; count += 1) assert.equal((await request(url)).status, 200)
    assert.equal(fleet.counts()[0], 4)
  })
})

describe('hedge.budget_percent', () => {
  const slow = { kind: 'delay', delayMs: 150 } as const

  test('at 0 there is no second request', async (t) => {
    const { fleet, url } = await open(t, { hedge: { after: '1ms', budget_percent: 0 } })
    fleet.fault(slow, [0])
    await Promise.all(Array.from({ length: 20 }, () => request(url)))
    assert.deepEqual(fleet.counts(), [20, 0])
  })

  test('second requests are a share of all', async (t) => {
    const { fleet, url } = await open(t, { hedge: { after: '1ms', budget_percent: 10 } })
    fleet.fault(slow, [0])
    for (let round = 0; round < 10; round += 1) {
      await Promise.all(Array.from({ length: 10 }, () => request(url)))
    }
    const [, second = 0] = fleet.counts()
    // A tenth, and a small reserve.
    assert.ok(second >= 10 && second <= 22, `${second} second requests`)
  })
})
