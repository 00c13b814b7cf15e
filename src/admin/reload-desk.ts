// The change to another configuration, as an operator orders it and looks at it.

import type { DeskAnswer } from './cache-desk.ts'

export interface ReloadDesk {
  /** When it is in force in all threads, or known that it is not to be. */
  reload(): Promise<Reload>
  state(): ReloadState
}

/** One of them, as it went. */
export interface Reload {
  /** Epoch ms. */
  readonly at: number
  readonly trigger: 'call' | 'signal' | 'watch'
  readonly outcome: 'reloaded' | 'refused'
  /** In force after it. */
  readonly generation: number
  readonly changes: readonly {
    readonly path: string
    readonly before: unknown
    readonly after: unknown
  }[]
  readonly problems: readonly ReloadProblem[]
}

export interface ReloadProblem {
  readonly path: string
  readonly message: string
}

export interface ReloadState {
  readonly generation: number
  /** Epoch ms: when it came into force. */
  readonly since: number
  readonly last: Reload | undefined
  /** The last that was not refused. */
  readonly lastReloaded: Reload | undefined
}

export function reloadAnswer({ outcome, generation, problems }: Reload): DeskAnswer {
  if (outcome === 'refused') return { status: 400, value: { status: 'refused', problems } }
  return { status: 200, value: { status: 'ok', config_generation: generation } }
}

export function reloadStateAnswer(state: ReloadState): DeskAnswer {
  const { generation, since, last, lastReloaded } = state
  const value = {
    config_generation: generation,
    since: written(since),
    last: describe(last),
    last_reloaded: describe(lastReloaded),
  }
  return { status: 200, value }
}

function describe(reload: Reload | undefined): object | null {
  if (reload === undefined) return null
  const { at, trigger, outcome, generation, changes, problems } = reload
  return {
    at: written(at),
    trigger,
    outcome,
    config_generation: generation,
    // What was not there, or is not any more, is null.
    changes: changes.map(({ path, before = null, after = null }) => ({ path, before, after })),
    problems,
  }
}

function written(at: number): string {
  return new Date(at).toISOString()
}
