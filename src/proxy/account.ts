// What is told of a request's steps, in the order they were taken.

import { Refusal } from '../exchange/refusal.ts'
import type { Reply } from '../exchange/reply.ts'

export type Facts = Readonly<Record<string, unknown>>

export interface Told extends Facts {
  readonly outcome: string
  /** A sentence. */
  readonly reason: string
}

export interface ExplainedStep extends Told {
  readonly step: string
}

export class Account {
  readonly steps: ExplainedStep[] = []

  /** Takes a step and tells of it; what it throws is thrown on. */
  take<Taken>(
    step: string,
    take: () => Taken,
    tell: (taken: Taken) => Told,
    tellNo: () => Facts = () => ({}),
  ): Taken {
    try {
      const taken = take()
      this.steps.push({ step, ...tell(taken) })
      return taken
    } catch (error) {
      if (error instanceof Refusal) this.steps.push({ step, ...toldOf(error), ...tellNo() })
      throw error
    }
  }

  /** As `take`, of what may have to be waited for. */
  async takeAwaited<Taken>(
    step: string,
    take: () => Taken | Promise<Taken>,
    tell: (taken: Taken) => Told,
  ): Promise<Taken> {
    const taken = await Promise.resolve()
      .then(take)
      .catch((error: unknown) => this.take(step, () => rethrow(error), tell))
    this.steps.push({ step, ...tell(taken) })
    return taken
  }

  tell(step: ExplainedStep): void {
    this.steps.push(step)
  }

  /** The last step said no. */
  get isOver(): boolean {
    return this.steps.at(-1)?.outcome === 'refused'
  }
}

function rethrow(error: unknown): never {
  throw error
}

/** A step that is only there where it ends everything. */
export function tellReply(step: string, { status, headers }: Reply, reason: string): ExplainedStep {
  return { step, outcome: 'answered', reason, status, headers: linesOfReply(headers) }
}

/** Without the query that a Location repeats: it may hold what opens the door. */
export function linesOfReply(headers: readonly string[]): string[] {
  return linesOf(headers).map((line) =>
    line.startsWith('Location: ') ? line.replace(/\?.*/, '?…') : line,
  )
}

/** The cause is for operators alone, and so are these. */
export function toldOf(refusal: Refusal): Told {
  const { code, status, message, cause, headers } = refusal
  const reason = typeof cause === 'string' ? `${message} (${cause})` : message
  return {
    outcome: 'refused',
    reason,
    code,
    status,
    ...(headers.length === 0 ? {} : { headers: linesOf(headers) }),
  }
}

/** Flat name, value… as lines. */
export function linesOf(headers: readonly string[]): string[] {
  const lines: string[] = []
  for (let index = 0; index + 1 < headers.length; index += 2) {
    lines.push(`${headers[index]}: ${headers[index + 1]}`)
  }
  return lines
}
