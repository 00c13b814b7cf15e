// A small HTTP/2 client for tests: it tells how a stream ended, not only what it carried.

import { connect } from 'node:http2'
import type { ClientHttp2Session, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'

export interface StreamAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly text: string
  /** Of RST_STREAM; 0 where the stream ended in good order. */
  readonly resetCode: number
}

export interface StreamOptions {
  /** Sent as the body, of any method. */
  readonly body?: Uint8Array
  /** Awaited before more is read. */
  readonly onChunk?: (chunk: Buffer, bytesBefore: number) => void | Promise<void>
}

export function openSession(port: number): ClientHttp2Session {
  const session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
  // Each stream tells of its own end.
  session.on('error', () => {})
  return session
}

export function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  { body, onChunk }: StreamOptions = {},
): Promise<StreamAnswer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: body === undefined })
    const chunks: Buffer[] = []
    let received: IncomingHttpHeaders = {}
    let bytes = 0
    stream.on('response', (head) => (received = head))
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      const pause = onChunk?.(chunk, bytes)
      bytes += chunk.length
      if (pause === undefined) return
      stream.pause()
      void pause.then(() => stream.resume(), reject)
    })
    let failure: Error | undefined
    stream.on('error', (error: Error) => (failure = error))
    stream.on('close', () => {
      const all = Buffer.concat(chunks)
      const status = Number(received[':status'] ?? 0)
      const resetCode = stream.rstCode ?? 0
      if (status === 0 && failure !== undefined) reject(failure)
      else resolve({ status, headers: received, body: all, text: all.toString(), resetCode })
    })
    if (body !== undefined) stream.end(body)
  })
}
