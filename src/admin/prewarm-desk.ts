// What can be asked about fetching ahead, and how it is answered. Who does it, and where, is not
// known here.

import { Refusal } from '../exchange/refusal.ts'
import type { DeskAnswer } from './cache-desk.ts'
import { describeOrder } from './prewarm-order.ts'
import type { PrewarmOrder } from './prewarm-order.ts'

export interface PrewarmDesk {
  /** Those that can be warmed. */
  readonly buckets: ReadonlySet<string>
  /** Of all tasks since the start, those forgotten included. */
  readonly totals: PrewarmTotals
  /** Gives the task's id; throws a refusal where no task can be begun now. */
  begin(order: PrewarmOrder): string
  /** The youngest first. */
  all(): readonly PrewarmTask[]
  find(id: string): PrewarmTask | undefined
  /** When nothing is asked for it any more; one that has ended stays as it is. */
  cancel(id: string): Promise<PrewarmTask | undefined>
}

export interface PrewarmTotals {
  readonly objects: number
  readonly bytes: number
}

export type PrewarmState = 'running' | 'completed' | 'failed' | 'cancelled'

export interface PrewarmTask {
  readonly id: string
  readonly order: PrewarmOrder
  readonly state: PrewarmState
  /** Why it failed as a whole. */
  readonly reason: string | undefined
  readonly objects: PrewarmCounts
  /** Of the objects done. */
  readonly bytes: number
  readonly startedAt: number
  readonly endedAt: number | undefined
  /** The last few. */
  readonly problems: readonly PrewarmProblem[]
}

export interface PrewarmCounts {
  readonly found: number
  readonly done: number
  /** Held already, and fresh. */
  readonly skipped: number
  /** Had, but not to be kept. */
  readonly unstored: number
  readonly failed: number
}

export interface PrewarmProblem {
  readonly key: string
  readonly reason: string
}

export function begunAnswer(id: string): DeskAnswer {
  return { status: 202, value: { task_id: id } }
}

export function tasksAnswer(tasks: readonly PrewarmTask[]): DeskAnswer {
  return { status: 200, value: { tasks: tasks.map(described) } }
}

export function taskAnswer(task: PrewarmTask | undefined): DeskAnswer {
  if (task === undefined) throw new Refusal('not_found', { message: 'The task is not known.' })
  return { status: 200, value: described(task) }
}

function described(task: PrewarmTask): object {
  const { id, order, state, reason, objects, bytes, startedAt, endedAt, problems } = task
  return {
    task_id: id,
    status: state,
    ...(reason === undefined ? {} : { reason }),
    order: describeOrder(order),
    objects,
    bytes,
    started_at: instant(startedAt),
    ended_at: endedAt === undefined ? null : instant(endedAt),
    problems,
  }
}

function instant(at: number): string {
  return new Date(at).toISOString()
}
