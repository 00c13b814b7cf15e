// The pattern that reads a tag from an object key. Keys come from clients, so a pattern that could
// take long over a chosen key is refused when it is read, by the most steps a backtracking matcher
// could take: no pattern that is in use can hold up anybody's request.

const MOST_CHARACTERS = 200
/** The longest key S3 knows, and its bits: how often something without a limit can give back. */
const MOST_KEY_CHARACTERS = 1024
const BITS_OF_KEY = 10
/** Two searches through a whole key, and a few alternatives: some ten million short steps. */
const MOST_BITS = 2 * BITS_OF_KEY + 4

/** Gives the text of the first group, where the pattern is found. */
export function compileTagPattern(pattern: string): (objectKey: string) => string | undefined {
  const expression = new RegExp(pattern, 'u')
  return (objectKey) => {
    if (objectKey.length > MOST_KEY_CHARACTERS) return undefined
    const tag = expression.exec(objectKey)?.[1]
    return tag === '' ? undefined : tag
  }
}

/** What is wrong with it, for an operator; undefined when nothing is. */
export function faultOfTagPattern(pattern: string): string | undefined {
  return faultOfSyntax(pattern) ?? faultOfCapture(tokensOf(pattern)) ?? faultOfPattern(pattern)
}

/** As above, of a pattern that is only to be found or not. */
export function faultOfPattern(pattern: string): string | undefined {
  const fault = faultOfSyntax(pattern)
  if (fault !== undefined) return fault
  const tokens = tokensOf(pattern)
  if (tokens.some((text) => LOOKS_OR_REPEATS.test(text))) {
    return 'it looks around or back, which is not allowed here'
  }
  return faultOfCost(tokens)
}

function faultOfSyntax(pattern: string): string | undefined {
  if (pattern.length > MOST_CHARACTERS) return `it may have ${MOST_CHARACTERS} characters`
  try {
    // Some limits are only met when a pattern is first used.
    new RegExp(pattern, 'u').test('')
  } catch {
    return 'it is not a regular expression'
  }
  return undefined
}

function tokensOf(pattern: string): readonly string[] {
  return [...pattern.matchAll(TOKEN)].map(([text]) => text)
}

function faultOfCapture(tokens: readonly string[]): string | undefined {
  const captures = tokens.includes('(') || tokens.some((text) => text.startsWith('(?<'))
  return captures ? undefined : 'it has no group that captures'
}

// One token each: an escape, a class, the opening of a group, a quantifier, any other character.
const TOKEN =
  /\\k<[^>]*>|\\[pPuxc](?:\{[^}]*\}|[0-9A-Za-z]{0,4})|\\.|\[(?:\\.|[^\]\\])*\]|\(\?<?[=!]|\(\?<[^>]*>|\(\?[^:)]*:|\(|(?:[*+?]|\{\d+(?:,\d*)?\})\??|./gsu
const LOOKS_OR_REPEATS = /^\(\?<?[=!]|^\\[1-9k]/
const QUANTIFIER = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})\??$/

interface Group {
  /** Whether a matcher has choices inside it. */
  hasChoice: boolean
}

function faultOfCost(tokens: readonly string[]): string | undefined {
  const open: Group[] = [{ hasChoice: false }]
  let closed: Group | undefined
  let bits = isAnchored(tokens) ? 0 : BITS_OF_KEY
  for (const token of tokens) {
    const group = open.at(-1)
    if (group === undefined) return 'its groups are not closed'
    if (isRepetition(token) && closed?.hasChoice === true) return NESTED
    const choice = choiceBits(token)
    if (choice > 0) group.hasChoice = true
    bits += choice
    if (token.startsWith('(')) open.push({ hasChoice: false })
    closed = token === ')' ? open.pop() : undefined
    const outer = open.at(-1)
    if (closed?.hasChoice === true && outer !== undefined) outer.hasChoice = true
  }
  if (bits <= MOST_BITS) return undefined
  return 'it could take long over some texts: begin it with ^, and use at most two of * + {n,}'
}

const NESTED =
  'it repeats a group that holds a repetition or alternatives, which could take for ever'

/** How many ways something can match, as a power of two. */
function choiceBits(token: string): number {
  if (token === '|') return 1
  const match = QUANTIFIER.exec(token)
  if (match === null) return 0
  const [, least, comma, most] = match
  if (least === undefined) return token.startsWith('?') ? 1 : BITS_OF_KEY
  if (comma === '') return 0
  if (most === '') return BITS_OF_KEY
  return Math.min(BITS_OF_KEY, Math.ceil(Math.log2(Number(most) - Number(least) + 1)))
}

function isRepetition(token: string): boolean {
  return QUANTIFIER.test(token) && !token.startsWith('?')
}

function isAnchored(tokens: readonly string[]): boolean {
  let depth = 0
  for (const token of tokens) {
    if (token.startsWith('(')) depth += 1
    else if (token === ')') depth -= 1
    else if (token === '|' && depth === 0) return false
  }
  return tokens[0] === '^'
}
