// The body of an order: small, and JSON.

import type { IncomingMessage } from 'node:http'

import { Refusal } from '../exchange/refusal.ts'

const MAX_BYTES = 64 * 1024

/** An order without a body is one with an empty object. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      if (!Buffer.isBuffer(chunk)) continue
      length += chunk.length
      if (length > MAX_BYTES) break
      chunks.push(chunk)
    }
  } catch (error) {
    // Whoever sent half of an order and left gets no answer; the log gets this one.
    throw new Refusal('invalid_request', { message: 'The body is not whole.', cause: error })
  }
  if (length > MAX_BYTES) throw wrong('The body is longer than 64 KiB.')
  return length === 0 ? {} : parse(Buffer.concat(chunks))
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw wrong('The body is not JSON.')
  }
}

function wrong(message: string): Refusal {
  return new Refusal('invalid_request', { message })
}
