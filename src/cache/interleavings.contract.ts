// All that several threads can do to one memory, in every order: the real code is run, one access to memory
// at a time, each time from its beginning, with what it has read before given to it again. What it has read
// is all that it can know, so that is what it has come to; and an order that leads to a memory and to actors
// that were there before is not followed again.

import { createHash } from 'node:crypto'

import { Arena } from './arena.ts'
import { placesIn } from './shared-memory.ts'
import type { SharedPlaces, SharedTierMemory } from './shared-memory.ts'

export interface Actor {
  readonly name: string
  /** It makes what it needs first, and then gives what it does: only that is looked at. */
  readonly begin: (places: SharedPlaces) => () => void
  /** It goes from one atomic access to the next: what others may change meanwhile it does not look at. */
  readonly isCoarse?: boolean
  /** It may die at any moment; this one then comes into being. */
  readonly heir?: Actor
}

/** Where the machine, or the code, is not what it should be. */
export interface Fault {
  /** A cell is seen only after the next two accesses of who has named something in it. */
  readonly areCellsLate?: boolean
  /** Nobody sees what others name. */
  readonly areCellsUnseen?: boolean
}

export interface Explored {
  readonly states: number
  readonly ends: number
}

type Words = Int32Array | Float64Array

interface Access {
  readonly isAtomic: boolean
  readonly isCellNamed: boolean
  /** It can only go on when the lock is free. */
  readonly isLockWanted: boolean
  perform(): unknown
}

interface State {
  readonly memory: Uint8Array
  readonly logs: readonly Log[]
}

interface Log {
  readonly actor: Actor
  readonly status: 'running' | 'ended' | 'dead' | 'unborn'
  readonly results: readonly unknown[]
  readonly digest: string
  readonly late: Late | undefined
}

interface Late {
  readonly perform: () => void
  readonly left: number
}

class Pause extends Error {}
class Blocked extends Error {}

/** Throws what an actor, or `check` at an end, throws. */
export function explore(
  memory: SharedTierMemory,
  actors: readonly Actor[],
  check: () => void,
  fault: Fault = {},
): Explored {
  return new Exploration(memory, check, fault).run(actors)
}

class Exploration {
  readonly #bytes: Uint8Array
  readonly #first: Uint8Array
  readonly #places: SharedPlaces
  readonly #check: () => void
  readonly #fault: Fault
  readonly #seen = new Set<string>()
  #access: (access: Access) => unknown = (access) => access.perform()
  #ends = 0

  constructor(memory: SharedTierMemory, check: () => void, fault: Fault) {
    this.#bytes = new Uint8Array(memory.buffer)
    this.#first = this.#bytes.slice()
    this.#check = check
    this.#fault = fault
    this.#places = this.#watched(placesIn(memory))
  }

  run(actors: readonly Actor[]): Explored {
    const logs = actors.flatMap((actor) => {
      const heir = actor.heir === undefined ? [] : [logOf(actor.heir, 'unborn')]
      return [logOf(actor, 'running'), ...heir]
    })
    const left: State[] = [{ memory: this.#first, logs }]
    const restore = this.#watchTheWorld()
    try {
      for (let state = left.pop(); state !== undefined; state = left.pop()) {
        left.push(...this.#next(state))
      }
    } finally {
      restore()
      this.#bytes.set(this.#first)
    }
    return { states: this.#seen.size, ends: this.#ends }
  }

  #next(state: State): State[] {
    const next: State[] = []
    const running = state.logs.filter(({ status }) => status === 'running')
    if (running.length === 0) this.#end(state)
    let isAnyFree = running.length === 0
    for (const [index, log] of state.logs.entries()) {
      if (log.status !== 'running') continue
      const stepped = this.#step(state, index, log)
      if (stepped !== undefined) isAnyFree = true
      next.push(...[stepped, dying(state, index, log)].filter((one) => one !== undefined))
    }
    if (!isAnyFree && next.length === 0) throw new Error('nobody can go on')
    return next.filter((one) => this.#isNew(one))
  }

  #end({ memory }: State): void {
    this.#ends += 1
    this.#bytes.set(memory)
    this.#check()
  }

  /** One access on. Undefined where it has to wait for another. */
  #step(state: State, index: number, log: Log): State | undefined {
    const results = [...log.results]
    let place = 0
    let late = log.late
    this.#bytes.set(this.#first)
    const act = log.actor.begin(this.#places)
    this.#bytes.set(state.memory)
    const isNext = (access: Access): boolean => {
      const isFirst = place === log.results.length + 1
      return isFirst || (log.actor.isCoarse === true && !access.isAtomic)
    }
    this.#access = (access) => {
      place += 1
      if (place <= log.results.length) return results[place - 1]
      if (!isNext(access)) throw new Pause()
      if (access.isLockWanted) throw new Blocked()
      late = pass(late)
      const isLate = access.isCellNamed && this.#fault.areCellsLate === true
      if (isLate) late = { perform: () => access.perform(), left: 2 }
      const result = isLate ? undefined : access.perform()
      results.push(result)
      return result
    }
    const status = this.#run(act)
    this.#access = (access) => access.perform()
    if (status === 'blocked') return undefined
    if (status === 'ended') late?.perform()
    const news = results.slice(log.results.length).map(written)
    const digest = digestOf([log.digest, ...news])
    const logs = state.logs.with(index, { actor: log.actor, status, results, digest, late })
    return { memory: this.#bytes.slice(), logs }
  }

  #run(act: () => void): 'ended' | 'running' | 'blocked' {
    try {
      act()
      return 'ended'
    } catch (error) {
      if (error instanceof Pause) return 'running'
      if (error instanceof Blocked) return 'blocked'
      throw error
    }
  }

  #isNew({ memory, logs }: State): boolean {
    const all = logs.map(({ status, digest }) => `${status} ${digest}`)
    const name = digestOf([memory, ...all])
    if (this.#seen.has(name)) return false
    this.#seen.add(name)
    return true
  }

  /** Arrays all of whose elements are had by an access. */
  #watched(places: SharedPlaces): SharedPlaces {
    const { arena, ghosts } = places
    return {
      ...places,
      control: this.#watch(places.control),
      controlDoubles: this.#watch(places.controlDoubles),
      arena: {
        words: this.#watch(arena.words),
        doubles: this.#watch(arena.doubles),
        state: this.#watch(arena.state),
      },
      lanes: this.#watch(places.lanes),
      ghosts: { hashes: this.#watch(ghosts.hashes), goneAt: this.#watch(ghosts.goneAt) },
      rows: this.#watch(places.rows),
      rowDoubles: this.#watch(places.rowDoubles),
      chains: this.#watch(places.chains),
      slots: this.#watch(places.slots),
      slotDoubles: this.#watch(places.slotDoubles),
    }
  }

  readonly #targets = new WeakMap<Words, Words>()

  #watch<Array extends Words>(array: Array): Array {
    const watched = new Proxy(array, {
      get: (target, name) => {
        if (typeof name === 'string' && /^\d/.test(name)) {
          return this.#access(plain(() => target[Number(name)]))
        }
        if (name === 'fill') {
          return (...of: [number, number?, number?]) =>
            this.#access(plain(() => void target.fill(...of)))
        }
        return Reflect.get(target, name, target)
      },
      set: (target, name, value: number) => {
        this.#access(plain(() => (target[Number(name)] = value)))
        return true
      },
    })
    this.#targets.set(watched, array)
    return watched
  }

  /** Gives what puts everything back. */
  #watchTheWorld(): () => void {
    const { load, store, add, sub, compareExchange } = Atomics
    const { text, view } = Arena.prototype
    const lanes = this.#targets.get(this.#places.lanes)
    const targetOf = (array: Words): Int32Array => {
      // The cast: nothing else is given to Atomics.
      return (this.#targets.get(array) ?? array) as Int32Array
    }
    const isUnseen = (target: Words): boolean =>
      target === lanes && this.#fault.areCellsUnseen === true
    const watched = {
      load: (array: Words, index: number) => {
        const target = targetOf(array)
        return this.#access(atomic(() => (isUnseen(target) ? 0 : load(target, index))))
      },
      store: (array: Words, index: number, value: number) => {
        const target = targetOf(array)
        const perform = (): unknown => store(target, index, value)
        const isCellNamed = target === lanes && value !== 0
        return this.#access({ isAtomic: true, isCellNamed, isLockWanted: false, perform })
      },
      add: (array: Words, index: number, value: number) =>
        this.#access(atomic(() => add(targetOf(array), index, value))),
      sub: (array: Words, index: number, value: number) =>
        this.#access(atomic(() => sub(targetOf(array), index, value))),
      compareExchange: (array: Words, index: number, expected: number, value: number) => {
        const target = targetOf(array)
        const isLock = array === this.#places.control && index === 0 && expected === 0
        const isLockWanted = isLock && load(target, index) !== 0
        const perform = (): unknown => compareExchange(target, index, expected, value)
        return this.#access({ ...atomic(perform), isLockWanted })
      },
    }
    Object.assign(Atomics, watched)
    const bytes = this.#bytes
    const access = (one: Access): unknown => this.#access(one)
    // Its bytes as they are at the moment; what is put in them is put there by an access.
    Arena.prototype.view = function watchedView(block, length, at) {
      const from = this.firstWordOf(block) * 4 + this.words.byteOffset + (at ?? 0)
      // The cast: what `perform` gives.
      const copy = access(atomic(() => Buffer.from(bytes.slice(from, from + length)))) as Buffer
      const own = Buffer.from(copy)
      own.set = (source, offset = 0) => {
        const given = Uint8Array.from(source)
        access(atomic(() => bytes.set(given, from + offset)))
      }
      return own
    }
    Arena.prototype.text = function watchedText(...of) {
      // The cast: what `perform` gives.
      return access(atomic(() => text.apply(this, of))) as string
    }
    return () => {
      Object.assign(Atomics, { load, store, add, sub, compareExchange })
      Object.assign(Arena.prototype, { text, view })
    }
  }
}

/** Another access has been made. */
function pass(late: Late | undefined): Late | undefined {
  if (late === undefined || late.left > 1) return late && { ...late, left: late.left - 1 }
  late.perform()
  return undefined
}

function atomic(perform: () => unknown): Access {
  return { isAtomic: true, isCellNamed: false, isLockWanted: false, perform }
}

function plain(perform: () => unknown): Access {
  return { isAtomic: false, isCellNamed: false, isLockWanted: false, perform }
}

function logOf(actor: Actor, status: Log['status']): Log {
  return { actor, status, results: [], digest: '', late: undefined }
}

/** Where it dies instead of going on. */
function dying(state: State, index: number, log: Log): State | undefined {
  const heir = state.logs[index + 1]
  if (log.actor.heir === undefined || heir === undefined) return undefined
  const logs = state.logs.with(index, { ...log, status: 'dead', results: [], digest: '' })
  return { memory: state.memory, logs: logs.with(index + 1, { ...heir, status: 'running' }) }
}

function written(result: unknown): string {
  return result instanceof Buffer ? result.toString('latin1') : String(result)
}

function digestOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha1')
  for (const part of parts) hash.update(part).update('|')
  return hash.digest('latin1')
}
