// Whether a caller would rather read a page than JSON (RFC 9110 §12.5.1). Only asked when refusing
// or listing.

import { trimOws } from './ows.ts'

/** HTML must be listed by name: a bare wildcard is how programs say that they do not care. */
export function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined) return false
  const qualities = readQualities(accept)
  const html = Math.max(
    qualities.get('text/html') ?? 0,
    qualities.get('application/xhtml+xml') ?? 0,
  )
  const json =
    qualities.get('application/json') ?? qualities.get('application/*') ?? qualities.get('*/*') ?? 0
  return html > 0 && html >= json
}

/** JSON must be listed by name, and stand before the page. */
export function prefersJson(accept: string | undefined): boolean {
  if (accept === undefined || !accept.includes('json')) return false
  const qualities = readQualities(accept)
  const json = qualities.get('application/json') ?? 0
  return json > (qualities.get('text/html') ?? 0)
}

function readQualities(accept: string): Map<string, number> {
  const qualities = new Map<string, number>()
  for (const element of accept.split(',')) {
    const [range = '', ...parameters] = element.split(';')
    qualities.set(trimOws(range).toLowerCase(), readQuality(parameters))
  }
  return qualities
}

/** A weight that is none counts as 0: what is asked for unreadably is not asked for. */
function readQuality(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const text = trimOws(parameter).toLowerCase()
    if (!text.startsWith('q=')) continue
    return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text.slice(2)) ? Number(text.slice(2)) : 0
  }
  return 1
}
