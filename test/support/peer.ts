// A client at the level of its socket: it sends any bytes, reads only when told to, and knows
// whether the server has closed.

import net from 'node:net'
import tls from 'node:tls'

const PATIENCE_MS = 20_000

export interface PeerOptions {
  /** TLS of the given kind; any certificate is taken. */
  readonly tls?: tls.ConnectionOptions
  /** Keeps its own side open when the server closes. */
  readonly allowHalfOpen?: boolean
}

export class Peer {
  readonly socket: net.Socket
  /** Settles when the server has closed, or reset, the connection. */
  readonly closed: Promise<void>
  #text = ''
  #isClosed = false

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.setEncoding('latin1').on('data', (part: string) => (this.#text += part))
    // A reset is one of the ways a server closes.
    socket.on('error', () => {})
    this.closed = new Promise((resolve) => {
      const close = (): void => {
        this.#isClosed = true
        resolve()
      }
      socket.on('end', close)
      socket.on('close', close)
    })
  }

  /** All that came, one character a byte. */
  get text(): string {
    return this.#text
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  send(bytes: string): void {
    this.socket.write(Buffer.from(bytes, 'latin1'))
  }

  /** Waits until what came satisfies `wanted`. */
  async until(wanted: RegExp | ((text: string) => boolean)): Promise<string> {
    const isThere = typeof wanted === 'function' ? wanted : (text: string) => wanted.test(text)
    await eventually(() => {
      if (isThere(this.#text)) return true
      if (this.#isClosed)
        throw new Error(`closed before ${String(wanted)}: ${this.#text.slice(0, 2000)}`)
      return false
    }, String(wanted))
    return this.#text
  }

  destroy(): void {
    this.socket.destroy()
  }
}

export async function connect(port: number, options: PeerOptions = {}): Promise<Peer> {
  const at = { port, host: '127.0.0.1', allowHalfOpen: options.allowHalfOpen ?? false }
  const isTls = options.tls !== undefined
  const socket = isTls
    ? tls.connect({ ...at, rejectUnauthorized: false, ...options.tls })
    : net.connect(at)
  await new Promise<void>((resolve, reject) => {
    socket.once(isTls ? 'secureConnect' : 'connect', resolve)
    socket.once('error', reject)
  })
  return new Peer(socket)
}

/** Looks again and again until it is so. */
export async function eventually(isSo: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`not in ${PATIENCE_MS} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Fails where `promise` has not settled in time. */
export async function soon<T>(
  promise: Promise<T>,
  what: string,
  patienceMs: number = PATIENCE_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not in ${patienceMs} ms: ${what}`)), patienceMs)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
