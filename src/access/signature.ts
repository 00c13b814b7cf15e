// The signature of a token: the one place that knows the library. Only the algorithms of a key are ever
// tried with it, whatever the token says of itself.

import type { KeyObject } from 'node:crypto'

import { CompactSign, compactVerify } from 'jose'

import { parseAlgorithm } from '../config/jwt-keys.ts'
import type { Algorithm } from '../config/jwt-keys.ts'

export interface VerificationKey {
  /** Undefined: it serves tokens of any `kid`. */
  readonly id: string | undefined
  readonly algorithms: readonly Algorithm[]
  readonly key: KeyObject
}

export interface TokenHead {
  readonly algorithm: Algorithm
  readonly keyId: string | undefined
}

const MOST_CHARACTERS = 16_384
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** Undefined for what is no signed token in the compact form, or asks for what is not done here. */
export function parseHead(token: string): TokenHead | undefined {
  if (token.length > MOST_CHARACTERS || !COMPACT.test(token)) return undefined
  if (!isCanonical(token.slice(token.lastIndexOf('.') + 1))) return undefined
  const head = parseObject(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url'))
  // RFC 7515 §4.1.11: what is critical is to be understood, and nothing of it is.
  if (head === undefined || 'crit' in head || 'b64' in head) return undefined
  const algorithm = parseAlgorithm(head['alg'])
  const keyId = head['kid']
  if (algorithm === undefined) return undefined
  if (keyId !== undefined && typeof keyId !== 'string') return undefined
  // Where a token says its key is to be had (jku, jwk, x5u, x5c) nobody looks.
  return { algorithm, keyId }
}

/** What the token says, where this key has signed it. */
export async function verify(
  token: string,
  { key, algorithms }: VerificationKey,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const { payload } = await compactVerify(token, key, { algorithms: [...algorithms] })
    return parseObject(payload)
  } catch {
    // Whatever the reason, it is not verified; the library's words may quote the token.
    return undefined
  }
}

/** RFC 4648 §3.5: some bits of the last character stand for nothing, and would make it another token. */
function isCanonical(base64: string): boolean {
  return Buffer.from(base64, 'base64url').toString('base64url') === base64
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    // Not a spread: a claim may be called `__proto__`.
    return Object.assign<Record<string, unknown>, object>(Object.create(null), value)
  } catch {
    return undefined
  }
}

/** A token for trying things out. */
export function mintToken(
  claims: object,
  { algorithm, key }: { algorithm: Algorithm; key: KeyObject },
): Promise<string> {
  return new CompactSign(Buffer.from(JSON.stringify(claims)))
    .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
    .sign(key)
}
