// The worker threads of a running program, seen through Node's inspector: the one way to look into
// one of them, or to end it, from outside.

import { eventually } from './peer.ts'
import type { Sluice } from './sluice.ts'

/** For the environment of the program. */
export const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' }

export interface Inspector extends Disposable {
  /** Sessions of the workers that live. */
  workers(): readonly string[]
  /** Gives the value of an expression in a worker. */
  evaluate(worker: string, expression: string): Promise<unknown>
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: { readonly sessionId: string; readonly message: string }
  readonly result?: { readonly result?: { readonly value?: unknown } }
}

export async function inspect(sluice: Sluice): Promise<Inspector> {
  const address = /ws:\/\/\S+/.exec(sluice.stderr())?.[0]
  if (address === undefined) throw new Error(`no inspector: ${sluice.stderr()}`)
  const socket = new WebSocket(address)
  const workers = new Set<string>()
  const answers = new Map<number, (value: unknown) => void>()
  let calls = 0

  socket.addEventListener('message', ({ data }) => {
    const { method, params }: Message = JSON.parse(String(data))
    if (params === undefined) return
    if (method === 'NodeWorker.attachedToWorker') workers.add(params.sessionId)
    if (method === 'NodeWorker.detachedFromWorker') workers.delete(params.sessionId)
    if (method !== 'NodeWorker.receivedMessageFromWorker') return
    const { id = 0, result }: Message = JSON.parse(params.message)
    answers.get(id)?.(result?.result?.value)
  })
  const send = (method: string, params: object): void =>
    socket.send(JSON.stringify({ id: (calls += 1), method, params }))

  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }))
  send('NodeWorker.enable', { waitForDebuggerOnStart: false })
  return {
    workers: () => [...workers],
    evaluate: async (worker, expression) => {
      const id = (calls += 1)
      let answer: { value: unknown } | undefined
      answers.set(id, (value) => (answer = { value }))
      const params = { expression, returnByValue: true }
      const message = JSON.stringify({ id, method: 'Runtime.evaluate', params })
      send('NodeWorker.sendMessageToWorker', { sessionId: worker, message })
      await eventually(() => answer !== undefined, `an answer to ${expression}`)
      return answer?.value
    },
    [Symbol.dispose]: () => socket.close(),
  }
}
