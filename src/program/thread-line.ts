// A line between two threads: each end asks the other by a name, with plain data, and gets plain
// data back. What it means is theirs to know.

import type { MessagePort } from 'node:worker_threads'

/** What an end answers. */
export type Answers = (name: string, args: readonly unknown[]) => Promise<unknown>

type Message =
  | { readonly kind: 'ask'; readonly id: number; readonly name: string; readonly args: unknown[] }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly reason: string }

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (reason: Error) => void
}

/** The other thread has ended: what it knew has ended with it. */
export class LineClosed extends Error {}

export class ThreadLine {
  readonly #port: MessagePort
  #answers: Answers = async (name) => {
    throw new Error(`nobody answers '${name}' yet`)
  }
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #isClosed = false

  constructor(port: MessagePort) {
    this.#port = port
    port.on('close', () => this.#end())
  }

  /** What was asked before waits for this. */
  listen(answers: Answers): void {
    this.#answers = answers
    this.#port.on('message', (message: Message) => this.#take(message))
    // It keeps no thread from ending.
    this.#port.unref()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Rejects when the other end fails, ends, or takes longer than it may. */
  ask(name: string, args: readonly unknown[], timeoutMs: number): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(new LineClosed())
    this.#lastId += 1
    const id = this.#lastId
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        reject(new Error(`a thread did not answer '${name}' in ${timeoutMs} ms`))
      }, timeoutMs)
      this.#waiting.set(id, {
        resolve: (value) => {
          clearTimeout(timer)
          resolve(value)
        },
        reject: (reason) => {
          clearTimeout(timer)
          reject(reason)
        },
      })
      this.#tell({ kind: 'ask', id, name, args: [...args] })
    })
  }

  close(): void {
    this.#port.close()
  }

  #take(message: Message): void {
    if (message.kind === 'ask') {
      void this.#answer(message.id, message.name, message.args)
      return
    }
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (message.kind === 'answer') waiting?.resolve(message.value)
    else waiting?.reject(new Error(message.reason))
  }

  async #answer(id: number, name: string, args: readonly unknown[]): Promise<void> {
    try {
      this.#tell({ kind: 'answer', id, value: await this.#answers(name, args) })
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
      this.#tell({ kind: 'failed', id, reason })
    }
  }

  #tell(message: Message): void {
    if (!this.#isClosed) this.#port.postMessage(message)
  }

  #end(): void {
    this.#isClosed = true
    for (const { reject } of this.#waiting.values()) reject(new LineClosed())
    this.#waiting.clear()
  }
}
