// Texts that stand in examples where a secret should: an operator who forgot to choose one has
// one that everybody knows.

const WORDS = [
  'administrator',
  'placeholder',
  'replaceme',
  'changeme',
  'password',
  'replace',
  'example',
  'default',
  'sluice',
  'secret',
  'change',
  'please',
  'bearer',
  'qwerty',
  'abcdef',
  'insert',
  'token',
  'admin',
  'dummy',
  'letme',
  'value',
  'test',
  'your',
  'this',
  'here',
  'with',
  'pass',
  'demo',
  'jwt',
  'foo',
  'bar',
  'the',
  'key',
  'api',
  'my',
  'me',
  'in',
  'a',
] as const
/** Longest first, so that what is left over is no part of a word. */
const SEQUENCES = [
  '0123456789',
  '1234567890',
  '123456789',
  '12345678',
  '123456',
  '12345',
  '1234',
  '123',
]
const FEWEST_DIFFERENT = 5

/** Nothing but such words, in any spelling; or hardly more than one character again and again. */
export function isPlaceholder(text: string): boolean {
  if (new Set(text).size < FEWEST_DIFFERENT) return true
  let rest = text.toLowerCase()
  // Each leaves a gap behind, so that two ends do not make a new word.
  for (const word of [...WORDS, ...SEQUENCES]) rest = rest.replaceAll(word, ' ')
  return rest.replaceAll(/[^a-z0-9]/g, '').length <= 2
}
