// One connection of the load: a question at a time, and of the answer no more is read than its status
// and its end.

import net from 'node:net'

export interface Answered {
  readonly status: number
  /** Since the question should have been asked. */
  readonly ms: number
  /** Since it was. */
  readonly askedMs: number
}

export interface LineEvents {
  readonly answered: (line: Line, answer: Answered) => void
  /** With a question that was not answered, or none. */
  readonly closed: (line: Line, dueAt: number | undefined) => void
}

const HEAD_END = '\r\n\r\n'
/** Where what comes lands, whoever it is for. */
const LANDING = Buffer.alloc(64 * 1024)

export class Line {
  readonly #socket: net.Socket
  readonly #question: string
  readonly #events: LineEvents
  /** When the question that waits for its answer should have been asked. */
  #dueAt: number | undefined
  #askedAt = 0
  #head = ''
  #left = 0
  #status = 0

  constructor(port: number, question: string, events: LineEvents) {
    this.#question = question
    this.#events = events
    const onread = { buffer: LANDING, callback: (length: number) => this.#take(length) }
    this.#socket = net.connect({ port, host: '127.0.0.1', noDelay: true, onread })
    this.#socket.on('error', () => undefined)
    this.#socket.on('close', () => events.closed(this, this.#dueAt))
  }

  ask(dueAt: number): void {
    this.#dueAt = dueAt
    this.#askedAt = performance.now()
    this.#socket.write(this.#question)
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #take(length: number): boolean {
    let body = length
    if (this.#left === 0) {
      this.#head += LANDING.toString('latin1', 0, length)
      const end = this.#head.indexOf(HEAD_END)
      if (end < 0) return true
      this.#status = Number(this.#head.slice(9, 12))
      body = this.#head.length - end - HEAD_END.length
      this.#left = Number(/\r\nContent-Length: (\d+)/i.exec(this.#head)?.[1] ?? 0)
      this.#head = ''
    }
    this.#left -= body
    if (this.#left <= 0) this.#finish()
    return true
  }

  #finish(): void {
    const now = performance.now()
    const ms = now - (this.#dueAt ?? 0)
    this.#left = 0
    this.#dueAt = undefined
    this.#events.answered(this, { status: this.#status, ms, askedMs: now - this.#askedAt })
  }
}
