// Texts that stand in examples where a secret should: an operator who forgot to choose one has
// one that everybody knows.

const WORDS = `
  a abc abcd abcdef admin administrator an and api at bar be bearer bit bits byte bytes change
  changeit changeme character characters chars default demo dev development do dummy example foo
  for here hs in insecure insert is it jwt key least letme local long me min minimum must my not
  only or pass password placeholder please prod production purpose purposes qwerty random replace
  replaceme sample secret secure server signing sluice some string strong super test testing text
  that the this to token use value very with your`
const SEQUENCES = '0123456789 1234567890 123456789 12345678 123456 12345 1234 123 256 384 512 32'
/** Longest first, so that what is left over is no part of a word. */
const KNOWN = `${WORDS} ${SEQUENCES}`
  .trim()
  .split(/\s+/)
  .toSorted((one, other) => other.length - one.length)
const FEWEST_DIFFERENT = 5

/** Nothing but such words, in any spelling; or hardly more than one character again and again. */
export function isPlaceholder(text: string): boolean {
  if (new Set(text).size < FEWEST_DIFFERENT) return true
  let rest = text.toLowerCase()
  // Each leaves a gap behind, so that two ends do not make a new word.
  for (const word of KNOWN) rest = rest.replaceAll(word, ' ')
  return rest.replaceAll(/[^a-z0-9]/g, '').length <= 2
}
