// A comma-separated list (RFC 9110 §5.6.1) whose members may hold quoted strings.

import { trimOws } from './ows.ts'

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c

/**
 * The members, trimmed, without the empty ones. A quote that nothing closes is an ordinary
 * character, and so is every later one: looking again for each would cost the square of the length.
 */
export function splitList(text: string): readonly string[] {
  const members: string[] = []
  let start = 0
  let areQuotesClosed = true
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === QUOTE && areQuotesClosed) {
      const end = endOfQuoted(text, index)
      areQuotesClosed = end !== -1
      index = Math.max(index, end)
    } else if (code === COMMA) {
      members.push(trimOws(text.slice(start, index)))
      start = index + 1
    }
  }
  members.push(trimOws(text.slice(start)))
  return members.filter((member) => member !== '')
}

/** Where the quote that opens at `start` closes, or -1. */
function endOfQuoted(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === QUOTE) return index
    if (code === BACKSLASH) index++
  }
  return -1
}
