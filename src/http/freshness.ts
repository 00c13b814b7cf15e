// Age and freshness lifetime (RFC 9111 §4.2). All in milliseconds; a lifetime is compared with an age,
// never with a clock.

import type { ResponseDirectives } from './cache-control.ts'
import { parseHttpDate } from './date.ts'
import { parseDeltaSeconds } from './delta-seconds.ts'
import { trimOws } from './ows.ts'

export interface Reception {
  readonly ageHeader: string | undefined
  /** What the origin's Date says, where it can be read. */
  readonly dateAt: number | undefined
  /** When the request left; the way there and back counts as age. */
  readonly requestedAt: number
  readonly receivedAt: number
}

/** RFC 9111 §4.2.3: corrected_initial_age. */
export function correctedInitialAgeMs(reception: Reception): number {
  const { ageHeader, dateAt, requestedAt, receivedAt } = reception
  // Date has whole seconds: compared with a finer clock it would make every answer up to a second old.
  const receivedSecondAt = Math.floor(receivedAt / 1000) * 1000
  const apparentAgeMs = dateAt === undefined ? 0 : receivedSecondAt - dateAt
  const responseDelayMs = Math.max(0, receivedAt - requestedAt)
  return Math.max(apparentAgeMs, ageValueS(ageHeader) * 1000 + responseDelayMs)
}

/** RFC 9111 §4.2.3: current_age. A clock set back makes nothing younger than it came. */
export function currentAgeMs(initialAgeMs: number, receivedAt: number, now: number): number {
  return initialAgeMs + Math.max(0, now - receivedAt)
}

/** How long an answer says that it is fresh, and by which of its words. */
export interface StatedLifetime {
  readonly source: 's-maxage' | 'max-age' | 'expires'
  readonly ms: number
}

/**
 * RFC 9111 §4.2.1, for a shared cache. Undefined: the answer does not say. `dateAt` is the Date, or
 * when the answer was received (RFC 9110 §6.6.1).
 */
export function statedLifetime(
  { sMaxAgeS, maxAgeS }: ResponseDirectives,
  expires: string | undefined,
  dateAt: number,
): StatedLifetime | undefined {
  if (sMaxAgeS !== undefined) return { source: 's-maxage', ms: sMaxAgeS * 1000 }
  if (maxAgeS !== undefined) return { source: 'max-age', ms: maxAgeS * 1000 }
  if (expires === undefined) return undefined
  // A date that is none lies in the past (RFC 9111 §5.3), and two joined by a comma are none.
  const expiresAt = parseExpires(trimOws(expires))
  return { source: 'expires', ms: expiresAt === undefined ? 0 : Math.max(0, expiresAt - dateAt) }
}

/** Of several values the first; what is no number is ignored (RFC 9111 §5.1). */
function ageValueS(header: string | undefined): number {
  const [first = ''] = header?.split(',', 1) ?? []
  return parseDeltaSeconds(trimOws(first)) ?? 0
}

/** Caches read dates in any case (RFC 9111 §4.2), though nobody may write them so. */
function parseExpires(text: string): number | undefined {
  return parseHttpDate(text) ?? parseHttpDate(withUsualCase(text))
}

function withUsualCase(text: string): string {
  return text
    .toLowerCase()
    .replace(/\b[a-z]/g, (letter) => letter.toUpperCase())
    .replace(/ Gmt$/, ' GMT')
}

/** RFC 9111 §5.1: what comes out of a cache says how old it is, and what comes just now does not. */
export function ageField(ageMs: number | undefined): string[] {
  return ageMs === undefined ? [] : ['Age', String(Math.floor(ageMs / 1000))]
}
