// Where results are kept: a file for each run, which is nobody's but its machine's.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** CPU profiles lie there too. */
export const RESULTS = fileURLToPath(new URL('results', import.meta.url))

/** Gives the path of the file. */
export function saveResult(kind: string, result: object): string {
  mkdirSync(RESULTS, { recursive: true })
  const at = new Date().toISOString().slice(0, 19).replaceAll(':', '-')
  const file = join(RESULTS, `${kind}-${at}.json`)
  writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`)
  return file
}
