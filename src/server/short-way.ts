// The short way of HTTP/1: requests that are written plainly are read and answered on their connection,
// past Node's parser and its messages, which would be a fifth of what a hit in memory costs.

import type { Socket } from 'node:net'

import type { ServerConfig } from '../config/server.ts'
import { monotonic } from '../primitives/clock.ts'
import { keepAliveText } from './head-text.ts'
import type { Listener } from './listener.ts'
import { PlainConnection } from './plain-connection.ts'
import type { Keeper } from './plain-connection.ts'

type Timeouts = Pick<ServerConfig['limits'], 'headerTimeoutMs' | 'keepAliveTimeoutMs'>

const LOOK_MS = 500
/** As Node has it: a client who believes what it was told must not be late. */
const GRACE_MS = 1000

export class ShortWay implements Keeper {
  readonly answer: Keeper['answer']
  readonly #connections = new Set<PlainConnection>()
  #keepAlive = ''
  #silence = { untilFirstMs: 0, betweenMs: 0 }
  #looks: NodeJS.Timeout | undefined
  #welcome: (socket: Socket) => void = ignore

  constructor(timeouts: Timeouts, answer: Keeper['answer']) {
    this.answer = answer
    this.retune(timeouts)
  }

  get keepAlive(): string {
    return this.#keepAlive
  }

  retune({ headerTimeoutMs, keepAliveTimeoutMs }: Timeouts): void {
    this.#keepAlive = keepAliveText(keepAliveTimeoutMs)
    this.#silence = { untilFirstMs: headerTimeoutMs, betweenMs: keepAliveTimeoutMs + GRACE_MS }
    clearInterval(this.#looks)
    const every = Math.min(LOOK_MS, headerTimeoutMs / 2)
    this.#looks = setInterval(() => this.#look(), every).unref()
  }

  /** Stands before what the listener does with a new connection of HTTP/1. */
  guard(listener: Listener, event: 'connection' | 'secureConnection'): void {
    const welcomes = listener.listeners(event)
    listener.removeAllListeners(event)
    this.#welcome = (socket) => {
      for (const welcome of welcomes) welcome.call(listener, socket)
    }
    listener.on(event, (socket: Socket) => {
      if ('alpnProtocol' in socket && socket.alpnProtocol === 'h2') this.#welcome(socket)
      else this.#connections.add(new PlainConnection(socket, this))
    })
  }

  welcome(socket: Socket): void {
    this.#welcome(socket)
  }

  left(connection: PlainConnection): void {
    this.#connections.delete(connection)
  }

  /** Those that have had their answer and ask nothing. */
  closeIdle(): void {
    for (const connection of this.#connections) if (connection.isIdle) connection.destroy()
  }

  end(): void {
    clearInterval(this.#looks)
  }

  #look(): void {
    const at = monotonic()
    for (const connection of this.#connections) connection.look(at, this.#silence)
  }
}

function ignore(): void {
  // Nobody is welcome before somebody listens.
}
