// Who else is there, and how far each has got in the stream of bans: one hash in Redis, in which
// every node writes its own line again and again. One that has not for a while is gone.

import { compareIds, isStreamId, listOf, STREAM_START, textOf } from './ban-record.ts'
import type { StreamId } from './ban-record.ts'
import type { RedisArgument } from './redis.ts'

export interface FleetNode {
  readonly id: string
  readonly applied: StreamId
}

export interface FleetPlace {
  readonly key: string
  readonly nodeId: string
  readonly ask: (command: string, ...args: readonly RedisArgument[]) => Promise<unknown>
}

const GONE_AFTER_MS = 10_000
const FORGOTTEN_AFTER_MS = 3_600_000
/** So few are read through every second. */
const FEW = 32

/** By the clock of Redis: the nodes' own need not agree. */
export async function announce({ key, nodeId, ask }: FleetPlace, applied: StreamId): Promise<void> {
  await ask('hset', key, nodeId, `${applied} ${await redisTime(ask)}`)
}

export async function leave({ key, nodeId, ask }: FleetPlace): Promise<void> {
  await ask('hdel', key, nodeId)
}

/** Those that live, this node always among them. */
export async function listLive(place: FleetPlace): Promise<FleetNode[]> {
  const { key, nodeId, ask } = place
  const [time, reply] = await Promise.all([redisTime(ask), ask('hgetall', key)])
  const lines = linesOf(listOf(reply).map(textOf), time)
  const forgotten = lines.filter(({ ageMs }) => ageMs > FORGOTTEN_AFTER_MS)
  if (forgotten.length > 0) await ask('hdel', key, ...forgotten.map(({ id }) => id))

  const live = lines.filter(({ ageMs }) => ageMs <= GONE_AFTER_MS)
  const others = live.filter(({ id }) => id !== nodeId)
  const own = live.find(({ id }) => id === nodeId)
  return [own ?? { id: nodeId, applied: STREAM_START }, ...others]
}

/** How many live; undefined where there are too many lines to be read through without need. */
export async function countLive(place: FleetPlace, isNeeded: boolean): Promise<number | undefined> {
  const lines = Number(await place.ask('hlen', place.key))
  return lines <= FEW || isNeeded ? (await listLive(place)).length : undefined
}

export function hasApplied(node: FleetNode, id: StreamId): boolean {
  return compareIds(node.applied, id) >= 0
}

interface Line extends FleetNode {
  readonly ageMs: number
}

function linesOf(fields: readonly string[], time: number): Line[] {
  const lines: Line[] = []
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const [applied, at] = (fields[i + 1] ?? '').split(' ')
    const ageMs = time - Number(at)
    if (isStreamId(applied) && !Number.isNaN(ageMs)) {
      lines.push({ id: fields[i] ?? '', applied, ageMs })
    }
  }
  return lines
}

async function redisTime(ask: FleetPlace['ask']): Promise<number> {
  const [seconds, microseconds] = listOf(await ask('time')).map(textOf)
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
}
