// What the tests of Redis have in common: tiers and streams that are closed with their test.

import type { TestContext } from 'node:test'

import type { RedisConfig } from '../../src/config/redis.ts'
import { BanStream } from '../../src/cache/ban-stream.ts'
import type { BanStreamOptions } from '../../src/cache/ban-stream.ts'
import type { Ban } from '../../src/cache/ban.ts'
import { patternBytes, sliceEntry, START } from '../../src/cache/entries.contract.ts'
import { RedisTier } from '../../src/cache/redis-tier.ts'
import type { RedisTierOptions } from '../../src/cache/redis-tier.ts'
import type { SliceEntry } from '../../src/cache/tier.ts'
import type { Event } from '../../src/exchange/event.ts'
import { Secret } from '../../src/primitives/secret.ts'
import { openRedis } from '../support/redis.ts'
import type { RedisServer, RedisServerOptions } from '../support/redis.ts'

export const MIB = 1024 * 1024

export function redisConfig(given: Partial<RedisConfig> & { readonly at?: string }): RedisConfig {
  const { at = 'redis://127.0.0.1:1', ...rest } = given
  return {
    url: new Secret(at),
    sentinel: undefined,
    cluster: undefined,
    tls: false,
    username: undefined,
    password: undefined,
    db: 0,
    keyPrefix: 'sluice:',
    ttlMs: 7_200_000,
    maxItemBytes: MIB,
    // Wide, so that a busy machine is not taken for a hanging Redis.
    timeoutMs: 10_000,
    leaseWaitMs: 500,
    ...rest,
  }
}

export async function serverFor(
  t: TestContext,
  options?: RedisServerOptions,
): Promise<RedisServer> {
  const server = await openRedis(options)
  t.after(() => server.close())
  return server
}

export interface OpenedTier {
  readonly tier: RedisTier
  readonly events: Event[]
}

export async function tierFor(
  t: TestContext,
  config: RedisConfig,
  given: Partial<RedisTierOptions> = {},
): Promise<OpenedTier> {
  const events: Event[] = []
  const tier = new RedisTier({
    config,
    now: () => START,
    emit: (event) => void events.push(event),
    random: () => 0,
    ...given,
  })
  t.after(() => tier.close())
  await tier.opened
  return { tier, events }
}

export function slice(seed: number, length = 100_000): SliceEntry {
  return sliceEntry(patternBytes(length, seed))
}

export function told(events: readonly Event[]): string[] {
  return events.map((event) => (event.kind === 'tier' ? event.state : event.kind))
}

export function ban(id: string, at = START): Ban {
  return { id, rule: { kind: 'key', bucket: 'assets', key: id }, at, isSoft: false }
}

export interface OpenedNode {
  readonly stream: BanStream
  /** The ids of what it was told, in order. */
  readonly applied: string[]
  readonly saved: { id: string | undefined; gaps: number }
  readonly events: Event[]
}

export function nodeFor(
  t: TestContext,
  config: RedisConfig,
  given: Partial<BanStreamOptions> & { readonly nodeId: string; readonly from?: string },
): OpenedNode {
  const applied: string[] = []
  const events: Event[] = []
  const saved: OpenedNode['saved'] = { id: given.from, gaps: 0 }
  const stream = new BanStream({
    config,
    onBan: ({ id }) => void applied.push(id),
    onGap: () => void (saved.gaps += 1),
    position: { load: () => saved.id, save: (id) => void (saved.id = id) },
    emit: (event) => void events.push(event),
    clocks: { now: () => Date.now(), monotonic: () => performance.now() },
    random: () => 0,
    ...given,
  })
  t.after(() => stream.close())
  return { stream, applied, saved, events }
}
