// Connections that begin with the PROXY protocol's header: it is taken off before HTTP or TLS is
// spoken, and what it says of the client is kept for the requests that follow. Who may not speak it,
// does not, or not in time, is closed: an address that is not known is nobody's.

import type { Socket } from 'node:net'

import { AddressSet, parseAddress } from '../primitives/cidr.ts'
import { monotonic } from '../primitives/clock.ts'
import type { ProxyProtocolConfig } from '../config/server.ts'
import type { Emit } from '../exchange/event.ts'
import { handOn } from './hand-on.ts'
import type { Listener } from './listener.ts'
import { readProxyHeader } from './proxy-header.ts'

export interface GreetingOptions {
  readonly config: ProxyProtocolConfig
  readonly timeoutMs: number
  readonly emit: Emit
}

/** Who closes thousands of connections a second shall not write as many lines. */
const EVENT_MS = 1000

interface Connected {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
}

export class ProxyGreeting {
  #from: AddressSet
  #timeoutMs: number
  readonly #emit: Emit
  /** The client behind each connection, by its two ends: TLS and HTTP/2 have sockets of their own. */
  readonly #clients = new Map<string, { readonly address: string }>()
  #toldAt = Number.NEGATIVE_INFINITY
  #untold = 0

  constructor({ config, timeoutMs, emit }: GreetingOptions) {
    this.#from = new AddressSet(config.from)
    this.#timeoutMs = timeoutMs
    this.#emit = emit
  }

  /** For connections from now on. */
  retune({ from }: ProxyProtocolConfig, timeoutMs: number): void {
    this.#from = new AddressSet(from)
    this.#timeoutMs = timeoutMs
  }

  /** Stands before what the listener does with a new connection. */
  guard(listener: Listener): void {
    const welcomes = listener.listeners('connection')
    listener.removeAllListeners('connection')
    listener.on('connection', (socket: Socket) => {
      this.#greet(socket, () => {
        for (const welcome of welcomes) welcome.call(listener, socket)
      })
    })
  }

  /** Whom a connection is for; '' once it is gone. */
  clientOf(socket: Connected): string {
    return this.#clients.get(nameOf(socket))?.address ?? ''
  }

  #greet(socket: Socket, welcome: () => void): void {
    const peer = parseAddress(socket.remoteAddress ?? '') ?? ''
    if (!this.#from.has(peer)) {
      this.#refuse(socket, peer, 'it is not among those who may speak the PROXY protocol')
      return
    }
    let come: Buffer = Buffer.alloc(0)
    const finish = (): void => {
      clearTimeout(timer)
      socket.off('data', take)
      socket.off('error', finish)
      socket.off('close', finish)
    }
    const refuse = (reason: string): void => {
      finish()
      this.#refuse(socket, peer, reason)
    }
    const take = (chunk: Buffer): void => {
      come = come.byteLength === 0 ? chunk : Buffer.concat([come, chunk])
      const header = readProxyHeader(come)
      if (header.kind === 'partial') return
      if (header.kind === 'malformed') {
        refuse(header.reason)
        return
      }
      finish()
      this.#remember(socket, header.address ?? peer)
      handOn(socket, come.subarray(header.bytes), welcome)
    }
    const timer = setTimeout(() => refuse('its header did not come in time'), this.#timeoutMs)
    socket.on('data', take)
    socket.on('error', finish)
    socket.on('close', finish)
  }

  #remember(socket: Socket, address: string): void {
    const name = nameOf(socket)
    const client = { address }
    this.#clients.set(name, client)
    socket.once('close', () => {
      // The same two ends may have met again before this was heard of.
      if (this.#clients.get(name) === client) this.#clients.delete(name)
    })
  }

  #refuse(socket: Socket, peer: string, reason: string): void {
    // Nobody hears what becomes of it any more.
    socket.on('error', () => undefined)
    socket.destroy()
    this.#untold += 1
    if (monotonic() - this.#toldAt < EVENT_MS) return
    this.#emit({ kind: 'proxy-protocol', peer, reason, closed: this.#untold })
    this.#toldAt = monotonic()
    this.#untold = 0
  }
}

function nameOf({ remoteAddress, remotePort }: Connected): string {
  return `${remoteAddress} ${remotePort}`
}
