// Secrets that are long enough, and yet within reach of whoever tries.

import type { Secret } from '../primitives/secret.ts'
import type { AdminConfig } from './admin.ts'
import type { BucketConfig } from './buckets.ts'
import type { JwtConfig } from './jwt.ts'
import { isGuessable } from './placeholder.ts'
import type { Problem } from './problem.ts'

type Placed = readonly [path: string, secret: Secret | undefined]

interface Keepers {
  readonly admin: AdminConfig
  readonly buckets: readonly BucketConfig[]
  readonly jwt: JwtConfig | undefined
}

export function secretWarnings({ admin, buckets, jwt }: Keepers): Problem[] {
  const placed: readonly Placed[] = [
    ['admin.token', admin.token],
    ...Object.entries(admin.roles).map(([role, { token }]): Placed => {
      return [`admin.roles.${role}.token`, token]
    }),
    ...ofJwt(jwt, 'jwt'),
    ...buckets.flatMap(({ auth, signedUrls }, index) => [
      ...ofJwt(auth.jwt, `buckets[${index}].auth.jwt`),
      ...(signedUrls?.keys ?? []).map(({ secret }, at): Placed => {
        return [`buckets[${index}].signed_urls.keys[${at}].secret`, secret]
      }),
    ]),
  ]
  const weak = placed.filter(([, secret]) => secret !== undefined && isGuessable(secret.reveal()))
  const message = 'is easily guessed: common words, sequences or hardly a different character'
  return weak.map(([path]) => ({ path, message, hint: 'openssl rand -base64 48 makes one' }))
}

function ofJwt(jwt: JwtConfig | undefined, path: string): Placed[] {
  if (jwt === undefined) return []
  const named = jwt.keys.map(({ secret }, at): Placed => [`${path}.keys[${at}].secret`, secret])
  return [[`${path}.secret`, jwt.secret], ...named]
}
