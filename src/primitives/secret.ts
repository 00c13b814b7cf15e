// A secret that does not print itself: every way a value usually leaks (string
// concatenation, JSON, console.log, a logger's serializer) says '[secret]' instead. And what of a URL
// may be shown.

import { inspect } from 'node:util'

const shown = '[secret]'

export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The one way to the value; a search for this word finds every place that uses one. */
  reveal(): string {
    return this.#value
  }

  toString(): string {
    return shown
  }

  toJSON(): string {
    return shown
  }

  [inspect.custom](): string {
    return shown
  }
}

/** What stands before the host of a URL, or of what was meant as one, is a name and a password. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z][\w+.-]*:\/\/)?.*@/is, '$1***@')
}

/** What stands in the query of a URL may be a key to what it names: its names are told, its values not. */
export function withoutQueryValues(url: string): string {
  const at = url.indexOf('?')
  if (at < 0) return url
  const pieces = url.slice(at + 1).split('&')
  return `${url.slice(0, at)}?${pieces.map(withoutValue).join('&')}`
}

function withoutValue(piece: string): string {
  if (piece === '') return ''
  const at = piece.indexOf('=')
  // Without a name it is a value alone.
  return at < 0 ? '***' : `${piece.slice(0, at)}=***`
}
