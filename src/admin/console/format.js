// Numbers as people read them.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
const whole = new Intl.NumberFormat('en')
const short = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
export const NOTHING = '–'

export function bytes(value) {
  if (!Number.isFinite(value)) return NOTHING
  let unit = 0
  let amount = value
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024
    unit += 1
  }
  return `${unit === 0 ? Math.round(amount) : short.format(amount)} ${UNITS[unit]}`
}

export function count(value) {
  if (!Number.isFinite(value)) return NOTHING
  return Math.abs(value) >= 100_000 ? compact.format(value) : whole.format(Math.round(value))
}

export function rate(value) {
  if (!Number.isFinite(value)) return NOTHING
  return value >= 10_000 ? compact.format(value) : short.format(value)
}

export function percent(share) {
  return Number.isFinite(share) ? `${short.format(share * 100)} %` : NOTHING
}

export function milliseconds(value) {
  if (!Number.isFinite(value)) return NOTHING
  if (value > 0 && value < 1) return `${Math.round(value * 1000)} µs`
  if (value >= 1000) return `${short.format(value / 1000)} s`
  return `${value >= 10 ? Math.round(value) : short.format(value)} ms`
}

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return NOTHING
  if (seconds < 60) return `${Math.floor(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`
}

export function clock(instant) {
  const date = new Date(instant)
  return Number.isNaN(date.getTime()) ? NOTHING : date.toLocaleTimeString()
}

export function instant(written) {
  const date = new Date(written)
  return Number.isNaN(date.getTime()) ? NOTHING : date.toLocaleString()
}

/** Plain data as YAML would have it, for reading. */
export function outline(value, indent = '') {
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]'
    return value.map((one) => `\n${indent}- ${outline(one, `${indent}  `).trimStart()}`).join('')
  }
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value)
    if (fields.length === 0) return '{}'
    return fields
      .map(([name, one]) => {
        const text = outline(one, `${indent}  `)
        return `\n${indent}${name}:${text.startsWith('\n') ? '' : ' '}${text}`
      })
      .join('')
  }
  return typeof value === 'string' ? scalar(value) : String(value)
}

function scalar(text) {
  return /^[\w./@:-]+$/.test(text) && !/^[\d.-]/.test(text) ? text : JSON.stringify(text)
}
