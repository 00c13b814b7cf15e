// HTTP-date (RFC 9110 §5.6.7) to and from epoch milliseconds, by arithmetic: a Date would accept far
// more than the three formats and cost an object. The weekday must be a name, not the right one.

const DAY_MS = 86_400_000
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
/** From Thursday on: the epoch was one. */
const WEEKDAYS = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed']
const LONG_WEEKDAYS = 'Monday Tuesday Wednesday Thursday Friday Saturday Sunday'.split(' ')

const COMMA = 0x2c
const SPACE = 0x20
const DIGIT = 0x64
const SPACE_OR_DIGIT = 0x5f
const ANY = 0x3f

// In a shape 'd' is a digit, '_' a digit or a space, '?' anything (a name, looked up); the rest is literal.
const IMF_FIXDATE = '???, dd ??? dddd dd:dd:dd GMT'
const RFC_850 = ', dd-???-dd dd:dd:dd GMT'
const ASCTIME = '??? ??? _d dd:dd:dd dddd'

export function parseHttpDate(text: string): number | undefined {
  if (text.charCodeAt(3) === COMMA) return parseImfFixdate(text)
  return text.charCodeAt(3) === SPACE ? parseAsctime(text) : parseRfc850(text)
}

/** Instants are written again and again: those of what is popular, and this second's. */
const written = new Map<number, string>()
const WRITTEN_MOST = 1024

/** IMF-fixdate of the second that holds `ms`, which must lie in the years 0 to 9999. */
export function formatHttpDate(ms: number): string {
  const second = Math.floor(ms / 1000)
  const known = written.get(second)
  if (known !== undefined) return known
  const text = writeHttpDate(second * 1000)
  if (written.size >= WRITTEN_MOST) written.clear()
  written.set(second, text)
  return text
}

function writeHttpDate(ms: number): string {
  const days = Math.floor(ms / DAY_MS)
  const seconds = Math.floor((ms - days * DAY_MS) / 1000)
  const { year, month, day } = civilOfDays(days)
  const date = `${WEEKDAYS[modulo(days, 7)]}, ${pad(day)} ${MONTHS[month]} ${pad(year, 4)}`
  const minutes = Math.floor(seconds / 60)
  return `${date} ${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}:${pad(seconds % 60)} GMT`
}

function parseImfFixdate(text: string): number | undefined {
  if (!fits(text, IMF_FIXDATE, 0) || !WEEKDAYS.includes(text.slice(0, 3))) return undefined
  const year = numberAt(text, 12, 4)
  return instant(year, text.slice(8, 11), numberAt(text, 5, 2), timeAt(text, 17))
}

function parseAsctime(text: string): number | undefined {
  if (!fits(text, ASCTIME, 0) || !WEEKDAYS.includes(text.slice(0, 3))) return undefined
  const year = numberAt(text, 20, 4)
  return instant(year, text.slice(4, 7), numberAt(text, 8, 2), timeAt(text, 11))
}

// A fixed century rather than RFC 9110's "not over 50 years ahead": no clock, and the same answer
// every year. The pivot is that of cookie dates (RFC 6265 §5.1.1); nobody has sent these since.
function parseRfc850(text: string): number | undefined {
  const start = text.length - RFC_850.length
  if (start < 0 || !LONG_WEEKDAYS.includes(text.slice(0, start))) return undefined
  if (!fits(text, RFC_850, start)) return undefined
  const shortYear = numberAt(text, start + 9, 2)
  const year = shortYear + (shortYear < 70 ? 2000 : 1900)
  const month = text.slice(start + 5, start + 8)
  return instant(year, month, numberAt(text, start + 2, 2), timeAt(text, start + 12))
}

/** Whether `text` from `start` to its end has this shape. */
function fits(text: string, shape: string, start: number): boolean {
  if (text.length - start !== shape.length) return false
  for (let index = 0; index < shape.length; index++) {
    if (!fitsCharacter(text.charCodeAt(start + index), shape.charCodeAt(index))) return false
  }
  return true
}

function fitsCharacter(code: number, wanted: number): boolean {
  if (code === wanted) return wanted !== DIGIT && wanted !== SPACE_OR_DIGIT
  if (wanted === ANY) return true
  if (wanted === SPACE_OR_DIGIT && code === SPACE) return true
  return (wanted === DIGIT || wanted === SPACE_OR_DIGIT) && code >= 0x30 && code <= 0x39
}

/** A space counts as nothing: asctime pads its day with one. */
function numberAt(text: string, start: number, length: number): number {
  let value = 0
  for (let index = start; index < start + length; index++) {
    const code = text.charCodeAt(index)
    if (code !== SPACE) value = value * 10 + code - 0x30
  }
  return value
}

function instant(
  year: number,
  monthName: string,
  day: number,
  timeMs: number | undefined,
): number | undefined {
  const month = MONTHS.indexOf(monthName)
  if (month === -1 || timeMs === undefined) return undefined
  if (day < 1 || day > daysInMonth(year, month)) return undefined
  return daysOfCivil(year, month, day) * DAY_MS + timeMs
}

/** A leap second is the first of the next minute, as epoch time has no room for it. */
function timeAt(text: string, start: number): number | undefined {
  const hour = numberAt(text, start, 2)
  const minute = numberAt(text, start + 3, 2)
  const second = numberAt(text, start + 6, 2)
  if (hour > 23 || minute > 59 || second > 60) return undefined
  return ((hour * 60 + minute) * 60 + second) * 1000
}

function daysInMonth(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return month === 1 && isLeap ? 29 : (MONTH_DAYS[month] ?? 0)
}

// Both ways count years from March, so that a leap day is a year's last and needs no case of its own.
// 719 468 days lie between 0000-03-01 and the epoch, 146 097 in the 400 years of a calendar cycle.

function daysOfCivil(year: number, month: number, day: number): number {
  const marchYear = month < 2 ? year - 1 : year
  const cycle = Math.floor(marchYear / 400)
  const yearOfCycle = marchYear - cycle * 400
  const dayOfYear = Math.floor((153 * modulo(month - 2, 12) + 2) / 5) + day - 1
  const leapDays = Math.floor(yearOfCycle / 4) - Math.floor(yearOfCycle / 100)
  return cycle * 146_097 + yearOfCycle * 365 + leapDays + dayOfYear - 719_468
}

function civilOfDays(days: number): { year: number; month: number; day: number } {
  const sinceMarch0 = days + 719_468
  const cycle = Math.floor(sinceMarch0 / 146_097)
  const dayOfCycle = sinceMarch0 - cycle * 146_097
  const leapDays =
    Math.floor(dayOfCycle / 1460) -
    Math.floor(dayOfCycle / 36_524) +
    Math.floor(dayOfCycle / 146_096)
  const yearOfCycle = Math.floor((dayOfCycle - leapDays) / 365)
  const dayOfYear =
    dayOfCycle - (yearOfCycle * 365 + Math.floor(yearOfCycle / 4) - Math.floor(yearOfCycle / 100))
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1
  const month = modulo(marchMonth + 2, 12)
  return { year: cycle * 400 + yearOfCycle + (month < 2 ? 1 : 0), month, day }
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor
}

function pad(value: number, width = 2): string {
  return String(value).padStart(width, '0')
}
