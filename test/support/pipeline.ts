// A client of HTTP/1 that asks several things at once on one connection, reads as slowly as it is told
// to, and says of every answer how far it came.

import net from 'node:net'
import tls from 'node:tls'

export interface Asked {
  readonly method: 'GET' | 'HEAD'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Came {
  readonly asked: Asked
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
  readonly isWhole: boolean
}

export interface PipelineOptions {
  readonly port: number
  readonly isTls: boolean
  /** Called with every piece; it waits so long, in ms, before it reads on; negative: it leaves. */
  readonly pace: (bytes: number) => number
}

const HEAD_END = '\r\n\r\n'

const PATIENCE_MS = 15_000

/** Those that were answered, in their order; the last of them perhaps in part. Rejects when nothing comes. */
export function askAtOnce(all: readonly Asked[], options: PipelineOptions): Promise<Came[]> {
  const { port, isTls, pace } = options
  return new Promise((resolve, reject) => {
    const socket = isTls
      ? tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
      : net.connect(port, '127.0.0.1')
    const reader = new PipelineReader(all)
    let timer: NodeJS.Timeout | undefined
    socket.on('data', (piece: Buffer) => {
      reader.take(piece)
      if (reader.isDone) {
        socket.destroy()
        return
      }
      const waitMs = pace(piece.length)
      if (waitMs < 0) socket.destroy()
      else if (waitMs > 0) {
        socket.pause()
        timer = setTimeout(() => socket.resume(), waitMs)
      }
    })
    socket.setTimeout(PATIENCE_MS, () => {
      reject(new Error(`silence in the middle of ${JSON.stringify(all)}: ${reader.told}`))
      socket.destroy()
    })
    // A server may cut a connection in the middle of an answer that it cannot complete.
    socket.on('error', () => undefined)
    socket.on('end', () => socket.destroy())
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(reader.end())
    })
    socket.write(all.map(requestText).join(''))
  })
}

function requestText({ method, path, headers = {} }: Asked): string {
  const lines = Object.entries({ host: 'cdn.example', ...headers }).map(([k, v]) => `${k}: ${v}`)
  return [`${method} ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n')
}

class PipelineReader {
  readonly #all: readonly Asked[]
  readonly #came: Came[] = []
  #rest: Buffer[] = []
  #restBytes = 0
  #head: Pick<Came, 'asked' | 'status' | 'headers'> | undefined
  /** Of what lies in `#rest`, until there is something to be seen. */
  #wanted = 0

  constructor(all: readonly Asked[]) {
    this.#all = all
  }

  get isDone(): boolean {
    return this.#came.length === this.#all.length
  }

  /** How far it came. */
  get told(): string {
    const head = this.#head && [...this.#head.headers].join(' ')
    return `${this.#came.length} whole, ${this.#restBytes} of ${this.#wanted} bytes, ${head}`
  }

  take(piece: Buffer): void {
    this.#rest.push(piece)
    this.#restBytes += piece.length
    while (this.#restBytes >= this.#wanted && !this.isDone) if (!this.#step()) return
  }

  end(): Came[] {
    if (this.#head !== undefined) this.#note(this.#together(), false)
    return this.#came
  }

  #step(): boolean {
    const bytes = this.#together()
    if (this.#head === undefined) {
      const end = bytes.indexOf(HEAD_END)
      if (end < 0) return false
      this.#begin(bytes.toString('latin1', 0, end))
      this.#keep(bytes.subarray(end + HEAD_END.length))
      return true
    }
    this.#note(bytes.subarray(0, this.#wanted), true)
    this.#keep(bytes.subarray(this.#wanted))
    this.#wanted = 0
    return this.#restBytes > 0
  }

  #begin(text: string): void {
    const [status = '', ...fields] = text.split('\r\n')
    const asked = this.#all[this.#came.length]
    if (asked === undefined) throw new Error(`an answer to nothing: ${status}`)
    const headers = new Map(
      fields.map((field): [string, string] => {
        const colon = field.indexOf(':')
        return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()]
      }),
    )
    this.#head = { asked, status: Number(status.split(' ')[1]), headers }
    const isBare = asked.method === 'HEAD' || this.#head.status === 304
    this.#wanted = isBare ? 0 : Number(headers.get('content-length') ?? 0)
  }

  #note(body: Buffer, isWhole: boolean): void {
    if (this.#head === undefined) return
    this.#came.push({ ...this.#head, body, isWhole })
    this.#head = undefined
  }

  #together(): Buffer {
    if (this.#rest.length > 1) this.#rest = [Buffer.concat(this.#rest)]
    return this.#rest[0] ?? Buffer.alloc(0)
  }

  #keep(rest: Buffer): void {
    this.#rest = [rest]
    this.#restBytes = rest.length
  }
}
