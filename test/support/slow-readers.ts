// Many clients that read little, now and then, and keep what they began open: a program of its own,
// so that what it takes is not the memory of the test. It opens all, reads in rounds, and lets a few
// read on to the end of what is compared; it says so line by line on its output.
//
// Arguments: port, how many, rounds, bytes a round, how many are compared, bytes that are compared.

import { createHash } from 'node:crypto'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** Where what comes lands, whoever it is for. */
const LANDING = Buffer.alloc(64 * 1024)
const OPENED_AT_ONCE = 50
const ROUND_MS = 3000
const HEAD_END = '\r\n\r\n'

class SlowReader {
  readonly #socket: net.Socket
  readonly #hash = createHash('sha256')
  readonly #hashedBytes: number
  #head: string | undefined = ''
  #read = 0
  #goal = 0
  #reached: () => void = () => undefined
  #failed: (error: Error) => void = () => undefined

  constructor(port: number, path: string, hashedBytes: number) {
    this.#hashedBytes = hashedBytes
    const onread = { buffer: LANDING, callback: (length: number) => this.#take(length) }
    this.#socket = net.connect({ port, host: '127.0.0.1', onread })
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
    this.#socket.on('error', (error) => this.#failed(error))
    this.#socket.on('close', () => this.#failed(new Error(`${path} closed at ${this.#read}`)))
  }

  /** Reads on until so many bytes of the body have come, and no further than what is at hand. */
  readTo(bytes: number): Promise<void> {
    if (this.#read >= bytes) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#goal = bytes
      this.#reached = resolve
      this.#failed = reject
      this.#socket.resume()
    })
  }

  /** Of the bytes that are compared. */
  sha256(): string {
    return this.#hash.digest('hex')
  }

  #take(length: number): boolean {
    const body = this.#afterHead(LANDING.subarray(0, length))
    this.#hash.update(body.subarray(0, Math.max(0, this.#hashedBytes - this.#read)))
    this.#read += body.length
    if (this.#read < this.#goal || this.#head !== undefined) return true
    // By name too: the callback's word alone is forgotten by what resumed it.
    this.#socket.pause()
    this.#reached()
    return false
  }

  #afterHead(chunk: Buffer): Buffer {
    if (this.#head === undefined) return chunk
    const before = this.#head.length
    this.#head += chunk.toString('latin1')
    const end = this.#head.indexOf(HEAD_END)
    if (end < 0) return chunk.subarray(chunk.length)
    if (!this.#head.startsWith('HTTP/1.1 200 ')) throw new Error(this.#head.slice(0, end))
    this.#head = undefined
    return chunk.subarray(end + HEAD_END.length - before)
  }
}

const [port = 0, count = 0, rounds = 0, roundBytes = 0, compared = 0, comparedBytes = 0] =
  process.argv.slice(2).map(Number)
const readers: SlowReader[] = []
while (readers.length < count) {
  const some = Array.from({ length: Math.min(OPENED_AT_ONCE, count - readers.length) }, (_, at) => {
    const index = readers.length + at
    return new SlowReader(port, `/files/object-${index}`, index < compared ? comparedBytes : 0)
  })
  await Promise.all(some.map((reader) => reader.readTo(1)))
  readers.push(...some)
}
console.log('open')
for (let round = 1; round <= rounds; round += 1) {
  const all = Promise.all(readers.map((reader) => reader.readTo(round * roundBytes)))
  // A window that was closed for a while is opened late, by the kernel's own clocks.
  await Promise.race([all, delay(ROUND_MS)])
  console.log(`round ${round}`)
}
const few = readers.slice(0, compared)
await Promise.all(few.map((reader) => reader.readTo(comparedBytes)))
for (const [index, reader] of few.entries()) console.log(`object-${index} ${reader.sha256()}`)
process.exit(0)
