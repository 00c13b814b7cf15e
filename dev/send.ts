// Puts a reply on the wire at the reader's pace, and breaks it off where a fault says so.

import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setImmediate, setTimeout as delay } from 'node:timers/promises'

import { isMidBody } from './faults.ts'
import type { FaultRule } from './faults.ts'
import type { Reply } from './reply.ts'

export interface Sending {
  readonly response: ServerResponse
  /** The TCP connection itself, below any TLS. */
  readonly socket: Socket
  readonly isHead: boolean
  readonly fault: FaultRule | undefined
  /** Aborted when the connection is gone: everything that waits, waits on it. */
  readonly gone: AbortSignal
  onBytes(count: number): void
}

export async function send(reply: Reply, sending: Sending): Promise<void> {
  const { response } = sending
  response.writeHead(reply.status, headersOf(reply, sending.fault))
  if (sending.isHead || reply.body.kind === 'none') {
    response.end()
  } else if (reply.body.kind === 'text') {
    response.end(reply.body.text)
    sending.onBytes(Buffer.byteLength(reply.body.text))
  } else {
    await sendBytes(reply.body, sending)
  }
}

type BytesBody = Extract<Reply['body'], { kind: 'bytes' }>

async function sendBytes(body: BytesBody, sending: Sending): Promise<void> {
  const { response, fault } = sending
  const breaksAt = breakPoint(body, fault)
  const end = body.start + (breaksAt ?? body.end - body.start)
  if (breaksAt === 0) response.flushHeaders()
  for await (const piece of body.source.read(body.start, end)) {
    if (fault?.bytesPerSecond !== undefined) await trickle(piece, fault.bytesPerSecond, sending)
    else await write(piece, sending)
  }
  if (breaksAt === undefined || fault === undefined) response.end()
  else await breakOff(fault, sending)
}

/** After how many bytes of this body the fault breaks it, or undefined when it lies beyond. */
function breakPoint(body: BytesBody, fault: FaultRule | undefined): number | undefined {
  if (fault === undefined || !isMidBody(fault)) return undefined
  const length = body.end - body.start
  const at = fault.afterBytes ?? Math.floor(length / 2)
  return at < length ? at : undefined
}

async function breakOff(fault: FaultRule, { response, socket, gone }: Sending): Promise<void> {
  if (fault.kind === 'short-chunked') response.end()
  if (fault.kind === 'short') response.socket?.end()
  // What was written before still arrives, then there is nobody left to talk to.
  if (fault.kind === 'cut') response.socket?.destroySoon()
  if (fault.kind === 'reset') {
    // A reset discards what the reader had no room for yet, so it is given a moment to take it.
    await delay(20, undefined, { ref: false, signal: gone })
    await setImmediate()
    socket.resetAndDestroy()
  }
}

async function write(piece: Buffer, { response, gone, onBytes }: Sending): Promise<void> {
  gone.throwIfAborted()
  onBytes(piece.length)
  if (!response.write(piece)) await once(response, 'drain', { signal: gone })
}

const ticksPerSecond = 50

async function trickle(piece: Buffer, bytesPerSecond: number, sending: Sending): Promise<void> {
  const step = Math.max(1, Math.floor(bytesPerSecond / ticksPerSecond))
  for (let at = 0; at < piece.length; at += step) {
    const part = piece.subarray(at, at + step)
    await write(part, sending)
    const waitMs = (part.length / bytesPerSecond) * 1000
    await delay(waitMs, undefined, { ref: false, signal: sending.gone })
  }
}

function headersOf(reply: Reply, fault: FaultRule | undefined): Record<string, string> {
  const headers: Record<string, string> = { ...reply.headers }
  if (fault?.kind === 'short-chunked') delete headers['Content-Length']
  for (const [name, value] of Object.entries(fault?.headers ?? {})) {
    const held = Object.keys(headers).find((key) => key.toLowerCase() === name.toLowerCase())
    if (held !== undefined) delete headers[held]
    if (value !== undefined) headers[name] = value
  }
  return headers
}
