import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import test from 'node:test'

import { readBare } from './bare-reading.ts'
import type { Take } from './bare-reading.ts'

async function connection() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  // The cast: it listens on a port.
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [accepted]: Socket[] = await once(server, 'connection')
  assert.ok(accepted)
  return {
    accepted,
    client,
    async [Symbol.asyncDispose]() {
      client.destroy()
      accepted.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Hears until the end of a sentence. */
function ear() {
  const heard: string[] = []
  const sentence = Promise.withResolvers<string>()
  const hear: Take = (room, bytes) => {
    heard.push(room.toString('latin1', 0, bytes))
    if (heard.at(-1)?.endsWith('.') === true) sentence.resolve(heard.join(''))
  }
  return { hear, sentence: sentence.promise }
}

test('gives what comes past the stream, in one room for all', async () => {
  const rooms = new Set<Buffer>()
  for (const said of ['one.', 'another.']) {
    await using one = await connection()
    const { hear, sentence } = ear()
    const take: Take = (room, bytes) => {
      rooms.add(room)
      hear(room, bytes)
    }
    assert.ok(readBare(one.accepted, take))
    one.client.write(said)
    assert.equal(await sentence, said)
    assert.equal(one.accepted.readableLength, 0)
  }
  assert.equal(rooms.size, 1)
})

test('makes a stream of it again, which keeps what it was given', async () => {
  await using one = await connection()
  const first = ear()
  const becomeStream = readBare(one.accepted, first.hear)
  one.client.write('first.')
  assert.equal(await first.sentence, 'first.')
  becomeStream?.()
  const chunks: Buffer[] = []
  for (const said of ['second.', 'later..']) {
    one.client.write(said)
    const [chunk]: Buffer[] = await once(one.accepted, 'data')
    assert.ok(chunk)
    chunks.push(chunk)
  }
  assert.equal(Buffer.concat(chunks).toString(), 'second.later..')
})

test('tells the end as a stream does', async () => {
  await using one = await connection()
  readBare(one.accepted, () => undefined)
  one.client.end('goodbye')
  await once(one.accepted, 'end')
})

test('leaves what waits in a stream to the stream', async () => {
  await using one = await connection()
  one.accepted.pause()
  one.accepted.unshift(Buffer.from('early'))
  assert.equal(
    readBare(one.accepted, () => undefined),
    undefined,
  )
})

test('leaves a socket of another make to the stream', () => {
  assert.equal(
    readBare(new Socket(), () => undefined),
    undefined,
  )
})
