// What a policy is told of a request: five fields, and those asked for by name. It is written in one
// way, so that the text is also what a decision is remembered by: two requests of which the policy
// could think differently never have the same.

import type { AuthorizationConfig } from '../config/authorization.ts'
import type { AccessQuestion, Identity } from './access.ts'
import type { Claims } from './claims.ts'

export interface Asked {
  readonly question: AccessQuestion
  readonly identity: Identity | undefined
  /** Epoch ms. */
  readonly at: number
}

/** The body of the request to OPA. */
export type WriteInput = (asked: Asked) => string

type WriteField = (asked: Asked) => string

const NOBODY = 'null'
const MINUTE_MS = 60_000

export function compileInput(extras: AuthorizationConfig['input']): WriteInput {
  const claimsText = claimsWriter()
  const more = compileExtras(extras)
  return (asked) => {
    const { question, identity } = asked
    const { request, address, bucket } = question
    let text = `{"input":{"jwt_claims":${identity === undefined ? NOBODY : claimsText(identity.claims)}`
    text += `,"bucket":"${bucket}","path":${JSON.stringify(request.path)}`
    text += `,"method":"${request.method}","client_ip":${JSON.stringify(address)}`
    for (const write of more) text += write(asked)
    return `${text}}}`
  }
}

/** The claims of a remembered token are one object, and are written once. */
function claimsWriter(): (claims: Claims) => string {
  const written = new WeakMap<Claims, string>()
  return (claims) => {
    let text = written.get(claims)
    if (text === undefined) {
      text = JSON.stringify(claims)
      written.set(claims, text)
    }
    return text
  }
}

function compileExtras(extras: AuthorizationConfig['input']): readonly WriteField[] {
  const fields: WriteField[] = []
  if (extras.includes('key'))
    fields.push(({ question }) => `,"key":${JSON.stringify(question.key)}`)
  if (extras.includes('listing')) fields.push(({ question }) => `,"listing":${listingOf(question)}`)
  // The minute that has begun: what is decided within it may be remembered as long as it lasts.
  if (extras.includes('time')) fields.push(({ at }) => `,"time":"${minuteOf(at)}"`)
  const names = extras.flatMap((extra) => (typeof extra === 'object' ? [extra.header] : []))
  if (names.length > 0) fields.push(({ question }) => `,"headers":${headersOf(question, names)}`)
  return fields
}

/** Null where an object is asked for. */
function listingOf({ listing }: AccessQuestion): string {
  if (listing === undefined) return 'null'
  return `{"prefix":${JSON.stringify(listing.prefix)},"recursive":${listing.isDeep}}`
}

/** RFC 3339, in UTC. */
function minuteOf(at: number): string {
  return new Date(Math.floor(at / MINUTE_MS) * MINUTE_MS).toISOString().replace('.000', '')
}

/** Those the request has. */
function headersOf({ request }: AccessQuestion, names: readonly string[]): string {
  const fields = names.flatMap((name) => {
    const value = request.headers[name]
    if (value === undefined) return []
    const text = typeof value === 'string' ? value : value.join(', ')
    return [`${JSON.stringify(name)}:${JSON.stringify(text)}`]
  })
  return `{${fields.join(',')}}`
}
