import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { describe, test } from 'node:test'

import {
  assertSameEntry,
  headEntry,
  patternBytes,
  sliceEntry,
  START,
} from '../../src/cache/entries.contract.ts'
import { RedisTier } from '../../src/cache/redis-tier.ts'
import { tierContract } from '../../src/cache/tier.contract.ts'
import { Secret } from '../../src/primitives/secret.ts'
import { partMissing } from '../support/parts.ts'
import { openRedis, until } from '../support/redis.ts'
import { MIB, redisConfig, serverFor, slice, tierFor, told } from './world.ts'

const skip = partMissing('redis-server')

if (skip === false) {
  tierContract(
    'Redis',
    async ({ now }) => {
      const server = await openRedis()
      const config = redisConfig({ at: server.url })
      const tier = new RedisTier({ config, now, emit: () => undefined, random: Math.random })
      await tier.opened
      const close = async (): Promise<void> => {
        await tier.close()
        await server.close()
      }
      return { tier, close }
    },
    { isBounded: false, isPlainLru: false },
  )
} else {
  test('the Redis tier', { skip }, () => undefined)
}

describe('tiers on one Redis', { skip }, () => {
  test('share what either puts and removes', async (t) => {
    const config = redisConfig({ at: (await serverFor(t)).url })
    const [one, other] = [await tierFor(t, config), await tierFor(t, config)]
    await one.tier.put('head', headEntry())
    await one.tier.put('slice', slice(1, MIB))
    assertSameEntry(await other.tier.get('head'), headEntry())
    assertSameEntry(await other.tier.get('slice'), slice(1, MIB))
    await other.tier.remove('slice')
    assert.equal(await one.tier.get('slice'), undefined)
  })

  test('share nothing where their prefixes or databases differ, whatever stands in a prefix', async (t) => {
    const server = await serverFor(t)
    const places = [{ keyPrefix: 'a' }, { keyPrefix: '*' }, { keyPrefix: '[a]\\?' }, { db: 1 }]
    const tiers = []
    for (const place of places) {
      tiers.push((await tierFor(t, redisConfig({ at: server.url, ...place }))).tier)
    }
    for (const tier of tiers) {
      assert.equal(await tier.get('key'), undefined)
      await tier.put('key', headEntry())
    }
    const [first, ...others] = tiers
    for (const tier of others) assert.equal((await tier.sweep(() => true)).entries, 1)
    assertSameEntry(await first?.get('key'), headEntry())
  })

  test('know how much all of them hold', async (t) => {
    const config = redisConfig({ at: (await serverFor(t)).url })
    const [one, other] = [await tierFor(t, config), await tierFor(t, config)]
    for (let seed = 0; seed < 700; seed += 1) await one.tier.put(`${seed}`, slice(seed, 1000))
    await until(() => other.tier.stats().entries === 700, 'it has counted')
    assert.ok(other.tier.stats().bytes > 700_000)
    await other.tier.sweep(() => true)
    assert.deepEqual([other.tier.stats().entries, other.tier.stats().bytes], [0, 0])
  })
})

describe('an entry in Redis', { skip }, () => {
  test('is forgotten by Redis when its time is over, and after the longest time at the latest', async (t) => {
    const server = await serverFor(t)
    const { tier } = await tierFor(t, redisConfig({ at: server.url, ttlMs: 600_000 }))
    await tier.put('short', sliceEntry(patternBytes(10, 1), { keepUntil: START + 60_000 }))
    await tier.put('long', sliceEntry(patternBytes(10, 1), { keepUntil: Number.POSITIVE_INFINITY }))
    const ttlOf = async (key: string): Promise<number> =>
      Number((await server.command('PTTL', `sluice:e:${key}`)).slice(1))
    const [short, long] = [await ttlOf('short'), await ttlOf('long')]
    assert.ok(short > 0 && short <= 60_000, `${short} ms`)
    assert.ok(long > 60_000 && long <= 600_000, `${long} ms`)
  })

  test('is not kept when it is larger than an item may be, nor is what it would replace', async (t) => {
    const config = redisConfig({ at: (await serverFor(t)).url, maxItemBytes: 1000 })
    const { tier } = await tierFor(t, config)
    await tier.put('fits', slice(1, 1000))
    await tier.put('grows', slice(2, 1000))
    await tier.put('grows', slice(2, 1001))
    assertSameEntry(await tier.get('fits'), slice(1, 1000))
    assert.equal(await tier.get('grows'), undefined)
  })

  test('is not kept when more is on its way than may be, and that is counted', async (t) => {
    const config = redisConfig({ at: (await serverFor(t)).url })
    const { tier } = await tierFor(t, config, { maxPendingBytes: MIB })
    await tier.put('9', headEntry())
    await Promise.all(
      Array.from({ length: 10 }, (_, seed) => tier.put(`${seed}`, slice(seed, 400_000))),
    )
    assert.equal(tier.droppedPuts, 8)
    assertSameEntry(await tier.get('0'), slice(0, 400_000))
    assert.equal(await tier.get('9'), undefined)
    await tier.put('9', slice(9))
    assertSameEntry(await tier.get('9'), slice(9))
  })

  test('is a miss, counted as an error and removed, when anything about it is not as it was put', async (t) => {
    const server = await serverFor(t)
    const { tier, events } = await tierFor(t, redisConfig({ at: server.url }))
    const long = 'x'.repeat(5000)
    await tier.put(long, headEntry())
    const [hashed = ''] = /sluice:e#\S+/.exec(await server.command('KEYS', '*')) ?? []
    await tier.put('key', headEntry())
    await server.command('COPY', hashed, 'sluice:e:copied')
    await server.command('COPY', 'sluice:e:key', hashed, 'REPLACE')
    await tier.put('cut', slice(1))
    await server.command('SETRANGE', 'sluice:e:key', '60', '\u0007')
    await server.command('APPEND', 'sluice:e:cut', 'x')
    await server.command('SET', 'sluice:e:text', 'garbage')
    await server.command('SET', 'sluice:e:zeros', Buffer.alloc(3 * MIB))
    await server.command('RPUSH', 'sluice:e:list', 'garbage')
    const damaged = [long, 'copied', 'key', 'cut', 'text', 'zeros', 'list']
    for (const key of damaged) assert.equal(await tier.get(key), undefined, key.slice(0, 9))
    assert.equal(tier.stats().errors, damaged.length)
    await until(async () => (await server.command('DBSIZE')).startsWith(':0'), 'all are removed')
    assert.deepEqual(told(events), [])
  })

  test('is found by a sweep however long its label is, and what is no entry stays', async (t) => {
    const server = await serverFor(t)
    const { tier } = await tierFor(t, redisConfig({ at: server.url }))
    const objectKey = 'ü/'.repeat(3000)
    await tier.put(objectKey, sliceEntry(patternBytes(10, 1), { objectKey }))
    await server.command('SET', 'sluice:e:text', 'garbage')
    await server.command('RPUSH', 'sluice:e:list', 'garbage')
    await server.command('SET', 'somebody else', 'garbage')
    const swept = await tier.sweep((facts) => facts.objectKey === objectKey)
    assert.equal(swept.entries, 1)
    assert.match(await server.command('DBSIZE'), /^:3/)
  })
})

describe('without Redis', { skip }, () => {
  test('opening does not wait, every answer is a miss at once, and it comes by itself', async (t) => {
    const server = await serverFor(t)
    await server.kill()
    const { tier, events } = await tierFor(t, redisConfig({ at: server.url }))
    assert.deepEqual(told(events), ['aside'])
    assert.equal(tier.get('key'), undefined)
    await tier.put('key', headEntry())
    await tier.remove('key')
    assert.deepEqual(await tier.sweep(() => true), { entries: 0, bytes: 0 })
    await server.start()
    await until(() => told(events).includes('back'), 'it is back')
    await until(async () => {
      await tier.put('key', headEntry())
      return (await tier.get('key')) !== undefined
    }, 'it keeps again')
    assert.deepEqual(told(events), ['aside', 'back'])
  })

  test('what was being asked when Redis was killed is a miss; afterwards it starts empty', async (t) => {
    const server = await serverFor(t)
    const { tier, events } = await tierFor(t, redisConfig({ at: server.url }))
    await tier.put('key', slice(1))
    server.pause()
    const [got, put] = [tier.get('key'), tier.put('other', slice(2))]
    await server.kill()
    const start = performance.now()
    assert.equal(await got, undefined)
    await put
    assert.ok(performance.now() - start < 5000, 'it waited for its budget')
    assert.deepEqual(told(events), ['aside'])
    await server.start()
    await until(() => told(events).includes('back'), 'it is back')
    assert.equal(await tier.get('key'), undefined)
  })

  test('a hanging Redis is waited for once, for no longer than its budget, and comes back', async (t) => {
    const server = await serverFor(t)
    const config = redisConfig({ at: server.url, timeoutMs: 100 })
    const { tier, events } = await tierFor(t, config)
    await until(async () => {
      await tier.put('key', slice(1))
      return (await tier.get('key')) !== undefined
    }, 'it is kept')
    const before = told(events).length
    server.pause()
    const start = performance.now()
    const answers = await Promise.all([tier.get('key'), tier.get('key'), tier.get('other')])
    const waitedMs = performance.now() - start
    assert.deepEqual(answers, [undefined, undefined, undefined])
    assert.ok(waitedMs >= 95 && waitedMs < 2000, `${waitedMs} ms`)
    assert.deepEqual(told(events).slice(before), ['aside'])
    assert.equal(tier.get('key'), undefined)

    const putAt = performance.now()
    for (let seed = 0; seed < 100; seed += 1) await tier.put(`${seed}`, slice(seed))
    assert.ok(performance.now() - putAt < 2000)
    server.resume()
    await until(() => told(events).at(-1) === 'back', 'it is back')
    await until(async () => (await tier.get('key')) !== undefined, 'it answers')
  })

  test('a Redis that accepts connections and says nothing is given up, and connected to anew', async (t) => {
    const connected: Socket[] = []
    const mute = createServer((socket) => void connected.push(socket.on('error', () => {})))
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
    t.after(() => mute.close())
    t.after(() => connected.forEach((socket) => socket.destroy()))
    const { port } = mute.address() as AddressInfo
    const tier = new RedisTier({
      config: redisConfig({ at: `redis://127.0.0.1:${port}` }),
      now: () => START,
      emit: () => undefined,
      random: () => 0,
    })
    t.after(() => tier.close())
    assert.equal(tier.get('key'), undefined)
    // One for reading and one for writing, and then again.
    await until(() => connected.length >= 4, 'there are new connections')
    assert.equal(tier.get('key'), undefined)
  })

  test('a server that has become a replica is connected to anew, as its name may lead elsewhere', async (t) => {
    const server = await serverFor(t)
    const { tier, events } = await tierFor(t, redisConfig({ at: server.url }))
    const connections = async (): Promise<string> => {
      const list = await server.command('CLIENT', 'LIST')
      return [...list.matchAll(/\bid=(\d+) .*name=sluice/g)].map(([, id]) => id).join()
    }
    const first = await connections()
    await server.command('REPLICAOF', '127.0.0.1', '1')
    await tier.put('key', headEntry())
    await until(async () => {
      const later = await connections()
      return later.includes(',') && later !== first
    }, 'there is another connection')
    await server.command('REPLICAOF', 'NO', 'ONE')
    await until(async () => {
      await tier.put('key', headEntry())
      return (await tier.get('key')) !== undefined
    }, 'it keeps again')
    assert.deepEqual(told(events), [])
  })

  test('a flushed Redis is empty, and no trouble', async (t) => {
    const server = await serverFor(t)
    const { tier, events } = await tierFor(t, redisConfig({ at: server.url }))
    await tier.put('key', headEntry())
    await server.command('FLUSHALL')
    assert.equal(await tier.get('key'), undefined)
    await tier.put('key', headEntry())
    assertSameEntry(await tier.get('key'), headEntry())
    assert.deepEqual(told(events), [])
    assert.equal(tier.stats().errors, 0)
  })

  test('a full Redis keeps nothing more, and still gives what it has', async (t) => {
    const server = await serverFor(t)
    const { tier, events } = await tierFor(t, redisConfig({ at: server.url }))
    await tier.put('key', headEntry())
    await server.command('CONFIG', 'SET', 'maxmemory', '1')
    await tier.put('other', headEntry())
    assertSameEntry(await tier.get('key'), headEntry())
    assert.equal(await tier.get('other'), undefined)
    assert.deepEqual([told(events), tier.stats().errors], [[], 1])
  })
})

describe('credentials for Redis', { skip }, () => {
  for (const [sentence, password] of [
    ['a wrong password', new Secret('wrong')],
    ['no password', undefined],
  ] as const) {
    test(`with ${sentence} the tier stands aside, says why, and is let in when that is mended`, async (t) => {
      const server = await serverFor(t, { password: 'right' })
      const config = redisConfig({ at: server.url, password })
      const { tier, events } = await tierFor(t, config)
      assert.deepEqual(told(events), ['aside'])
      const [event] = events
      assert.match(event?.kind === 'tier' ? event.reason : '', /WRONGPASS|NOAUTH/)
      assert.doesNotMatch(JSON.stringify(events), /wrong\b/)
      assert.equal(tier.get('key'), undefined)
      if (password === undefined) await server.command('CONFIG', 'SET', 'requirepass', '')
      else await server.command('CONFIG', 'SET', 'requirepass', 'wrong')
      await until(() => told(events).includes('back'), 'it is let in')
    })
  }

  test('of a user with a name are used', async (t) => {
    const server = await serverFor(t, {
      settings: [
        ['user', 'alice on >secret ~sluice:* +@all'],
        ['user', 'default off'],
      ],
    })
    const config = redisConfig({
      at: server.url,
      username: new Secret('alice'),
      password: new Secret('secret'),
    })
    const { tier } = await tierFor(t, config)
    await tier.put('key', headEntry())
    assertSameEntry(await tier.get('key'), headEntry())
  })

  test('that do not allow reading make the tier stand aside', async (t) => {
    const server = await serverFor(t)
    await server.command('ACL', 'SETUSER', 'default', '-getrange')
    const { tier, events } = await tierFor(t, redisConfig({ at: server.url }))
    assert.deepEqual(told(events), ['aside'])
    assert.equal(tier.get('key'), undefined)
  })
})
