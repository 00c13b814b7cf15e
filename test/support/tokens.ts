// Tokens as an issuer, or somebody who would like to be one, makes them. Written out by hand, so that
// they may be as wrong as a test wants, and share nothing with what verifies them.

import { createHmac, generateKeyPairSync, sign as signWith } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

export const SECRET = 'kX3v9Qw7Lr2Zt8Yp5Nc1Hb6Mf4Gd0Js7'

export interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export function keyPair(kind: 'rsa' | 'P-256' | 'P-384' | 'ed25519', bits = 2048): KeyPair {
  if (kind === 'rsa') return generateKeyPairSync('rsa', { modulusLength: bits })
  if (kind === 'ed25519') return generateKeyPairSync('ed25519')
  return generateKeyPairSync('ec', { namedCurve: kind })
}

export function pem({ publicKey }: KeyPair): string {
  return publicKey.export({ type: 'spki', format: 'pem' })
}

export function encode(part: unknown): string {
  const bytes = typeof part === 'string' ? part : JSON.stringify(part)
  return Buffer.from(bytes).toString('base64url')
}

type Sign = (input: string) => Buffer

export function hmac(secret: string | Buffer = SECRET, bits = 256): Sign {
  return (input) => createHmac(`sha${bits}`, secret).update(input).digest()
}

/** By the algorithm's name, and with whatever key. */
export function signer(algorithm: string, { privateKey }: KeyPair): Sign {
  const hash = algorithm === 'EdDSA' ? null : `sha${algorithm.slice(2)}`
  const padding = algorithm.startsWith('PS') ? { padding: 6, saltLength: -1 } : {}
  return (input) =>
    signWith(hash, Buffer.from(input), {
      key: privateKey,
      dsaEncoding: 'ieee-p1363',
      ...padding,
    })
}

export interface TokenParts {
  readonly head?: unknown
  readonly claims?: unknown
  readonly sign?: Sign
}

export function token({
  head = { alg: 'HS256' },
  claims = { sub: 'ann' },
  sign = hmac(),
}: TokenParts = {}): string {
  const input = `${encode(head)}.${encode(claims)}`
  return `${input}.${sign(input).toString('base64url')}`
}

/** Seconds from now. */
export function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds
}

export function bearer(text: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${text}` }
}
