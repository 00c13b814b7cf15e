import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'
import { connect } from 'node:net'

import type { Ban, BanRule } from '../../src/cache/ban.ts'
import { startChild } from '../support/children.ts'
import { partMissing } from '../support/parts.ts'
import { until } from '../support/redis.ts'
import { ban, nodeFor, redisConfig, serverFor, told } from './world.ts'

const skip = partMissing('redis-server')

describe('a published ban', { skip }, () => {
  test('reaches every node as it was, and says how many have it', async (t) => {
    const config = redisConfig({ at: (await serverFor(t)).url })
    const heard: Ban[] = []
    const one = nodeFor(t, config, { nodeId: '1' })
    const other = nodeFor(t, config, { nodeId: '2', onBan: (ban) => void heard.push(ban) })
    await bothKnown(one.stream, other.stream)
    const rules: BanRule[] = [
      { kind: 'all' },
      { kind: 'bucket', bucket: 'a' },
      { kind: 'key', bucket: 'a', key: 'ü/日本 "\u0000"' },
      { kind: 'prefix', bucket: undefined, prefix: 'p/' },
      { kind: 'glob', bucket: 'a', pattern: '**/*.js' },
      { kind: 'tag', bucket: undefined, tag: 't' },
    ]
    const bans = rules.map((rule, at) => ({ id: `id ${at}`, rule, at, isSoft: at % 2 === 0 }))
    for (const ban of bans) {
      const published = await one.stream.publish(ban)
      assert.deepEqual(published, { acknowledged: 2, known: 2, isPublished: true, isKept: true })
    }
    assert.deepEqual(
      heard.filter(({ id }) => id.startsWith('id ')),
      bans,
    )
  })

  test('is not all that nodes meet for: each knows whether it is alone', async (t) => {
    const config = redisConfig({ at: (await serverFor(t)).url })
    const { stream: one } = nodeFor(t, config, { nodeId: '1' })
    await until(() => one.isAlone, 'it is alone')
    const { stream: other } = nodeFor(t, config, { nodeId: '2' })
    await until(() => !one.isAlone, 'there is another')
    assert.equal(other.isAlone, false)
    await other.close()
    await until(() => one.isAlone, 'the other has left')
  })

  test('is not acknowledged by a node that has not applied it yet, and that is waited for a while', async (t) => {
    const config = redisConfig({ at: (await serverFor(t)).url })
    const held = Promise.withResolvers<void>()
    const one = nodeFor(t, config, { nodeId: '1' })
    const slow = nodeFor(t, config, {
      nodeId: '2',
      onBan: ({ id }) => (id === 'slow' ? held.promise : undefined),
    })
    await bothKnown(one.stream, slow.stream)
    const start = performance.now()
    const published = await one.stream.publish(ban('slow'))
    assert.deepEqual(published, { acknowledged: 1, known: 2, isPublished: true, isKept: true })
    assert.ok(performance.now() - start > 900)
    held.resolve()
    await until(
      async () => (await one.stream.publish(ban('next'))).acknowledged === 2,
      'it has applied both',
    )
  })

  test('is not waited for from a node that has left', async (t) => {
    const config = redisConfig({ at: (await serverFor(t)).url })
    const [one, other] = [nodeFor(t, config, { nodeId: '1' }), nodeFor(t, config, { nodeId: '2' })]
    await bothKnown(one.stream, other.stream)
    await other.stream.close()
    const { acknowledged, known } = await one.stream.publish(ban('a'))
    assert.deepEqual({ acknowledged, known }, { acknowledged: 1, known: 1 })
  })

  test('while Redis is away is published when it is back', async (t) => {
    const server = await serverFor(t)
    const config = redisConfig({ at: server.url })
    const one = nodeFor(t, config, { nodeId: '1' })
    const other = nodeFor(t, config, { nodeId: '2' })
    await bothKnown(one.stream, other.stream)
    await server.kill()
    const published = await one.stream.publish(ban('late'))
    assert.deepEqual(published, { acknowledged: 1, known: 2, isPublished: false, isKept: false })
    await server.start()
    await until(() => other.applied.includes('late'), 'it is published')
  })
})

describe('a node', { skip }, () => {
  test('without a position hears all there is; with one, what came after it; in order', async (t) => {
    const config = redisConfig({ at: (await serverFor(t)).url })
    const first = nodeFor(t, config, { nodeId: '1' })
    await first.stream.caughtUp
    for (const id of ['a', 'b', 'c']) await first.stream.publish(ban(id))
    await until(() => first.applied.length === 3, 'it hears itself')
    const from = first.saved.id
    assert.ok(from !== undefined)
    await first.stream.close()

    const writer = nodeFor(t, config, { nodeId: 'w' })
    await writer.stream.caughtUp
    const many = Array.from({ length: 1200 }, (_, at) => `${at}`)
    await Promise.all(many.map((id) => writer.stream.publish(ban(id))))
    const again = nodeFor(t, config, { nodeId: '1', from })
    const fresh = nodeFor(t, config, { nodeId: '3' })
    await Promise.all([again.stream.caughtUp, fresh.stream.caughtUp])
    assert.deepEqual(again.applied.toSorted(), many.toSorted())
    assert.deepEqual(fresh.applied, ['a', 'b', 'c', ...again.applied])
    assert.equal(again.saved.gaps + fresh.saved.gaps, 0)
  })

  test('is not current before it has applied all there is', async (t) => {
    const config = redisConfig({ at: (await serverFor(t)).url })
    const writer = nodeFor(t, config, { nodeId: 'w' })
    await writer.stream.publish(ban('early')).then(() => writer.stream.publish(ban('early')))
    await until(() => writer.applied.includes('early'), 'it is in the stream')
    const held = Promise.withResolvers<void>()
    let isAsked = false
    const node = nodeFor(t, config, {
      nodeId: '1',
      onBan: () => {
        isAsked = true
        return held.promise
      },
    })
    assert.equal(node.stream.isCurrent(), false)
    await until(() => isAsked, 'it hears of the ban')
    assert.equal(node.stream.isCurrent(), false)
    held.resolve()
    await node.stream.caughtUp
    assert.equal(node.stream.isCurrent(), true)
    assert.ok(node.stream.lagMs() < 3000)
  })

  test('tries a ban again that could not be applied, and is not current meanwhile', async (t) => {
    const config = redisConfig({ at: (await serverFor(t)).url })
    const writer = nodeFor(t, config, { nodeId: 'w' })
    await writer.stream.caughtUp
    await writer.stream.publish(ban('hard'))
    let attempts = 0
    const node = nodeFor(t, config, {
      nodeId: '1',
      onBan: () => {
        attempts += 1
        if (attempts < 3) throw new Error('not now')
        assert.equal(node.stream.isCurrent(), false)
      },
    })
    await node.stream.caughtUp
    assert.equal(attempts, 3)
  })

  test('passes over what is no ban', async (t) => {
    const server = await serverFor(t)
    await server.command('XADD', 'sluice:bans', '*', 'ban', 'garbage')
    await server.command('XADD', 'sluice:bans', '*', 'what', 'ever')
    await server.command('XADD', 'sluice:bans', '*', 'ban', '{"id":"a","at":1,"isSoft":false}')
    await server.command('HSET', 'sluice:nodes', 'garbage', 'garbage')
    const node = nodeFor(t, redisConfig({ at: server.url }), { nodeId: '1' })
    await node.stream.caughtUp
    assert.deepEqual((await node.stream.publish(ban('b'))).known, 1)
    await until(() => node.applied.length > 0, 'it hears')
    assert.deepEqual(node.applied, ['b'])
  })

  test('knows that it may have missed bans when its position is gone, and reads what is left', async (t) => {
    const server = await serverFor(t)
    const config = redisConfig({ at: server.url })
    const writer = nodeFor(t, config, { nodeId: 'w' })
    await writer.stream.caughtUp
    await writer.stream.publish(ban('a'))
    await server.command('XTRIM', 'sluice:bans', 'MAXLEN', '0')
    await writer.stream.publish(ban('b'))
    const node = nodeFor(t, config, { nodeId: '1', from: '9999999999999-0' })
    await node.stream.caughtUp
    assert.deepEqual([node.applied, node.saved.gaps], [['b'], 1])
  })

  test('says that it is cut off when Redis hangs, and that it is back', async (t) => {
    const server = await serverFor(t)
    const node = nodeFor(t, redisConfig({ at: server.url }), { nodeId: '1' })
    await node.stream.caughtUp
    assert.equal(node.stream.isCutOff(), false)
    server.pause()
    await until(() => node.stream.isCutOff(), 'it is cut off')
    assert.equal(node.stream.isCurrent(), false)
    await until(() => told(node.events).length === 1, 'it is told')
    server.resume()
    await until(() => node.stream.isCurrent(), 'it is current')
    await until(() => told(node.events).length === 2, 'it is told')
    assert.deepEqual(told(node.events), ['aside', 'back'])
  })

  test('is not current at once after its process was stopped, until it has every ban', async (t) => {
    const server = await serverFor(t)
    const writer = nodeFor(t, redisConfig({ at: server.url }), { nodeId: 'w' })
    await writer.stream.caughtUp
    const node = await processFor(t, server.port)
    for (let round = 0; round < 3; round += 1) {
      await until(async () => (await node.ask()).isCurrent, 'the process is current')
      node.kill('SIGSTOP')
      // Asked first, so that it is answered first, before the process can have heard of the ban.
      const asked = Promise.all([node.ask(), node.ask()])
      asked.catch(() => undefined)
      for (const end = performance.now() + 1000; performance.now() < end;) {
        const { acknowledged, known } = await writer.stream.publish(ban(`in round ${round}`))
        assert.deepEqual([acknowledged, known], [1, 2])
      }
      node.kill('SIGCONT')
      for (const { isCurrent, applied } of await asked) {
        assert.ok(!isCurrent || applied.includes(`in round ${round}`))
      }
    }
  })
})

async function bothKnown(
  one: { publish(ban: Ban): Promise<{ acknowledged: number }>; caughtUp: Promise<void> },
  other: { caughtUp: Promise<void> },
): Promise<void> {
  await Promise.all([one.caughtUp, other.caughtUp])
  await until(async () => (await one.publish(ban('hello'))).acknowledged === 2, 'both are known')
}

interface NodeProcess {
  ask(): Promise<{ readonly isCurrent: boolean; readonly applied: readonly string[] }>
  kill(signal: NodeJS.Signals): void
}

async function processFor(t: TestContext, redisPort: number): Promise<NodeProcess> {
  const script = fileURLToPath(new URL('ban-node.ts', import.meta.url))
  const told = Promise.withResolvers<string>()
  const child = startChild(process.execPath, [script, String(redisPort), '500'], {
    onStdout: (text) => told.resolve(text.trim()),
  })
  t.after(() => child.kill('SIGKILL'))
  void child.exited.then(() => told.reject(new Error(child.stderr())))
  const socket = connect(Number(await told.promise), '127.0.0.1')
  t.after(() => socket.destroy())
  const lines = createInterface(socket)[Symbol.asyncIterator]()
  const ask: NodeProcess['ask'] = async () => {
    socket.write('?\n')
    const { value } = await lines.next()
    return JSON.parse(value ?? '')
  }
  return { kill: child.kill, ask }
}
