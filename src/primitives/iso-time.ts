// Instants as ISO 8601, for lines that follow each other closely: what is the same within a second
// is written once.

let second = Number.NaN
let prefix = ''

/** As `toISOString` of a Date, for the years 0 to 9999. */
export function isoTime(ms: number): string {
  const whole = Math.floor(ms / 1000)
  if (whole !== second) {
    second = whole
    prefix = new Date(whole * 1000).toISOString().slice(0, -'000Z'.length)
  }
  const rest = Math.floor(ms) - whole * 1000
  return `${prefix}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`
}
