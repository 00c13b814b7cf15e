// A node of its own process, for tests that stop it: whoever sends it a line is told
// whether it is current and which bans it has applied. Its arguments: the port of Redis, and how long
// a stop may be unnoticed.

import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'

import { BanStream } from '../../src/cache/ban-stream.ts'
import { redisConfig } from './world.ts'

const [redisPort = '', stopMs = ''] = process.argv.slice(2)
const applied: string[] = []
let position: string | undefined

const stream = new BanStream({
  config: redisConfig({ at: `redis://127.0.0.1:${redisPort}` }),
  nodeId: 'a process',
  onBan: ({ id }) => void applied.push(id),
  position: { load: () => position, save: (id) => (position = id) },
  emit: () => undefined,
  clocks: { now: () => Date.now(), monotonic: () => performance.now() },
  random: Math.random,
  limits: { stopMs: Number(stopMs) },
})
const server = createServer((socket) => {
  createInterface(socket).on('line', () => {
    socket.write(`${JSON.stringify({ isCurrent: stream.isCurrent(), applied })}\n`)
  })
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
