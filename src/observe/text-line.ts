// A JSON line made readable: for a person at a terminal.

export function textLine(json: string): string {
  const fields: Record<string, unknown> = JSON.parse(json)
  const { time, level, msg, ...rest } = fields
  const pairs = Object.entries(rest).map(([name, value]) => `${name}=${shown(value)}`)
  return `${String(time)} ${String(level).toUpperCase()} ${String(msg)} ${pairs.join(' ')}\n`
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /^[\w./:@%+-]+$/.test(text) ? text : JSON.stringify(text)
}
