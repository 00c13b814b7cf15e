// The token of a request, from the first place that has one.

import type { Request } from '../exchange/request.ts'
import type { TokenSource } from '../config/token-sources.ts'
import { queryParameter } from '../http/query.ts'

/** Undefined where there is none; a token that is no good is one all the same. */
export type FindToken = (request: Request) => string | undefined

export function compileSources(sources: readonly TokenSource[]): FindToken {
  const readers = sources.map(readerFor)
  return (request) => {
    for (const read of readers) {
      const token = read(request)
      if (token !== undefined && token !== '') return token
    }
    return undefined
  }
}

function readerFor({ type, name, prefix }: TokenSource): FindToken {
  switch (type) {
    case 'bearer':
      return bearerToken
    case 'header':
      return ({ headers }) => withoutPrefix(headers[name], prefix)
    case 'query':
      return ({ query }) => (query === '' ? undefined : queryParameter(query, name))
    case 'cookie':
      return ({ headers }) =>
        headers.cookie === undefined ? undefined : cookie(headers.cookie, name)
  }
}

const BEARER = 'bearer '

/** The scheme's case does not matter (RFC 9110 §11.1). */
function bearerToken({ headers: { authorization } }: Request): string | undefined {
  if (authorization === undefined) return undefined
  const scheme = authorization.slice(0, BEARER.length)
  if (scheme.toLowerCase() !== BEARER) return undefined
  return authorization.slice(BEARER.length).trim()
}

function withoutPrefix(value: string | string[] | undefined, prefix: string): string | undefined {
  if (typeof value !== 'string' || !value.startsWith(prefix)) return undefined
  return value.slice(prefix.length).trim()
}

/** RFC 6265 §5.4; quotes around a value are not part of it. */
export function cookie(header: string, name: string): string | undefined {
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue
    return pair
      .slice(equals + 1)
      .trim()
      .replace(/^"(.*)"$/, '$1')
  }
  return undefined
}
