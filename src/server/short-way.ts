// The short way of HTTP/1: requests that are written plainly are read and answered on their connection,
// past Node's parser and its messages, which would be a fifth of what a hit in memory costs.

import type { Socket } from 'node:net'

import type { ServerConfig } from '../config/server.ts'
import { monotonic } from '../primitives/clock.ts'
import { keepAliveText } from './head-text.ts'
import type { Listener } from './listener.ts'
import { PlainConnection } from './plain-connection.ts'
import type { Keeper, Terms } from './plain-connection.ts'

type Timeouts = Pick<ServerConfig['limits'], 'headerTimeoutMs' | 'keepAliveTimeoutMs'>

const LOOK_MS = 500
/** As Node has it: a client who believes what it was told must not be late. */
const GRACE_MS = 1000

export class ShortWay implements Keeper {
  readonly answer: Keeper['answer']
  readonly #connections = new Set<PlainConnection>()
  #terms: Terms
  #looks: NodeJS.Timeout | undefined
  #welcome: (socket: Socket) => void = ignore

  constructor(timeouts: Timeouts, answer: Keeper['answer']) {
    this.answer = answer
    this.#terms = termsOf(timeouts)
    this.#lookEvery(timeouts)
  }

  get terms(): Terms {
    return this.#terms
  }

  /** For those who come from now on. */
  retune(timeouts: Timeouts): void {
    this.#terms = termsOf(timeouts)
    this.#lookEvery(timeouts)
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

  #lookEvery({ headerTimeoutMs }: Timeouts): void {
    clearInterval(this.#looks)
    const every = Math.min(LOOK_MS, headerTimeoutMs / 2)
    this.#looks = setInterval(() => this.#look(), every).unref()
  }

  #look(): void {
    const at = monotonic()
    for (const connection of this.#connections) connection.look(at)
  }
}

function termsOf({ headerTimeoutMs, keepAliveTimeoutMs }: Timeouts): Terms {
  return {
    keepAlive: keepAliveText(keepAliveTimeoutMs),
    untilFirstMs: headerTimeoutMs,
    betweenMs: keepAliveTimeoutMs + GRACE_MS,
  }
}

function ignore(): void {
  // Nobody is welcome before somebody listens.
}
