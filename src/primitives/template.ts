// A text with names in braces, `tenants/{tenant}/`, for which values are put in later. Braces with
// anything else in them, or behind a `$`, are braces.

const PLACEHOLDER = /(?<!\$)\{([A-Za-z_]\w*)\}/g

/** The names in their order, each as often as it stands there. */
export function namesIn(text: string): string[] {
  return Array.from(text.matchAll(PLACEHOLDER), ([, name = '']) => name)
}

/** In two: what is always there, and what begins with the first name. */
export function splitAtName(text: string): { readonly fixed: string; readonly rest: string } {
  const at = text.search(PLACEHOLDER)
  return at < 0 ? { fixed: text, rest: '' } : { fixed: text.slice(0, at), rest: text.slice(at) }
}

/** Which name stands where is left out: two texts of one shape have the same values put in. */
export function shapeOf(text: string): string {
  return text.replaceAll(PLACEHOLDER, '{}')
}

/** With the values, in the order of `names`, in place of them; a name without a value stays. */
export function compileTemplate(
  text: string,
  names: readonly string[],
): (values: readonly string[]) => string {
  // Every other piece is a name.
  const pieces = text.split(PLACEHOLDER)
  if (pieces.length === 1) return () => text
  const places = pieces.map((piece, index) => (index % 2 === 0 ? -1 : names.indexOf(piece)))
  return (values) => {
    let filled = ''
    for (const [index, piece] of pieces.entries()) {
      const place = places[index] ?? -1
      filled += index % 2 === 0 ? piece : (values[place] ?? `{${piece}}`)
    }
    return filled
  }
}
