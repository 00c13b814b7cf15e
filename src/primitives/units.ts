// Durations and sizes the way operators write them: '30s', '250ms', '64KB', '1MiB'.
// KB and KiB are the same 1024 bytes, as in nginx: a limit written either way means one thing.

const millisecondsIn = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const bytesIn = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 } as const

const durationShape = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/
const sizeShape = /^(\d+(?:\.\d+)?)(?:([KMGT])i?)?B?$/i

/** Milliseconds. A number, or a text without a unit, is seconds. */
export function parseDuration(input: string | number): number | undefined {
  if (typeof input === 'number') return wholeOf(input * millisecondsIn.s)

  const match = durationShape.exec(input)
  if (match === null) return undefined
  return wholeOf(Number(match[1]) * (durationFactors.get(match[2] ?? 's') ?? Number.NaN))
}

/** Bytes. A number, or a text without a unit, is bytes. */
export function parseSize(input: string | number): number | undefined {
  if (typeof input === 'number') return wholeOf(input)

  const match = sizeShape.exec(input)
  if (match === null) return undefined
  const unit = match[2] === undefined ? 'B' : `${match[2].toUpperCase()}iB`
  return wholeOf(Number(match[1]) * (sizeFactors.get(unit) ?? Number.NaN))
}

/** The shortest text that `parseDuration` reads as the same milliseconds. */
export function formatDuration(ms: number): string {
  return ms === 0 ? '0s' : withLargestUnit(ms, durationFactors)
}

/** The shortest text that `parseSize` reads as the same bytes. */
export function formatSize(bytes: number): string {
  return withLargestUnit(bytes, sizeFactors)
}

const durationFactors: ReadonlyMap<string, number> = new Map(Object.entries(millisecondsIn))
const sizeFactors: ReadonlyMap<string, number> = new Map(Object.entries(bytesIn))

function withLargestUnit(value: number, factors: ReadonlyMap<string, number>): string {
  const fitting = [...factors].filter(([, factor]) => value >= factor && value % factor === 0)
  const [unit, factor] = fitting.at(-1) ?? [[...factors.keys()][0], 1]
  return `${value / factor}${unit}`
}

// 2.3 * 1000 is 2299.9999999999995: what is whole but for the arithmetic counts as whole.
function wholeOf(value: number): number | undefined {
  const whole = Math.round(value)
  const isWhole = Math.abs(value - whole) <= Math.abs(value) * 1e-9
  return isWhole && whole >= 0 && Number.isSafeInteger(whole) ? whole : undefined
}
