// Which of several replicas is asked: by priority, and among equals by the balance and the weights.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'

import { BUCKET, openFleet, until } from '../support/fleet.ts'
import type { Fleet, Settings } from '../support/fleet.ts'
import { request } from '../support/http.ts'
import { openSluice } from '../support/sluice.ts'

interface World {
  readonly fleet: Fleet
  readonly url: string
  /** So many requests, one after the other; gives who got how many. */
  send(times: number): Promise<number[]>
}

async function open(
  t: TestContext,
  replicas: number,
  s3: Settings,
  each: (index: number) => Settings,
): Promise<World> {
  const fleet = await openFleet(replicas)
  fleet.put('k', 'hello')
  const sluice = await openSluice({ buckets: [fleet.bucket(s3, each)] })
  t.after(async () => {
    await sluice.close()
    await fleet[Symbol.asyncDispose]()
  })
  const url = `${sluice.url}/${BUCKET}/k`
  const send = async (times: number): Promise<number[]> => {
    fleet.clear()
    for (let count = 0; count < times; count += 1) await request(url)
    return fleet.counts()
  }
  return { fleet, url, send }
}

const equal = (): Settings => ({ priority: 1 })

describe('priority', () => {
  test('the lowest number is asked first, wherever it stands in the list', async (t) => {
    const { send } = await open(t, 3, {}, (index) => ({ priority: [7, 5, 6][index] }))
    assert.deepEqual(await send(10), [0, 10, 0])
  })

  test('the next number is asked only when no better one can be', async (t) => {
    const { fleet, url } = await open(t, 3, {}, (index) => ({ priority: [7, 5, 6][index] }))
    fleet.fault({ kind: 'status', status: 500 }, [1])
    assert.equal((await request(url)).text, 'hello')
    assert.deepEqual(fleet.counts(), [0, 1, 1])
    fleet.fault({ kind: 'status', status: 500 }, [2])
    assert.equal((await request(url)).text, 'hello')
    assert.deepEqual(fleet.counts(), [1, 2, 2])
  })

  test('without a number, it is the order of the list', async (t) => {
    const { send } = await open(t, 3, { balance: 'round_robin' }, () => ({}))
    assert.deepEqual(await send(10), [10, 0, 0])
  })

  test('as a balance it takes the first of equals', async (t) => {
    const { send } = await open(t, 3, { balance: 'priority' }, equal)
    assert.deepEqual(await send(10), [10, 0, 0])
  })
})

describe('round_robin', () => {
  test('each gets the same', async (t) => {
    const { send } = await open(t, 3, { balance: 'round_robin' }, equal)
    assert.deepEqual(await send(30), [10, 10, 10])
  })

  test('each gets its weight’s share', async (t) => {
    const weights = [2, 1, 1]
    const { send } = await open(t, 3, { balance: 'round_robin' }, (index) => ({
      priority: 1,
      weight: weights[index],
    }))
    assert.deepEqual(await send(40), [20, 10, 10])
  })
})

test('random: each gets about its weight’s share', async (t) => {
  const { send } = await open(t, 2, { balance: 'random' }, (index) => ({
    priority: 1,
    weight: index === 0 ? 3 : 1,
  }))
  const [first = 0] = await send(400)
  // Seven standard deviations on either side of 300.
  assert.ok(first > 240 && first < 360, `${first} of 400`)
})

test('least_inflight: a replica that is busy is spared', async (t) => {
  const { fleet, url } = await open(t, 2, { balance: 'least_inflight' }, equal)
  const hold = fleet.server(0).fault({ kind: 'hang', times: 1 })
  const leaving = new AbortController()
  const held: Promise<unknown>[] = []
  // Among the idle chance decides, so it may take a few until the first is asked.
  await until(async () => {
    const asked = request(url, { signal: leaving.signal }).catch(() => undefined)
    held.push(asked)
    await Promise.race([asked, until(() => hold.hits === 1)])
    return hold.hits === 1
  })
  fleet.clear()
  for (let count = 0; count < 12; count += 1) {
    assert.equal((await request(url)).text, 'hello')
  }
  assert.deepEqual(fleet.counts(), [0, 12])
  leaving.abort()
  await Promise.all(held)
  // And when it is idle again it gets its share.
  await until(async () => {
    await request(url)
    return (fleet.counts()[0] ?? 0) > 0
  })
})

test('peak_ewma: the replica that answers faster gets almost all', async (t) => {
  const { fleet, url } = await open(t, 2, { balance: 'peak_ewma' }, equal)
  fleet.fault({ kind: 'delay', delayMs: 300 }, [0])
  for (let count = 0; count < 60; count += 1) await request(url)
  const [slow = 0, fast = 0] = fleet.counts()
  assert.ok(slow >= 1, 'the slow one was never tried')
  assert.ok(slow <= 10, `the slow one got ${slow}, the fast one ${fast}`)
})
