// Signed addresses as somebody with a key, or without one, makes them: written out by hand, so that they
// may be as wrong as a test wants, and share nothing with what verifies them.

import { createHmac } from 'node:crypto'

import { inSeconds } from './tokens.ts'

export const SIGNING_SECRET = 'Vq7mZ2xW9eR4tY1uB8oP3aS6dF5gH0jKc2N'
export const OTHER_SIGNING_SECRET = 'b4Kd81Lw0sXz73QmTn5Vc9Rf2Yg6HpJu1Ea'

export interface SignedParts {
  readonly method?: string
  /** Decoded. */
  readonly path: string
  readonly key?: string
  readonly secret?: string
  readonly expires?: number | string
  readonly scope?: string
  readonly network?: string
  readonly id?: string
  readonly versionId?: string
}

/** The parameters, in the order of the documentation; the version is the address's own. */
export function fieldsOf(parts: SignedParts): [name: string, value: string][] {
  const { method = 'GET', path, key = 'k1', secret = SIGNING_SECRET, network, id, scope } = parts
  const expires = String(parts.expires ?? inSeconds(600))
  const covered = scope === undefined ? canonical(path) : `${canonical(scope.slice(0, -1))}*`
  const version = canonical(parts.versionId ?? '')
  const lines = ['sluice1', method, covered, expires, network ?? '', key, id ?? '', version]
  const signature = createHmac('sha256', secret).update(lines.join('\n')).digest('base64url')
  const all: [string, string | undefined][] = [
    ['sl-key', key],
    ['sl-expires', expires],
    ['sl-path', scope],
    ['sl-ip', network],
    ['sl-id', id],
    ['sl-sig', signature],
  ]
  return all.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))
}

export function queryOf(fields: readonly (readonly [string, string])[]): string {
  return fields.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')
}

/** The address, with its path in its canonical spelling. */
export function signed(parts: SignedParts): string {
  const version = parts.versionId === undefined ? '' : `versionId=${parts.versionId}&`
  return `${canonical(parts.path)}?${version}${queryOf(fieldsOf(parts))}`
}

function canonical(text: string): string {
  let written = ''
  for (const byte of Buffer.from(text)) {
    const character = String.fromCharCode(byte)
    const isPlain = /[A-Za-z0-9\-._~/]/.test(character)
    written += isPlain ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return written
}
