import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, describe, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'

import { assertSameEntry, headEntry } from '../../src/cache/entries.contract.ts'
import { tierContract } from '../../src/cache/tier.contract.ts'
import { RedisTier } from '../../src/cache/redis-tier.ts'
import { createCertificate } from '../support/certificates.ts'
import { partMissing } from '../support/parts.ts'
import { openRedis, openRedisCluster, openSentinel, until } from '../support/redis.ts'
import type { RedisServer } from '../support/redis.ts'
import { ban, MIB, nodeFor, redisConfig, serverFor, slice, tierFor, told } from './world.ts'

const skip = partMissing('redis-server')

if (skip === false) {
  // One for all: a cluster takes seconds to declare itself ready.
  let cluster: Promise<RedisServer> | undefined
  after(async () => (await cluster)?.close())
  tierContract(
    'Redis Cluster',
    async ({ now }) => {
      cluster ??= openRedisCluster()
      const { port, command } = await cluster
      await command('FLUSHALL')
      const config = redisConfig({ cluster: [{ host: '127.0.0.1', port }] })
      const tier = new RedisTier({ config, now, emit: () => undefined, random: Math.random })
      await tier.opened
      return { tier, close: () => tier.close() }
    },
    { isBounded: false, isPlainLru: false },
  )
}

describe('a cluster', { skip }, () => {
  test('is found by any of its nodes, is missed when it is gone, and comes back', async (t) => {
    const server = await openRedisCluster()
    t.after(() => server.close())
    const nodes = [1, server.port].map((port) => ({ host: 'localhost', port }))
    const { tier, events } = await tierFor(t, redisConfig({ cluster: nodes, timeoutMs: 1000 }))
    await until(() => tier.get('probe') instanceof Promise, 'it is up')
    await tier.put('key', headEntry())
    assertSameEntry(await tier.get('key'), headEntry())
    const before = told(events).length
    await server.kill()
    await until(() => told(events).length > before, 'it is noticed')
    assert.equal(tier.get('key'), undefined)
    await server.start()
    await server.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16383').catch(() => undefined)
    await until(() => told(events).at(-1) === 'back', 'it is back')
  })

  test('carries bans, too', async (t) => {
    const server = await openRedisCluster()
    t.after(() => server.close())
    const config = redisConfig({ cluster: [{ host: '127.0.0.1', port: server.port }] })
    const [one, other] = [nodeFor(t, config, { nodeId: '1' }), nodeFor(t, config, { nodeId: '2' })]
    await Promise.all([one.stream.caughtUp, other.stream.caughtUp])
    await until(async () => (await one.stream.publish(ban('a'))).acknowledged === 2, 'both know it')
    assert.ok(other.applied.includes('a'))
  })
})

describe('behind a Sentinel', { skip }, () => {
  test('the master is found, and after a failover the new one', async (t) => {
    const master = await serverFor(t, { settings: [['repl-diskless-sync-delay', '0']] })
    const replica = await serverFor(t, {
      settings: [['replicaof', `127.0.0.1 ${master.port}`]],
    })
    await until(
      async () => (await replica.command('INFO', 'replication')).includes('master_link_status:up'),
      'the replica follows',
    )
    const sentinel = await openSentinel(master, 'fleet')
    t.after(() => sentinel.close())
    const hosts = [
      { host: '127.0.0.1', port: 1 },
      { host: '127.0.0.1', port: sentinel.port },
    ]
    const { tier, events } = await tierFor(t, redisConfig({ sentinel: { name: 'fleet', hosts } }))
    await until(() => tier.get('probe') instanceof Promise, 'it is up')
    await tier.put('key', slice(1, MIB))
    assertSameEntry(await tier.get('key'), slice(1, MIB))

    await until(
      async () => (await sentinel.command('INFO', 'sentinel')).includes('slaves=1'),
      'the Sentinel knows the replica',
    )
    const before = told(events).length
    await until(
      () =>
        sentinel.command('SENTINEL', 'FAILOVER', 'fleet').then(
          () => true,
          () => false,
        ),
      'the Sentinel can fail over',
    )
    // Whose connections the Sentinel closes as it makes it the master, this one's as well.
    await until(
      async () => (await replica.command('ROLE').catch(String)).startsWith('*3\r\n$6\r\nmaster'),
      'the replica is the master',
    )
    await master.kill()
    await until(() => told(events).slice(before).includes('back'), 'it is back')
    await until(async () => {
      await tier.put('after', headEntry())
      return (await tier.get('after')) !== undefined
    }, 'the new master keeps')
    assert.match(await replica.command('EXISTS', 'sluice:e:after'), /^:1/)
  })
})

describe('over TLS', { skip }, () => {
  test('a server is reached whose certificate is trusted, and no other', async (t) => {
    using certificate = createCertificate('localhost')
    const server = await openRedis({
      isTls: true,
      settings: [
        ['tls-cert-file', certificate.certPath],
        ['tls-key-file', certificate.keyPath],
        ['tls-ca-cert-file', certificate.certPath],
        ['tls-auth-clients', 'no'],
      ],
    })
    t.after(() => server.close())
    const config = redisConfig({ at: `rediss://localhost:${server.port}`, tls: true })
    const strict = await tierFor(t, config)
    assert.deepEqual(told(strict.events), ['aside'])
    await strict.tier.close()

    const usual = getCACertificates('default')
    setDefaultCACertificates([...usual, readFileSync(certificate.certPath, 'utf8')])
    t.after(() => setDefaultCACertificates(usual))
    const { tier } = await tierFor(t, config)
    await tier.put('key', slice(1, MIB))
    assertSameEntry(await tier.get('key'), slice(1, MIB))
  })
})
