// A small XML document as a tree: what programs write to each other, and no more. There are no
// document types, no processing instructions and no CDATA, so that nothing can be declared, fetched
// or expanded; what is not understood to the letter is no document.

export interface XmlElement {
  readonly name: string
  /** Its character data, without what its children hold. */
  readonly text: string
  readonly children: readonly XmlElement[]
}

interface Open {
  readonly name: string
  text: string
  readonly children: XmlElement[]
}

const MAX_DEPTH = 16
const DECLARATION = /^\uFEFF?(?:<\?xml [^<>?]*\?>)?\s*/
/** An opening or closing tag, from its '<' to its '>'. */
const TAG = /<(\/?)([A-Za-z_][\w.:-]*)((?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>/y
const REFERENCE = /&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|(\w{1,8}));|&/g
const NAMED: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
])

/** Undefined when it is not well-formed, or more than this reads. Namespaces are not looked at. */
export function parseXml(document: string): XmlElement | undefined {
  let at = DECLARATION.exec(document)?.[0].length ?? 0
  // A parent of the root, which must be the only thing in it.
  const top: Open = { name: '', text: '', children: [] }
  const open: Open[] = [top]
  while (at < document.length) {
    const next = document.indexOf('<', at)
    const text = decodeText(document.slice(at, next < 0 ? document.length : next))
    const inner = open.at(-1)
    if (text === undefined || inner === undefined) return undefined
    inner.text += text
    if (next < 0) break
    TAG.lastIndex = next
    const tag = TAG.exec(document)
    if (tag === null || !takeTag(tag, open)) return undefined
    at = TAG.lastIndex
  }
  const [root, ...more] = top.children
  return open.length === 1 && more.length === 0 && top.text.trim() === '' ? root : undefined
}

function takeTag(
  [, slash, name = '', attributes, isEmpty]: RegExpExecArray,
  open: Open[],
): boolean {
  if (slash !== '/') {
    if (open.length > MAX_DEPTH) return false
    const element: Open = { name, text: '', children: [] }
    open.at(-1)?.children.push(element)
    if (isEmpty !== '/') open.push(element)
    return true
  }
  const closed = open.pop()
  return closed?.name === name && attributes === '' && isEmpty === '' && open.length > 0
}

/** Undefined when it refers to what is not known. */
function decodeText(text: string): string | undefined {
  if (!text.includes('&')) return text
  let isKnown = true
  const decoded = text.replace(REFERENCE, (_all, decimal, hexadecimal, name) => {
    const character = characterOf(decimal, hexadecimal, name)
    if (character === undefined) isKnown = false
    return character ?? ''
  })
  return isKnown ? decoded : undefined
}

function characterOf(decimal?: string, hexadecimal?: string, name?: string): string | undefined {
  if (name !== undefined) return NAMED.get(name)
  const digits = decimal ?? hexadecimal
  if (digits === undefined) return undefined
  const code = Number.parseInt(digits, decimal === undefined ? 16 : 10)
  const isCharacter = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)
  return isCharacter ? String.fromCodePoint(code) : undefined
}
