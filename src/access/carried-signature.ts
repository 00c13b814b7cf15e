// The signature that a request brings, in its query or in a cookie: read, not yet believed.

import type { Request } from '../exchange/request.ts'
import { queryParameter, queryParameters } from '../http/query.ts'
import { cookie } from './token-source.ts'
import { COOKIE, PARAMETERS } from './url-signature.ts'

export interface CarriedSignature {
  readonly keyId: string
  readonly expires: string
  readonly scope: string | undefined
  readonly network: string | undefined
  readonly id: string | undefined
  readonly versionId: string | undefined
  readonly signature: string
}

/** Why it is none. */
type Fault = string

const PREFIX = 'sl-'
const VERSION_ID = 'versionId'
const NAMES = new Set<string>(Object.values(PARAMETERS))

/** The query goes before the cookie; undefined where neither carries one. */
export function carriedSignature({
  query,
  headers,
}: Request): CarriedSignature | Fault | undefined {
  if (mayCarry(query)) {
    const parameters = queryParameters(query)
    if (parameters.some(isOurs)) return read(parameters.filter(isOfSignature))
  }
  if (headers.cookie === undefined) return undefined
  const value = cookie(headers.cookie, COOKIE)
  if (value === undefined) return undefined
  const parameters = queryParameters(value)
  if (!parameters.every(isOurs)) return 'the cookie holds something else'
  // It is for all that a page asks for, and names no version: one must not be had by it.
  const isVersioned = query !== '' && queryParameter(query, VERSION_ID) !== undefined
  return isVersioned ? 'a cookie is for no version' : read(parameters)
}

/** A redirect to a path that the signature does not cover has no use for it. */
export function withoutSignature(query: string): string {
  if (!mayCarry(query)) return query
  const pieces = query.split('&').filter((piece) => !queryParameters(piece).some(isOurs))
  return pieces.join('&')
}

/** The usual query is told by a look; in another spelling a name has an escape. */
function mayCarry(query: string): boolean {
  return query !== '' && (query.includes(PREFIX) || query.includes('%'))
}

type Parameter = readonly [name: string, value: string]

function isOurs([name]: Parameter): boolean {
  return name.startsWith(PREFIX)
}

function isOfSignature(parameter: Parameter): boolean {
  return isOurs(parameter) || parameter[0] === VERSION_ID
}

/** What nobody signs is not passed over: it may be what somebody meant to sign. */
function read(parameters: readonly Parameter[]): CarriedSignature | Fault {
  const values = new Map<string, string>()
  for (const [name, value] of parameters) {
    if (isOurs([name, value]) && !NAMES.has(name)) return 'an unknown parameter'
    if (values.has(name)) return 'a parameter is there twice'
    values.set(name, value)
  }
  const keyId = values.get(PARAMETERS.keyId)
  const expires = values.get(PARAMETERS.expires)
  const signature = values.get(PARAMETERS.signature)
  if (keyId === undefined || expires === undefined || signature === undefined) {
    return 'a parameter is missing'
  }
  return {
    keyId,
    expires,
    signature,
    scope: values.get(PARAMETERS.scope),
    network: values.get(PARAMETERS.network),
    id: values.get(PARAMETERS.id),
    versionId: values.get(VERSION_ID),
  }
}
