// Entity tags (RFC 9110 §8.8.3). A tag stays the text it was sent as, quotes and W/ included: it is
// compared and repeated, never understood.

import { isOws, trimOws } from './ows.ts'

const QUOTE = 0x22
const COMMA = 0x2c

/** The tag itself when `text` is one well-formed entity tag. */
export function parseEntityTag(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const tag = trimOws(text)
  return tag !== '' && entityTagEnd(tag, 0) === tag.length ? tag : undefined
}

/**
 * The members of If-Match or If-None-Match. Malformed ones are skipped; a bare token is kept as it
 * is, for clients that lose the quotes of a tag which had none to begin with.
 */
export function parseEntityTags(header: string): '*' | readonly string[] {
  const tags: string[] = []
  let index = 0
  while ((index = skipSeparators(header, index)) < header.length) {
    const tagEnd = entityTagEnd(header, index)
    const memberEnd = endOfMember(header, tagEnd === -1 ? index : tagEnd)
    const member = trimOws(header.slice(index, memberEnd))
    const isWellFormed = tagEnd === -1 ? isBareToken(member) : member.length === tagEnd - index
    if (isWellFormed) tags.push(member)
    index = memberEnd
  }
  return tags.length === 1 && tags[0] === '*' ? '*' : tags
}

/** RFC 9110 §8.8.3.2: the same text, and neither weak. */
export function matchesStrong(a: string, b: string): boolean {
  return a === b && !isWeak(a)
}

/** RFC 9110 §8.8.3.2: the same opaque tag, weak or not. */
export function matchesWeak(a: string, b: string): boolean {
  return a === b || opaque(a) === opaque(b)
}

function opaque(tag: string): string {
  return isWeak(tag) ? tag.slice(2) : tag
}

function isWeak(tag: string): boolean {
  return tag.startsWith('W/"')
}

/**
 * Where the quoted tag that begins at `start` ends, or -1. Spaces inside are let through: RFC 2616
 * allowed them, and what an origin once sent must still match.
 */
function entityTagEnd(text: string, start: number): number {
  const quote = text.startsWith('W/', start) ? start + 2 : start
  if (text.charCodeAt(quote) !== QUOTE) return -1
  for (let index = quote + 1; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === QUOTE) return index + 1
    if (code < 0x20 || code === 0x7f) return -1
  }
  return -1
}

function endOfMember(text: string, start: number): number {
  const comma = text.indexOf(',', start)
  return comma === -1 ? text.length : comma
}

function skipSeparators(text: string, start: number): number {
  let index = start
  while (index < text.length && isSeparator(text.charCodeAt(index))) index++
  return index
}

function isSeparator(code: number): boolean {
  return code === COMMA || isOws(code)
}

function isBareToken(member: string): boolean {
  for (let index = 0; index < member.length; index++) {
    const code = member.charCodeAt(index)
    if (code <= 0x20 || code === QUOTE || code === 0x7f) return false
  }
  return member !== ''
}
