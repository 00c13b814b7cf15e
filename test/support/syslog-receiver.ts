// A receiver of syslog that a test dictates: over TLS or not, one that reads or one that never does.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { TlsOptions } from 'node:tls'

import type { Certificate } from './certificates.ts'

export interface SyslogReceiver extends AsyncDisposable {
  readonly port: number
  /** Connections that there were. */
  readonly connections: number
  /** Whole messages, in the order in which they came; and what is left of each connection. */
  messages(): string[]
  rest(): string
}

export interface SyslogReceiverOptions {
  readonly certificate?: Certificate
  /** Whose clients are let in alone. */
  readonly clients?: Certificate
  readonly isDeaf?: boolean
}

export async function openReceiver(options: SyslogReceiverOptions = {}): Promise<SyslogReceiver> {
  const sockets: Socket[] = []
  const texts: Buffer[] = []
  const welcome = (socket: Socket): void => {
    const index = sockets.push(socket) - 1
    socket.on('error', () => {})
    if (options.isDeaf === true) socket.pause()
    else {
      texts[index] = Buffer.alloc(0)
      socket.on('data', (part: Buffer) => {
        texts[index] = Buffer.concat([texts[index] ?? Buffer.alloc(0), part])
      })
    }
  }
  const server = createServerFor(options, welcome)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const read = (): ReturnType<typeof framesIn>[] => texts.map(framesIn)
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return sockets.length
    },
    messages: () => read().flatMap(({ messages }) => messages),
    rest: () =>
      read()
        .map(({ rest }) => rest)
        .join(''),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function createServerFor(
  { certificate, clients }: SyslogReceiverOptions,
  welcome: (socket: Socket) => void,
): Server {
  if (certificate === undefined) return createServer(welcome)
  const options: TlsOptions = {
    cert: readFileSync(certificate.certPath),
    key: readFileSync(certificate.keyPath),
    ...(clients && { ca: readFileSync(clients.certPath), requestCert: true }),
  }
  return createTlsServer(options, welcome)
}

/** RFC 6587 §3.4.1. */
function framesIn(bytes: Buffer): { messages: string[]; rest: string } {
  const messages: string[] = []
  let from = 0
  for (;;) {
    const space = bytes.indexOf(0x20, from)
    const length = Number(bytes.toString('latin1', from, space))
    if (space < 0 || space + 1 + length > bytes.byteLength) break
    messages.push(bytes.toString('utf8', space + 1, space + 1 + length))
    from = space + 1 + length
  }
  return { messages, rest: bytes.toString('utf8', from) }
}
