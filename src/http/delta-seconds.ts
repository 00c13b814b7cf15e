// A count of seconds as caching fields write it (RFC 9111 §1.2.2).

/** What larger numbers count as: 68 years, and no sum with it leaves the safe integers. */
const LONGEST_S = 2 ** 31

export function parseDeltaSeconds(text: string): number | undefined {
  return /^\d+$/.test(text) ? Math.min(Number(text), LONGEST_S) : undefined
}
