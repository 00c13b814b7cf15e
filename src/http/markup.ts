// Text within XML and HTML, in which nothing of it is markup any more.

const MARKUP = /[&<>"'\p{Cc}\ufffe\uffff]/gu
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cn}\p{Co}]/gu
const NAMED: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&#39;'],
])

/**
 * A character that XML cannot hold is written as S3 writes it, as a reference that strict readers
 * refuse: there is no other way to say it.
 */
export function escapeXml(text: string): string {
  return text.replace(MARKUP, (character) => NAMED.get(character) ?? reference(character))
}

/** For people: what cannot be seen, or turns the text around it, is shown by its number. */
export function escapeHtml(text: string): string {
  const visible = text.replace(UNSEEN, (character) => `\\u{${codeOf(character)}}`)
  return visible.replace(MARKUP, (character) => NAMED.get(character) ?? reference(character))
}

function reference(character: string): string {
  return `&#x${codeOf(character).toUpperCase()};`
}

function codeOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16)
}
