// Keys that tokens are verified with: what their files hold, and which algorithms each is good for. An
// algorithm belongs to a key, never to a token: a public key is no secret for HMAC.

import { createPublicKey, createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { isPlaceholder } from './placeholder.ts'

export const ALGORITHMS = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const
export type Algorithm = (typeof ALGORITHMS)[number]

/** RFC 7518 §3.2: as many bytes as the hash gives. */
export const LEAST_SECRET_BYTES: Readonly<Partial<Record<Algorithm, number>>> = {
  HS256: 32,
  HS384: 48,
  HS512: 64,
}
const LEAST_RSA_BITS = 2048
const MOST_FILE_BYTES = 64 * 1024
const RSA = ALGORITHMS.filter((name) => /^[RP]S/.test(name))
const HMAC = ALGORITHMS.filter(isSymmetric)
const BY_CURVE: Readonly<Record<string, readonly Algorithm[]>> = {
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
}

export function isSymmetric(algorithm: Algorithm): boolean {
  return algorithm.startsWith('HS')
}

export function parseAlgorithm(name: unknown): Algorithm | undefined {
  return ALGORITHMS.find((algorithm) => algorithm === name)
}

/** The algorithms a key can serve, the usual one first; none for a key that is of no use. */
export function algorithmsOf(key: KeyObject): readonly Algorithm[] {
  if (key.type === 'secret') return HMAC
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  const kind = key.asymmetricKeyType
  if (kind === 'rsa') return modulusLength >= LEAST_RSA_BITS ? RSA : []
  if (kind === 'ec') return BY_CURVE[namedCurve ?? ''] ?? []
  return kind === 'ed25519' ? ['EdDSA'] : []
}

/** Those of a key that are asked for; where nothing is asked for, the usual one. */
export function pinnedAlgorithms(
  key: KeyObject,
  wanted: readonly Algorithm[] | undefined,
): readonly Algorithm[] {
  const able = algorithmsOf(key)
  return wanted === undefined ? able.slice(0, 1) : able.filter((name) => wanted.includes(name))
}

/** A public key in PEM (a certificate's too) or as a JWK; or what is wrong with the file. */
export function readPublicKey(path: string): KeyObject | string {
  const text = readText(path)
  if (typeof text !== 'string') return text.fault
  if (/-----BEGIN (?:\w+ )*PRIVATE KEY-----/.test(text)) {
    return `${path} is a private key; Sluice only needs the public one`
  }
  try {
    const key = text.startsWith('{') ? keyOfJwk(JSON.parse(text)) : createPublicKey(text)
    if (key === undefined) return `${path} is no public key`
    if (algorithmsOf(key).length > 0) return key
    return `${path} holds a key that no algorithm here is for; wanted RSA from 2048 bits, P-256, P-384, P-521 or Ed25519`
  } catch {
    return `${path} is no public key, in PEM or as a JWK`
  }
}

/** A secret in a file, without the line end that editors add; or what is wrong with it. */
export function readSecretKey(path: string, algorithm: Algorithm): KeyObject | string {
  const text = readText(path)
  if (typeof text !== 'string') return text.fault
  if (text.startsWith('-----BEGIN')) return `${path} is a key in PEM, which is no secret`
  const fault = faultOfSecret(text, [algorithm])
  return fault === undefined ? createSecretKey(Buffer.from(text)) : `${path} ${fault}`
}

/** What keeps a text from being the secret of these algorithms. */
export function faultOfSecret(text: string, algorithms: readonly Algorithm[]): string | undefined {
  if (isPlaceholder(text)) return 'is a placeholder that everybody knows'
  const least = Math.max(...algorithms.map((name) => LEAST_SECRET_BYTES[name] ?? 0))
  const bytes = Buffer.byteLength(text)
  if (bytes >= least) return undefined
  const name = algorithms.find((algorithm) => LEAST_SECRET_BYTES[algorithm] === least)
  return `has ${bytes} bytes; ${name} needs at least ${least}`
}

/** Undefined for what is no public key; a private one is none. */
export function keyOfJwk(jwk: unknown): KeyObject | undefined {
  if (typeof jwk !== 'object' || jwk === null || 'd' in jwk || !('kty' in jwk)) return undefined
  const { kty } = jwk
  if (typeof kty !== 'string' || kty === 'oct') return undefined
  try {
    // Node looks at every member itself.
    return createPublicKey({ key: { ...jwk, kty }, format: 'jwk' })
  } catch {
    return undefined
  }
}

function readText(path: string): string | { readonly fault: string } {
  try {
    const bytes = readFileSync(path)
    if (bytes.length > MOST_FILE_BYTES) return { fault: `${path} is too large to be a key` }
    return bytes.toString().trim()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason'
    return { fault: `${path} cannot be read (${code})` }
  }
}
