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
