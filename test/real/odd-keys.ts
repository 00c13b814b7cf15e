// Object keys that some client, proxy or server is known to stumble over.

export const ODD_KEYS: readonly string[] = [
  'a+b',
  'a b',
  ' around ',
  'plus+and space',
  '%',
  '100%25',
  'p%41',
  '%2F',
  'é',
  'e\u0301',
  '日本語/キー',
  '😀.bin',
  'double//slash',
  'three///slashes',
  'trailing/',
  '/leading',
  '//both//',
  "=:,@()!'*$",
  'a&b=c;d~e',
  '[brackets]{braces}',
  '|^`',
  '"<>\\',
  'a#fragment',
  'a?query=1&versionId=2',
  '\u0001 and \u007f',
  'tab\tline\nreturn\r',
  '.hidden/..not-up/.../x',
  '-_.~',
  'favicon.ico?',
  'é'.repeat(512),
]

/** They are stored like any other, but no HTTP client or proxy in between agrees on them. */
export const KEYS_WITH_DOT_SEGMENTS: readonly string[] = [
  'x/../y',
  'x/./y',
  'x/..',
  'x/.',
  '../y',
  '.',
]

/** Every byte but the unreserved and '/', as S3's clients send it. */
export function strictPath(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/')
}

/** Only what cannot stand in a path, as browsers and people send it. */
export function lenientPath(key: string): string {
  return encodeURI(key).replace(/[#?]/g, encodeURIComponent)
}
