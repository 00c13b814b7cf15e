// The audit log by syslog: over UDP a datagram a record (RFC 5426), over TCP and TLS by a count of octets
// in front of each (RFC 6587 §3.4.1, RFC 5425). A connection that breaks is made anew, and what it had not
// taken is sent again: a receiver may see a record twice, and tells by its number.

import { readFileSync } from 'node:fs'
import { createSocket } from 'node:dgram'
import type { Socket as DatagramSocket } from 'node:dgram'
import { isIP, isIPv6, connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { lookup } from 'node:dns/promises'

import type { AuditSyslogConfig } from '../config/audit-log.ts'
import type { ChainedRecord, ChainHead } from './audit-chain.ts'
import { whenAborted } from './audit-sink.ts'
import type { Delivery } from './audit-sink.ts'
import { createWriteMessage } from './syslog-message.ts'
import type { SyslogSender, WriteMessage } from './syslog-message.ts'

const CONNECT_MS = 5000
const ACCEPT_MS = 500
/** How long a receiver may take nothing. */
const STALL_MS = 30_000

export function openSyslog(config: AuditSyslogConfig, sender: SyslogSender): Delivery {
  const write = createWriteMessage(config, sender)
  return config.protocol === 'udp' ? new Datagrams(config, write) : new Stream(config, write)
}

class Datagrams implements Delivery {
  readonly batchBytes = 32 * 1024
  readonly #config: AuditSyslogConfig
  readonly #write: WriteMessage
  #socket: DatagramSocket | undefined
  /** Heard between two sends: that nobody listens. */
  #heard: Error | undefined

  constructor(config: AuditSyslogConfig, write: WriteMessage) {
    this.#config = config
    this.#write = write
  }

  async open(): Promise<ChainHead | undefined> {
    return undefined
  }

  async deliver(records: readonly ChainedRecord[]): Promise<number> {
    const heard = this.#heard
    this.#heard = undefined
    if (heard !== undefined) throw heard
    const socket = (this.#socket ??= await this.#connect())
    let sent = 0
    try {
      for (const record of records) {
        await send(socket, this.#write(record))
        sent += 1
      }
    } catch (error) {
      await this.close()
      if (sent === 0) throw error
    }
    return sent
  }

  async close(): Promise<void> {
    const socket = this.#socket
    this.#socket = undefined
    if (socket !== undefined) await new Promise<void>((resolve) => socket.close(resolve))
  }

  /** A connected socket hears that nobody listens, as far as the network tells. */
  async #connect(): Promise<DatagramSocket> {
    const { host, port } = this.#config.address
    const address = isIP(host) === 0 ? (await lookup(host)).address : host
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
    socket.on('error', (error) => {
      if (this.#socket !== socket) return
      this.#heard = error
      void this.close()
    })
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.connect(port, address, () => {
        socket.off('error', reject)
        resolve()
      })
    })
    return socket.unref()
  }
}

function send(socket: DatagramSocket, message: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(message, (error) => (error === null ? resolve() : reject(error)))
  })
}

class Stream implements Delivery {
  readonly batchBytes = 64 * 1024
  readonly #config: AuditSyslogConfig
  readonly #write: WriteMessage
  #socket: Socket | undefined

  constructor(config: AuditSyslogConfig, write: WriteMessage) {
    this.#config = config
    this.#write = write
  }

  async open(): Promise<ChainHead | undefined> {
    return undefined
  }

  async deliver(records: readonly ChainedRecord[]): Promise<number> {
    const socket = (this.#socket ??= await this.#connect())
    const frames = records.flatMap((record) => {
      const message = this.#write(record)
      return [Buffer.from(`${message.byteLength} `), message]
    })
    await this.#put(socket, Buffer.concat(frames))
    return records.length
  }

  async close(deadline: AbortSignal): Promise<void> {
    const socket = this.#socket
    if (socket === undefined) return
    this.#socket = undefined
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve())
      whenAborted(deadline, () => socket.destroy())
      // Receivers do not always end their side.
      socket.end(() => socket.destroy())
    })
  }

  async #connect(): Promise<Socket> {
    const socket = this.#begin()
    const isTls = this.#config.protocol === 'tls'
    await settled(socket, CONNECT_MS, (done) => {
      if (isTls) whenAccepted(socket, done)
      else socket.once('connect', () => done())
    })
    const forget = (): void => {
      if (this.#socket === socket) this.#socket = undefined
      socket.destroy()
    }
    socket.on('error', forget)
    // A receiver says nothing: what it ends, it does not read any more.
    socket.on('end', forget)
    socket.on('close', forget)
    socket.resume()
    socket.setKeepAlive(true, STALL_MS)
    return socket
  }

  #begin(): Socket {
    const { address, tls } = this.#config
    if (tls === undefined) return connectTcp(address)
    const { caPath, certPath, keyPath, serverName } = tls
    const name = serverName ?? (isIP(address.host) === 0 ? address.host : undefined)
    // Read anew for each connection: certificates are renewed.
    return connectTls({
      ...address,
      ...(name === undefined ? {} : { servername: name }),
      ...(caPath === undefined ? {} : { ca: readFileSync(caPath) }),
      ...(certPath === undefined ? {} : { cert: readFileSync(certPath) }),
      ...(keyPath === undefined ? {} : { key: readFileSync(keyPath) }),
    })
  }

  async #put(socket: Socket, bytes: Buffer): Promise<void> {
    try {
      await settled(socket, STALL_MS, (done) => socket.write(bytes, done))
    } catch (error) {
      socket.destroy()
      throw error
    }
  }
}

/**
 * In TLS 1.3 a client has done its part before the server has looked at its certificate: what it then
 * sends may be for nobody. A session is what the server gives to whom it has accepted, if it gives any.
 */
function whenAccepted(socket: Socket, accepted: () => void): void {
  socket.once('secureConnect', () => {
    const timer = setTimeout(accepted, ACCEPT_MS)
    socket.once('close', () => clearTimeout(timer))
    socket.once('session', () => {
      clearTimeout(timer)
      accepted()
    })
  })
}

/** Resolves when `begin`'s callback is called; rejects with the socket, or when the time is over. */
function settled(
  socket: Socket,
  patienceMs: number,
  begin: (done: (error?: Error | null) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const conclude = (error?: Error | null): void => {
      clearTimeout(timer)
      socket.off('error', conclude)
      socket.off('close', closed)
      if (error === undefined || error === null) resolve()
      else reject(error)
    }
    const closed = (): void => conclude(new Error('the receiver closed the connection'))
    const timer = setTimeout(() => {
      conclude(new Error(`the receiver took nothing for ${patienceMs / 1000} s`))
      socket.destroy()
    }, patienceMs)
    socket.once('error', conclude)
    socket.once('close', closed)
    begin(conclude)
  })
}
