// Single parameters out of a raw query, without building a map of all of them.

import { decodeFormPercent } from './percent.ts'

/**
 * The first value of `name`, decoded once ('+' is a space); '' when it stands without '='. A value
 * that does not decode is returned as it was written: whoever asked will refuse it as unknown text.
 */
export function queryParameter(query: string, name: string): string | undefined {
  let start = 0
  while (start < query.length) {
    const ampersand = query.indexOf('&', start)
    const end = ampersand === -1 ? query.length : ampersand
    const equals = query.indexOf('=', start)
    const nameEnd = equals === -1 || equals > end ? end : equals
    if (decodeForm(query.slice(start, nameEnd)) === name && nameEnd > start) {
      return decodeForm(query.slice(Math.min(nameEnd + 1, end), end))
    }
    start = end + 1
  }
  return undefined
}

/** All of them, in their order, read as `queryParameter` reads one. */
export function queryParameters(query: string): (readonly [name: string, value: string])[] {
  const pieces = query.split('&').filter((piece) => piece !== '')
  return pieces.map((piece) => {
    const equals = piece.indexOf('=')
    const nameEnd = equals === -1 ? piece.length : equals
    return [decodeForm(piece.slice(0, nameEnd)), decodeForm(piece.slice(nameEnd + 1))]
  })
}

function decodeForm(text: string): string {
  return isPlain(text) ? text : (decodeFormPercent(text) ?? text)
}

function isPlain(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === 0x25 || code === 0x2b || code > 0x7f) return false
  }
  return true
}
