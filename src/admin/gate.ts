// Who may give orders: whoever shows the operator's token, as a bearer token (RFC 6750).

import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

import { Refusal } from '../exchange/refusal.ts'
import type { Secret } from '../primitives/secret.ts'

/** Throws the refusal of whoever may not. */
export type Gate = (headers: IncomingHttpHeaders) => void

const BEARER = /^bearer +([!-~]+) *$/i

export function createGate(token: Secret): Gate {
  const expected = digest(token.reveal())
  return ({ authorization }) => {
    const given = BEARER.exec(authorization ?? '')?.[1]
    if (given === undefined) throw no('token_missing', 'Bearer')
    // Digests are of one length, and how far two of them agree says nothing of what they are of.
    if (!timingSafeEqual(digest(given), expected)) {
      throw no('token_invalid', 'Bearer error="invalid_token"')
    }
  }
}

function no(code: 'token_missing' | 'token_invalid', challenge: string): Refusal {
  return new Refusal(code, { headers: ['WWW-Authenticate', challenge] })
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
