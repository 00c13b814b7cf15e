// Leases in Redis. For each object one hash, in which every lease has a field of its own: the node and
// a number, the run of slices that it is for, and until when that is believed by the clock of Redis. So
// a lease can be renewed and given back by its holder alone, and what a dead one left ends by itself.

import { randomUUID } from 'node:crypto'

import type { CancelSignal } from '../primitives/cancel.ts'
import { monotonic } from '../primitives/clock.ts'
import type { RedisConfig } from '../config/redis.ts'
import { HeldLease } from './held-lease.ts'
import type { Claim, Lease, LeasedRun, Leases, WaitEnd } from './lease.ts'
import { isAnswer } from './redis-link.ts'
import type { RedisLink } from './redis-link.ts'

export interface RedisLeasesOptions {
  readonly config: RedisConfig
  readonly link: RedisLink
  /** Nobody else uses this Redis. */
  readonly isAlone: () => boolean
}

/** A holder that died is waited for no longer. */
const LEASE_MS = 2000
const RENEW_MS = 600
/** What Redis does not let us do is not tried at every request. */
const REFUSED_MS = 30_000
const FIRST_PAUSE_MS = 3
const LONGEST_PAUSE_MS = 20
/** How long it is remembered of an object that waiting for it was too slow. */
const IMPATIENT_MS = 10_000
const MAX_REMEMBERED = 10_000

/**
 * ARGV: token, first, last, lifetime in ms, mode. Gives the last slice that no other node fetches from
 * `first` on; -1 where another fetches that one, -2 where nobody is to wait. `look` takes nothing.
 */
const CLAIM = `
local function nodeOf(token) return string.match(token, '^[^:]*') end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local first, last = tonumber(ARGV[2]), tonumber(ARGV[3])
local free = last
local held = redis.call('HGETALL', KEYS[1])
for i = 1, #held, 2 do
  if held[i] == 'open' then
    if ARGV[5] ~= 'insist' and tonumber(held[i + 1]) > now then return -2 end
  elseif nodeOf(held[i]) ~= nodeOf(ARGV[1]) then
    local from, to, till = string.match(held[i + 1], '^(%d+) (%d+) (%d+)$')
    if from and tonumber(till) > now then
      if tonumber(from) <= first and first <= tonumber(to) then free = -1
      elseif tonumber(from) > first then free = math.min(free, tonumber(from) - 1) end
    elseif ARGV[5] ~= 'look' then redis.call('HDEL', KEYS[1], held[i]) end
  end
end
if ARGV[5] == 'insist' then free = last end
if free < first then return -1 end
if ARGV[5] ~= 'look' then
  local till = string.format('%.0f', now + ARGV[4])
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. free .. ' ' .. till)
  if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
  end
end
return free`

/** ARGV: token, for how long nobody is to wait for another. */
const RELEASE = `
redis.call('HDEL', KEYS[1], ARGV[1])
if ARGV[2] ~= '0' then
  local time = redis.call('TIME')
  local till = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
  redis.call('HSET', KEYS[1], 'open', string.format('%.0f', till))
  if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
end
return 1`

type Mode = 'claim' | 'insist' | 'look'

const TAKEN = -1
const OPEN = -2
const OFF: Claim = { kind: 'off' }

export class RedisLeases implements Leases {
  readonly #options: RedisLeasesOptions
  readonly #node = randomUUID()
  readonly #held = new Set<HeldLease>()
  /** What is left of the time that may be spent on waiting for an object, and since when. */
  readonly #patience = new Map<string, { leftMs: number; at: number }>()
  #taken = 0
  #renewing: NodeJS.Timeout | undefined
  #refusedUntil = Number.NEGATIVE_INFINITY

  constructor(options: RedisLeasesOptions) {
    this.#options = options
  }

  get isOn(): boolean {
    const { config, link, isAlone } = this.#options
    return config.leaseWaitMs > 0 && link.isUp && !isAlone() && monotonic() >= this.#refusedUntil
  }

  async claim(name: string, run: LeasedRun): Promise<Claim> {
    const token = this.#nextToken()
    const last = await this.#ask(name, token, run, 'claim')
    if (last === TAKEN) return { kind: 'taken' }
    if (last === undefined || last === OPEN) return OFF
    return { kind: 'granted', lease: this.#hold(name, token, { first: run.first, last }), last }
  }

  insist(name: string, run: LeasedRun): Lease {
    const token = this.#nextToken()
    void this.#ask(name, token, run, 'insist')
    return this.#hold(name, token, run)
  }

  async isTaken(name: string, index: number): Promise<boolean> {
    return (await this.#ask(name, this.#node, { first: index, last: index }, 'look')) === TAKEN
  }

  async wait(name: string, index: number, { signal, isThere }: WaitEnd): Promise<boolean> {
    const startedAt = monotonic()
    const leftMs = this.#patienceFor(name, startedAt)
    const until = startedAt + leftMs
    let isPatient = false
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 1.5)) {
      const restMs = until - monotonic()
      if (restMs <= 0 || signal?.isCancelled === true) break
      await pause(Math.min(restMs, pauseMs), signal)
      const [isStillTaken, isHere] = await Promise.all([this.isTaken(name, index), isThere?.()])
      if (isStillTaken && isHere !== true) continue
      isPatient = true
      break
    }
    const at = monotonic()
    if (this.#patience.size >= MAX_REMEMBERED) this.#patience.clear()
    this.#patience.set(name, { leftMs: Math.max(0, leftMs - (at - startedAt)), at })
    return isPatient
  }

  close(): void {
    clearInterval(this.#renewing)
  }

  #patienceFor(name: string, at: number): number {
    const known = this.#patience.get(name)
    const isKnown = known !== undefined && at - known.at < IMPATIENT_MS
    return isKnown ? known.leftMs : this.#options.config.leaseWaitMs
  }

  #nextToken(): string {
    this.#taken += 1
    return `${this.#node}:${this.#taken}`
  }

  #hold(name: string, token: string, run: LeasedRun): Lease {
    const lease = new HeldLease(run, {
      renew: (left) => void this.#ask(name, token, left, 'insist'),
      release: (openMs) => void this.#send(RELEASE, name, token, openMs).catch(() => undefined),
      onEnd: () => {
        this.#held.delete(lease)
        if (this.#held.size === 0) this.#stopRenewing()
      },
    })
    this.#held.add(lease)
    this.#renewing ??= setInterval(() => this.#renew(), RENEW_MS).unref()
    return lease
  }

  #renew(): void {
    for (const lease of this.#held) lease.renew()
  }

  #stopRenewing(): void {
    clearInterval(this.#renewing)
    this.#renewing = undefined
  }

  /** Undefined where Redis did not say. */
  async #ask(
    name: string,
    token: string,
    { first, last }: LeasedRun,
    mode: Mode,
  ): Promise<number | undefined> {
    try {
      const answer = await this.#send(CLAIM, name, token, first, last, LEASE_MS, mode)
      return typeof answer === 'number' ? answer : undefined
    } catch (error) {
      if (isAnswer(error)) this.#refusedUntil = monotonic() + REFUSED_MS
      return undefined
    }
  }

  /** Braces: in a cluster all of a name is in one place, whatever it holds. */
  #send(script: string, name: string, ...args: readonly (string | number)[]): Promise<unknown> {
    const { config, link } = this.#options
    return link.askLeave('eval', script, 1, `${config.keyPrefix}l:{${name}}`, ...args)
  }
}

/** Cut short when nobody waits any more. */
function pause(ms: number, signal: CancelSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal?.offCancel(end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal?.onCancel(end)
  })
}
