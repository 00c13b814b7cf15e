// A walk over everything that stands in Redis under a prefix, in small steps, so that nobody else
// who asks Redis has to wait. Of each entry only its label is read.

import { setImmediate as nextTurn } from 'node:timers/promises'

import { factsIn, labelEndOf, redisKeyPattern } from './redis-value.ts'
import type { RedisArgument, RedisServer } from './redis.ts'
import type { EntryFacts } from './tier.ts'

export interface WalkPlace {
  readonly prefix: string
  readonly servers: () => readonly RedisServer[]
  readonly ask: (command: string, ...args: readonly RedisArgument[]) => Promise<unknown>
}

export interface Walked {
  readonly key: Buffer
  /** Of the whole value. */
  readonly bytes: number
  /** Undefined for what is no entry. */
  readonly facts: EntryFacts | undefined
}

const KEYS_AT_ONCE = 200
/** Enough for most labels; the rest of a longer one is asked for. */
const LABEL_BYTES = 1024
const MAX_LABEL_BYTES = 256 * 1024

/** What is put while it goes may or may not be met, and a key may be met twice (SCAN's promise). */
export async function* walkEntries(place: WalkPlace): AsyncGenerator<Walked[], void, undefined> {
  const pattern = redisKeyPattern(place.prefix)
  for (const server of place.servers()) {
    let cursor = '0'
    do {
      const reply = await server.send('scan', cursor, 'MATCH', pattern, 'COUNT', KEYS_AT_ONCE)
      const step = decodeStep(reply)
      yield await Promise.all(step.keys.map((key) => look(place, key)))
      await nextTurn()
      cursor = step.cursor
    } while (cursor !== '0')
  }
}

/** True when it was there until now. */
export async function unlink({ ask }: WalkPlace, key: Buffer): Promise<boolean> {
  return (await ask('unlink', key)) === 1
}

async function look({ ask }: WalkPlace, key: Buffer): Promise<Walked> {
  try {
    const [length, start] = await Promise.all([
      ask('strlen', key),
      ask('getrange', key, 0, LABEL_BYTES - 1),
    ])
    const bytes = typeof length === 'number' ? length : 0
    if (!Buffer.isBuffer(start)) return { key, bytes, facts: undefined }
    const labelEnd = labelEndOf(start) ?? 0
    if (labelEnd <= start.length || labelEnd > MAX_LABEL_BYTES)
      return { key, bytes, facts: factsIn(start) }
    const whole = await ask('getrange', key, 0, labelEnd - 1)
    return { key, bytes, facts: Buffer.isBuffer(whole) ? factsIn(whole) : undefined }
  } catch (error) {
    // Another's key under our prefix, of a type that is no text.
    if (error instanceof Error && error.message.startsWith('WRONGTYPE'))
      return { key, bytes: 0, facts: undefined }
    throw error
  }
}

interface Step {
  readonly cursor: string
  readonly keys: readonly Buffer[]
}

function decodeStep(reply: unknown): Step {
  const [cursor, keys] = Array.isArray(reply) ? (reply as unknown[]) : []
  if (!Buffer.isBuffer(cursor) || !Array.isArray(keys)) throw new Error('SCAN gave no list')
  return { cursor: cursor.toString(), keys: keys.filter((key) => Buffer.isBuffer(key)) }
}
