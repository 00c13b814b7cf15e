// An operator's orders to fetch ahead, followed to their end.

import assert from 'node:assert/strict'

import type { CachedFront } from './cached-front.ts'
import { until } from './until.ts'

export interface Task {
  readonly task_id: string
  readonly status: string
  readonly reason?: string
  readonly order: Readonly<Record<string, unknown>>
  readonly objects: Readonly<Record<'found' | 'done' | 'skipped' | 'unstored' | 'failed', number>>
  readonly bytes: number
  readonly started_at: string
  readonly ended_at: string | null
  readonly problems: readonly { readonly key: string; readonly reason: string }[]
}

type Operated = Pick<CachedFront, 'call'>

/** Gives the task's id. */
export async function begin(front: Operated, order: object): Promise<string> {
  const { status, json } = await front.call('POST', '/admin/cache/prewarm', {
    body: JSON.stringify(order),
  })
  assert.equal(status, 202, JSON.stringify(json))
  return String(json['task_id'])
}

export async function taskOf(front: Operated, id: string): Promise<Task> {
  const { status, json } = await front.call('GET', `/admin/cache/prewarm/${id}`)
  assert.equal(status, 200, JSON.stringify(json))
  // The cast: what the tests are about.
  return json as unknown as Task
}

export function ended(front: Operated, id: string): Promise<Task> {
  return until(
    'the task ends',
    () => taskOf(front, id),
    ({ status }) => status !== 'running',
  )
}

export async function prewarm(front: Operated, order: object): Promise<Task> {
  return ended(front, await begin(front, order))
}

/** The keys that the origin was asked for, sorted. */
export function objectsAsked({ s3 }: Pick<CachedFront, 's3'>): string[] {
  return s3.requests.flatMap(({ key }) => (key === '' ? [] : [key])).toSorted()
}

/** The queries of the listings that the origin was asked for. */
export function listings({ s3 }: Pick<CachedFront, 's3'>): Record<string, string>[] {
  return s3.requests
    .filter(({ query }) => query.some(([name]) => name === 'list-type'))
    .map(({ query }) => Object.fromEntries(query))
}
