// What a signed URL says, as the one text that is signed: each field on a line of its own, none of which
// can hold a line end, so that no two permissions are the same text. Nothing else is signed by these keys.

import { createHmac, createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { encodePath } from '../http/percent.ts'

/** Names this text, and what a later one would not be taken for. */
const VERSION = 'sluice1'

export const PARAMETERS = {
  keyId: 'sl-key',
  expires: 'sl-expires',
  scope: 'sl-path',
  network: 'sl-ip',
  id: 'sl-id',
  signature: 'sl-sig',
} as const

/** Of the cookie whose value is what else stands in a query. */
export const COOKIE = 'sluice-signature'

export interface Permission {
  readonly method: 'GET' | 'HEAD'
  /** Decoded; of a permission with a scope, of no account. */
  readonly path: string
  /** All paths below this one, `/films/*`, instead of one. */
  readonly scope: string | undefined
  /** Epoch seconds, as they are written. */
  readonly expires: string
  readonly network: string | undefined
  readonly keyId: string
  /** Of this very permission, by which it can be revoked. */
  readonly id: string | undefined
  readonly versionId: string | undefined
}

export function signingKey(secret: string): KeyObject {
  return createSecretKey(Buffer.from(secret))
}

/** Base64url, without padding. */
export function signatureOf(permission: Permission, key: KeyObject): string {
  return createHmac('sha256', key).update(textOf(permission)).digest('base64url')
}

function textOf(permission: Permission): string {
  const { method, path, scope, expires, network = '', keyId, id = '', versionId = '' } = permission
  // An asterisk of a path is written %2A: this one is none.
  const covered = scope === undefined ? encodePath(path) : `${encodePath(scope.slice(0, -1))}*`
  const version = encodePath(versionId)
  return `${VERSION}\n${method}\n${covered}\n${expires}\n${network}\n${keyId}\n${id}\n${version}`
}

/** Whole segments: `/films/*`, or all with `/*`. */
export function isScope(scope: string): boolean {
  return scope.startsWith('/') && scope.indexOf('*') === scope.length - 1 && scope.endsWith('/*')
}

/** What lies below; the path before the last slash itself does not. */
export function covers(scope: string, path: string): boolean {
  return path.startsWith(scope.slice(0, -1))
}
