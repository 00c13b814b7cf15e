// What one thread does for fetching ahead: here, or at the end of a line.

import { Cancellation } from '../primitives/cancel.ts'
import type { CancelSignal } from '../primitives/cancel.ts'
import type { ListAnswer, ListQuestion } from '../origin/origin.ts'
import { createTrail } from '../origin/origin.ts'
import { refusalFrom, warm } from '../proxy/proxy.ts'
import type { Route, Warmed } from '../proxy/proxy.ts'
import type { Answers, ThreadLine } from './thread-line.ts'

/** On behalf of which task: it is let go with it. */
export interface ForTask {
  readonly task: string
  readonly bucket: string
}

export type Listed = ListAnswer | { readonly kind: 'failed'; readonly reason: string }

/** Nothing but a thread that ends makes it reject. */
export interface WarmPart {
  list(context: ForTask, question: ListQuestion): Promise<Listed>
  warm(context: ForTask, key: string): Promise<Warmed>
  /** Lets go of all that is under way for a task. */
  release(task: string): Promise<void>
}

export function localWarmPart(routeOf: (bucket: string) => Route | undefined): WarmPart {
  const underWay = new Map<string, Set<Cancellation>>()
  const run = async <T>(task: string, work: (signal: CancelSignal) => Promise<T>): Promise<T> => {
    const release = new Cancellation()
    const all = underWay.get(task) ?? new Set()
    underWay.set(task, all.add(release))
    try {
      return await work(release)
    } finally {
      all.delete(release)
      if (all.size === 0) underWay.delete(task)
    }
  }
  return {
    list: ({ task, bucket }, question) =>
      run(task, (signal) => list(routeOf(bucket), question, signal)),
    warm: ({ task, bucket }, key) => {
      const cached = routeOf(bucket)?.cached
      if (cached === undefined) return Promise.resolve({ kind: 'failed', reason: 'no_route' })
      return run(task, (signal) => warm(cached, key, signal))
    },
    release: async (task) => {
      for (const one of underWay.get(task) ?? []) one.cancel()
    },
  }
}

async function list(
  route: Route | undefined,
  question: ListQuestion,
  signal: CancelSignal,
): Promise<Listed> {
  if (route === undefined) return { kind: 'failed', reason: 'no_route' }
  try {
    return await route.list(question, { signal, trail: createTrail() })
  } catch (error) {
    return { kind: 'failed', reason: refusalFrom(error).code }
  }
}

/** A huge object may take hours; that its bytes do not stall is seen to where they come in. */
const WORK_PATIENCE_MS = 86_400_000
const RELEASE_PATIENCE_MS = 10_000

// The casts: what comes over a line is what `warmAnswersOf` of this very program gave to it.
export function warmPartAt(line: ThreadLine): WarmPart {
  return {
    list: (...args) => line.ask('list', args, WORK_PATIENCE_MS) as Promise<Listed>,
    warm: (...args) => line.ask('warm', args, WORK_PATIENCE_MS) as Promise<Warmed>,
    release: (task) => line.ask('release', [task], RELEASE_PATIENCE_MS) as Promise<void>,
  }
}

/** The other end of `warmPartAt`; what it does not know, `others` may. */
export function warmAnswersOf(part: WarmPart, others: Answers): Answers {
  return async (name, args) => {
    const [first, second] = args
    switch (name) {
      case 'list':
        return part.list(first as ForTask, second as ListQuestion)
      case 'warm':
        return part.warm(first as ForTask, String(second))
      case 'release':
        return part.release(String(first))
      default:
        return others(name, args)
    }
  }
}
