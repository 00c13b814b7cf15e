// Links that are as good as a token: the keys that sign them, and which of them are good no longer.

import { Secret } from '../primitives/secret.ts'
import { field, flag, text, textOf } from './fields.ts'
import { isPlaceholder } from './placeholder.ts'
import { section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { isMapping } from './tree.ts'
import { z } from './zod.ts'

export interface SignedUrlsConfig {
  readonly enabled: boolean
  /** Any of them verifies what names it; the first signs. */
  readonly keys: readonly SigningKeyConfig[]
  /** Signatures may be for one network alone. */
  readonly allowNetworks: boolean
  /** Ids of signatures that are good no longer. */
  readonly revoked: readonly string[]
}

export interface SigningKeyConfig {
  readonly id: string
  readonly secret: Secret
}

/** As much as the hash gives (RFC 2104 §3). */
const LEAST_SECRET_BYTES = 32
/** Of a key, and of a signature. */
const ID = /^[\w.-]{1,64}$/
const IN_WORDS = 'letters, digits, "-", "_" and "."'

/** What can be the id of a key or of a signature. */
export function isSigningId(id: string): boolean {
  return ID.test(id)
}

export function faultOfSigningSecret(secret: string): string | undefined {
  if (isPlaceholder(secret)) return 'is a placeholder that everybody knows'
  const bytes = Buffer.byteLength(secret)
  if (bytes >= LEAST_SECRET_BYTES) return undefined
  return `has ${bytes} bytes; wanted at least ${LEAST_SECRET_BYTES}`
}

const signingSecret = field({
  wanted: `a secret of at least ${LEAST_SECRET_BYTES} bytes that is no placeholder`,
  json: { type: 'string' },
  isSecret: true,
  read: (input) => {
    const found = textOf(input)
    return found === undefined || faultOfSigningSecret(found) !== undefined
      ? undefined
      : new Secret(found)
  },
  hintFor: (input) => {
    const fault = faultOfSigningSecret(textOf(input) ?? '')
    const how = 'openssl rand -base64 48 makes one'
    return textOf(input) === undefined || fault === undefined ? how : `it ${fault}; ${how}`
  },
})

export const signedUrlsSchema = section(
  {
    enabled: flag(),
    keys: z
      .array(
        section({ id: text({ wanted: `an id of ${IN_WORDS}`, test: ID }), secret: signingSecret }),
      )
      .prefault([]),
    allow_networks: flag().prefault(false),
    revoked: z.array(text({ wanted: `an id of ${IN_WORDS}`, test: ID })).prefault([]),
  },
  enabledHasKeys,
  keyIdsDiffer,
)

function enabledHasKeys({ enabled, keys }: Loose): RuleProblem[] {
  if (enabled !== true || !Array.isArray(keys) || keys.length > 0) return []
  const message = 'has no key, and without one nobody can be let in'
  return [{ path: ['keys'], message, hint: 'add keys: [{ id: k1, secret: … }]' }]
}

function keyIdsDiffer({ keys }: Loose): RuleProblem[] {
  const list: readonly unknown[] = Array.isArray(keys) ? keys : []
  const ids = list.map((key) => (isMapping(key) ? key['id'] : undefined))
  return ids.flatMap((id, index) => {
    const first = ids.indexOf(id)
    if (typeof id !== 'string' || first === index) return []
    return [{ path: ['keys', index, 'id'], message: `is the id of keys[${first}] too` }]
  })
}

export function toSignedUrls(
  settings: z.output<typeof signedUrlsSchema> | undefined,
): SignedUrlsConfig {
  const { enabled = false, keys = [], allow_networks: allowNetworks = false } = settings ?? {}
  return { enabled, keys, allowNetworks, revoked: settings?.revoked ?? [] }
}

export function printSignedUrls(signed: SignedUrlsConfig): object {
  return {
    enabled: signed.enabled,
    keys: signed.keys.map(({ id }) => ({ id, secret: '***' })),
    allow_networks: signed.allowNetworks,
    revoked: signed.revoked,
  }
}
