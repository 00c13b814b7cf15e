// An answer to an operator: JSON, and not to be kept.

import { bytesBody, noBody } from '../exchange/body.ts'
import type { Reply } from '../exchange/reply.ts'

export function jsonReply(status: number, value: object, method: string): Reply {
  const bytes = Buffer.from(`${JSON.stringify(value)}\n`)
  const headers = ['Content-Type', 'application/json', 'Cache-Control', 'no-store']
  const body = method === 'HEAD' ? noBody : bytesBody(bytes)
  return { status, headers, body, statedLength: bytes.byteLength }
}
