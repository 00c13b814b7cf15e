// Every call of an operator as an event: who, what, from where, and what came of it. Refused ones too,
// but whoever guesses at tokens fills no disk: beyond a few in ten seconds they are counted, and the
// number is told at the end of the ten. An audit log, which is bounded itself, gets each of them.

import type { AdminCall, Emit } from '../exchange/event.ts'
import { Refusal } from '../exchange/refusal.ts'
import { monotonic } from '../primitives/clock.ts'
import type { Caller } from './gate.ts'

/** Where a call came from. */
export interface CallPlace {
  readonly clientIp: string
  readonly requestId: string
}

/** What is known of a call while it runs. */
export interface OpenCall {
  call: string
  /** Method and path, of whoever called. */
  asked?: string
  /** What was to be done. */
  rule?: string
  caller?: Caller
  /** Asked again and again by whoever watches. */
  isWatched?: boolean
}

const WINDOW_MS = 10_000
const MOST_REFUSED = 20
/** A screen that asks each second is told of once in so long. */
const WATCH_MS = 600_000
const MOST_WATCHERS = 1000
/** Of a subject, which an issuer chose. */
const SUBJECT_CHARACTERS = 255

export class CallRegister {
  readonly #emit: Emit
  #refused = 0
  #window: NodeJS.Timeout | undefined
  /** When those who watch were told of, monotonic ms. */
  readonly #watchers = new Map<string, number>()

  constructor(emit: Emit) {
    this.#emit = emit
  }

  /** Runs the call, and tells of it; a status from 400 on is a call that failed. */
  async keep<Answer extends { readonly status: number }>(
    place: CallPlace,
    open: OpenCall,
    run: () => Promise<Answer>,
  ): Promise<Answer> {
    try {
      const answer = await run()
      const isToTell = answer.status >= 400 || !open.isWatched || this.#isNews(place, open)
      if (isToTell) this.#tell({ ...factsOf(place, open), status: answer.status })
      return answer
    } catch (error) {
      const known = error instanceof Refusal ? error : undefined
      const facts = factsOf(place, open, known?.user)
      this.#tell({ ...facts, status: known?.status ?? 500, error: known?.code ?? 'internal_error' })
      throw error
    }
  }

  close(): void {
    clearTimeout(this.#window)
    this.#endWindow()
  }

  #tell(call: Omit<AdminCall, 'kind' | 'outcome'>): void {
    const isStranger = call.role === undefined
    const isRefused = isStranger || call.status === 403
    const outcome = isRefused ? 'refused' : call.status < 400 ? 'done' : 'failed'
    const isUntold = isRefused && !this.#mayTellRefused()
    this.#emit({ kind: 'admin', ...call, outcome, ...(isUntold && { isUntold }) })
  }

  #isNews({ clientIp }: CallPlace, { call, caller }: OpenCall): boolean {
    const watcher = [call, caller?.role, caller?.subject, clientIp].join(' ')
    const at = monotonic()
    if (at - (this.#watchers.get(watcher) ?? Number.NEGATIVE_INFINITY) < WATCH_MS) return false
    if (this.#watchers.size >= MOST_WATCHERS) this.#watchers.clear()
    this.#watchers.set(watcher, at)
    return true
  }

  #mayTellRefused(): boolean {
    this.#window ??= setTimeout(() => this.#endWindow(), WINDOW_MS).unref()
    this.#refused += 1
    return this.#refused <= MOST_REFUSED
  }

  #endWindow(): void {
    const untold = this.#refused - MOST_REFUSED
    this.#window = undefined
    this.#refused = 0
    if (untold > 0) this.#emit({ kind: 'admin-refused', count: untold })
  }
}

/** `stranger` has shown who he is, and is nobody here. */
function factsOf(place: CallPlace, { call, asked, rule, caller }: OpenCall, stranger?: string) {
  const subject = caller?.subject ?? (stranger === undefined ? undefined : `jwt:${stranger}`)
  return {
    call,
    ...(asked === undefined ? {} : { asked }),
    ...(rule === undefined ? {} : { rule }),
    role: caller?.role,
    subject: subject?.slice(0, SUBJECT_CHARACTERS),
    ...place,
  }
}
