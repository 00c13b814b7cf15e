// The change to another configuration, in all threads: read, made ready in each of them, put in force in
// each of them, and only then said to be. What is wrong anywhere leaves everything as it was, and is
// told. Reloads are one at a time; who asks while one runs has the next one, which reads anew.

import type { Reload, ReloadProblem, ReloadState } from '../admin/admin.ts'
import { loadConfig } from '../config/config.ts'
import type { Config, Problem } from '../config/config.ts'
import { formatProblem } from '../config/config.ts'
import type { Environment } from '../config/env.ts'
import type { Emit } from '../exchange/event.ts'
import { countUp } from '../exchange/counts.ts'
import { nextSharedMemory, restartProblems } from '../live/live.ts'
import { now } from '../primitives/clock.ts'
import { changesBetween } from './config-changes.ts'
import type { InForce } from './in-force.ts'
import type { ReloadPart, Standing } from './reload-part.ts'
import { LineClosed } from './thread-line.ts'

/** Who asked for it. */
export type Trigger = Reload['trigger']

export interface ReloadingOptions {
  readonly file: string
  readonly env: Environment
  /** That of the first configuration, and where each next one is put. */
  readonly inForce: InForce
  /** Of the threads that there are now, each by the same object for as long as it lives. */
  readonly parts: () => readonly ReloadPart[]
  /** What does not live in threads, and may refuse to go along: before any of them has changed. */
  readonly lead: (config: Config) => Promise<void>
  /** What does not live in threads follows. */
  readonly follow: (config: Config) => void
  readonly emit: Emit
}

const MOST_CHANGES = 500
const MOST_PROBLEMS = 100
/** How often threads are looked for that began while the others changed. */
const ROUNDS = 5

export class Reloading {
  readonly outcomes = new Map<Reload['outcome'], number>([
    ['reloaded', 0],
    ['refused', 0],
  ])
  readonly #options: ReloadingOptions
  #since = now()
  #running: Promise<unknown> | undefined
  #next: Promise<Reload> | undefined
  #last: Reload | undefined
  #lastReloaded: Reload | undefined
  #isClosed = false

  constructor(options: ReloadingOptions) {
    this.#options = options
  }

  get generation(): number {
    return this.#options.inForce.standing.generation
  }

  get state(): ReloadState {
    return {
      generation: this.generation,
      since: this.#since,
      last: this.#last,
      lastReloaded: this.#lastReloaded,
    }
  }

  /** Never rejects. */
  reload(trigger: Trigger): Promise<Reload> {
    if (this.#next !== undefined) return this.#next
    const turn = this.#running ?? Promise.resolve()
    const next = turn.then(() => {
      this.#next = undefined
      return this.#reload(trigger)
    })
    this.#next = next
    this.#running = next
    return next
  }

  /** When what runs has ended: nothing is changed any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#running
  }

  async #reload(trigger: Trigger): Promise<Reload> {
    const at = now()
    const before = this.#options.inForce.standing
    const tried = await this.#change(before).catch((error: unknown): Tried => {
      this.#options.emit({ kind: 'bug', error })
      return { problems: [{ path: '', message: 'an unexpected error; the log has it' }] }
    })
    const common = { at, trigger, generation: this.generation }
    const reload: Reload =
      'problems' in tried
        ? { ...common, outcome: 'refused', changes: [], problems: tried.problems.map(told) }
        : { ...common, outcome: 'reloaded', changes: tried.changes, problems: [] }
    countUp(this.outcomes, reload.outcome)
    this.#last = reload
    if (reload.outcome === 'reloaded') {
      this.#since = now()
      this.#lastReloaded = reload
    }
    this.#tell(reload, 'problems' in tried ? tried.problems : tried.warnings)
    return reload
  }

  async #change(before: Standing): Promise<Tried> {
    if (this.#isClosed) return { problems: [{ path: '', message: 'Sluice is about to end' }] }
    const { file, env, inForce, follow } = this.#options
    const loaded = loadConfig(file, env)
    if (loaded.kind === 'refused') return { problems: loaded.problems }
    const { config } = loaded
    const unchangeable = restartProblems(before.config, config)
    if (unchangeable.length > 0) return { problems: unchangeable }

    const memory = nextSharedMemory(before.memory, config)
    const next: Standing = { generation: before.generation + 1, config, memory }
    const parts = this.#options.parts()
    const unready = await prepareAll(parts, next)
    const problems = unready.length > 0 ? unready : await this.#lead(config)
    if (problems.length > 0) {
      await Promise.allSettled(parts.map((part) => part.abandon()))
      return { problems }
    }
    // Whoever begins from here on begins with it.
    inForce.put(next)
    await this.#swapAll(parts, next)
    follow(config)
    const changes = changesBetween(before.config, config).slice(0, MOST_CHANGES)
    return { changes, warnings: loaded.warnings }
  }

  async #lead(config: Config): Promise<readonly Problem[]> {
    try {
      await this.#options.lead(config)
      return []
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      return [{ path: 'audit_log', message }]
    }
  }

  /** In all threads; those that began meanwhile, with what was in force then, come after the others. */
  async #swapAll(ready: readonly ReloadPart[], next: Standing): Promise<void> {
    await Promise.all(ready.map((part) => this.#swap(part, next)))
    const done = new Set(ready)
    for (let round = 0; round < ROUNDS; round += 1) {
      const late = this.#options.parts().filter((part) => !done.has(part))
      if (late.length === 0) return
      for (const part of late) done.add(part)
      await prepareAll(late, next)
      await Promise.all(late.map((part) => this.#swap(part, next)))
    }
  }

  /** One that has ended is replaced by one that begins with it; one that hangs has it when it wakes. */
  async #swap(part: ReloadPart, { generation }: Standing): Promise<void> {
    try {
      await part.swap(generation)
    } catch (error) {
      if (!(error instanceof LineClosed)) this.#options.emit({ kind: 'bug', error })
    }
  }

  #tell({ outcome, trigger, generation, changes }: Reload, found: readonly Problem[]): void {
    const { emit } = this.#options
    const all = found.slice(0, MOST_PROBLEMS).map(formatProblem)
    if (outcome === 'reloaded') {
      const warnings = all.length === 0 ? undefined : all
      emit({ kind: 'config-reloaded', trigger, generation, changes: changes.length, warnings })
    } else {
      emit({ kind: 'config-refused', trigger, generation, problems: all })
    }
  }
}

type Tried =
  | { readonly problems: readonly Problem[] }
  | { readonly changes: Reload['changes']; readonly warnings: readonly Problem[] }

/** Threads meet the same problem: each is told once. */
async function prepareAll(
  parts: readonly ReloadPart[],
  next: Standing,
): Promise<readonly Problem[]> {
  const found = await Promise.all(
    parts.map((part) =>
      part.prepare(next).catch((error: unknown): readonly Problem[] => {
        if (error instanceof LineClosed) return []
        return [{ path: '', message: error instanceof Error ? error.message : String(error) }]
      }),
    ),
  )
  const all = new Map(found.flat().map((problem) => [formatProblem(problem), problem]))
  return [...all.values()]
}

function told({ path, message, hint }: Problem): ReloadProblem {
  return { path, message: hint === undefined ? message : `${message} (${hint})` }
}
