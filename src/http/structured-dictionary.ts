// A Dictionary of Structured Fields (RFC 9651 §4.2.2). One character out of place and the whole field
// is none: that is what makes every reader agree on what it says.

import { trimOws } from './ows.ts'

export type StructuredValue =
  | { readonly type: 'integer'; readonly value: number }
  | { readonly type: 'boolean'; readonly value: boolean }
  /** Read to know that it is well-formed; nobody here needs what it says. */
  | { readonly type: 'string' | 'other' }

const KEY = '[a-z*][a-z0-9_.*-]*'
const BARE_ITEM = [
  '-?[0-9]{1,12}\\.[0-9]{1,3}(?![0-9.])',
  '-?[0-9]{1,15}(?![0-9.])',
  '"(?:[ !#-\\[\\]-~]|\\\\["\\\\])*"',
  "[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*",
  ':[A-Za-z0-9+/]*={0,2}:',
  '\\?[01]',
  '@-?[0-9]{1,15}(?![0-9.])',
  '%"(?:[ !#$&-~]|%[0-9a-f]{2})*"',
].join('|')
const PARAMETERS = `(?:; *${KEY}(?:=(?:${BARE_ITEM}))?)*`
const INNER_LIST = `\\( *(?:(?:${BARE_ITEM})${PARAMETERS}(?: +|(?=\\))))*\\)`
const MEMBER = new RegExp(`(${KEY})(?:=(${BARE_ITEM}|${INNER_LIST}))?${PARAMETERS}`, 'y')
const SEPARATOR = /[ \t]*,[ \t]*/y

/** Empty for an empty field; undefined for one that is no Dictionary. */
export function parseStructuredDictionary(
  field: string,
): ReadonlyMap<string, StructuredValue> | undefined {
  const text = trimOws(field)
  const members = new Map<string, StructuredValue>()
  for (let index = 0; index < text.length;) {
    const [whole = '', key = '', value] = matchAt(MEMBER, text, index) ?? []
    if (whole === '') return undefined
    members.set(key, typed(value))
    index += whole.length
    if (index === text.length) return members
    const separator = matchAt(SEPARATOR, text, index)?.[0] ?? ''
    index += separator.length
    if (separator === '' || index === text.length) return undefined
  }
  return members
}

function matchAt(pattern: RegExp, text: string, index: number): RegExpExecArray | null {
  pattern.lastIndex = index
  return pattern.exec(text)
}

/** A key alone is true (§3.2). */
function typed(text: string | undefined): StructuredValue {
  if (text === undefined) return { type: 'boolean', value: true }
  if (text.startsWith('?')) return { type: 'boolean', value: text === '?1' }
  if (/^-?\d+$/.test(text)) return { type: 'integer', value: Number(text) }
  return { type: text.startsWith('"') ? 'string' : 'other' }
}
