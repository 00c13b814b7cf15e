// The keys that the configuration holds or names.

import { createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import type { JwtConfig, NamedKey } from '../config/jwt.ts'
import { isSymmetric, pinnedAlgorithms, readPublicKey, readSecretKey } from '../config/jwt-keys.ts'
import type { TokenHead, VerificationKey } from './signature.ts'

/** Throws for a file that has become unreadable since the configuration was checked. */
export function openStaticKeys(jwt: JwtConfig): readonly VerificationKey[] {
  const { algorithms, secret, publicKeys, keys } = jwt
  const unnamed = publicKeys.map(({ path }) => usable(readPublicKey(path)))
  if (secret !== undefined) unnamed.push(createSecretKey(Buffer.from(secret.reveal())))
  const named = keys.map((key) => {
    return { id: key.id, key: keyOf(key), algorithms: [key.algorithm] }
  })
  return [
    ...named,
    ...unnamed.map((key) => ({
      id: undefined,
      key,
      algorithms: pinnedAlgorithms(key, algorithms),
    })),
  ]
}

function keyOf({ algorithm, path, secret }: NamedKey): KeyObject {
  if (path === undefined) return createSecretKey(Buffer.from(secret?.reveal() ?? ''))
  return usable(isSymmetric(algorithm) ? readSecretKey(path, algorithm) : readPublicKey(path))
}

function usable(key: KeyObject | string): KeyObject {
  if (typeof key === 'string') throw new Error(key)
  return key
}

/** Those that may have signed it. A token without a `kid` may be any key's. */
export function keysFor(
  { algorithm, keyId }: TokenHead,
  keys: readonly VerificationKey[],
): readonly VerificationKey[] {
  return keys.filter(
    ({ id, algorithms }) =>
      algorithms.includes(algorithm) && (id === undefined || keyId === undefined || id === keyId),
  )
}
