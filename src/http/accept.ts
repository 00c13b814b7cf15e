// What a caller would rather read (RFC 9110 §12.5.1): a page than JSON, which is only asked when refusing
// or listing, or metrics in the format of OpenMetrics.

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

const OPEN_METRICS = 'application/openmetrics-text'

/** Like a page, it must be listed by name. */
export function prefersOpenMetrics(accept: string | undefined): boolean {
  if (accept === undefined) return false
  const best = { open: 0, plain: 0 }
  for (const element of accept.split(',')) {
    const [range = '', ...parameters] = element.split(';')
    const name = trimOws(range).toLowerCase()
    const quality = readQuality(parameters)
    if (name === OPEN_METRICS && isVersionOne(parameters)) best.open = Math.max(best.open, quality)
    if (name === 'text/plain') best.plain = Math.max(best.plain, quality)
  }
  return best.open > 0 && best.open >= best.plain
}

function isVersionOne(parameters: readonly string[]): boolean {
  const versions = parameters.map((text) => trimOws(text).toLowerCase())
  return versions.every((text) => !text.startsWith('version=') || text === 'version=1.0.0')
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
