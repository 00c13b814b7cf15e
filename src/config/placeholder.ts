// Texts that stand in examples where a secret should: an operator who forgot to choose one has
// one that everybody knows.

/** They ask to be replaced. */
const ASKING = `
  change changeit changeme example here insert letme password placeholder please qwerty replace
  replaceme your`
const COMMON = `
  a abc abcd abcdef admin administrator an and api at bar be bearer bit bits byte bytes character
  characters chars default demo dev development do dummy foo for hs in insecure is it jwt key least
  local long me min minimum must my not only or pass prod production purpose purposes random sample
  secret secure server signing sluice some string strong super test testing text that the this to
  token use value very with`
const SEQUENCES = '0123456789 1234567890 123456789 12345678 123456 12345 1234 123 256 384 512 32'
/** Longest first, so that what is left over is no part of a word. */
const KNOWN = new RegExp(
  `${ASKING} ${COMMON} ${SEQUENCES}`
    .trim()
    .split(/\s+/)
    .toSorted((one, other) => other.length - one.length)
    .join('|'),
  'g',
)
const ASKS = new Set(ASKING.trim().split(/\s+/))
/** The one that a well-known page makes tokens with. */
const FAMOUS = 'a-string-secret-at-least-256-bits-long'
const FEWEST_DIFFERENT = 5

/** Nothing but common words, one of which asks to be replaced, or which are all the same. */
export function isPlaceholder(text: string): boolean {
  const words = commonWords(text)
  if (words === undefined) return false
  const [word = ''] = words
  const isRepeated = word.length > 2 && words.length > 1 && new Set(words).size === 1
  return isRepeated || text.toLowerCase() === FAMOUS || words.some((one) => ASKS.has(one))
}

/** Legal, and within reach of whoever tries: common words alone, or hardly more than one character. */
export function isGuessable(text: string): boolean {
  return commonWords(text) !== undefined || new Set(text).size < FEWEST_DIFFERENT
}

/** In any spelling; undefined where there is more to it. */
function commonWords(text: string): readonly string[] | undefined {
  const words: string[] = []
  // Each leaves a gap behind, so that two ends do not make a new word.
  const rest = text.toLowerCase().replaceAll(KNOWN, (word) => {
    words.push(word)
    return ' '
  })
  return rest.replaceAll(/[^a-z0-9]/g, '').length <= 2 ? words : undefined
}
