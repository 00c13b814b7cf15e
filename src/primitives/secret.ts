// A secret that does not print itself: every way a value usually leaks (string
// concatenation, JSON, console.log, a logger's serializer) says '[secret]' instead.

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
