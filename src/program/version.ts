// The version of the package this program came in.

import { readFileSync } from 'node:fs'

// Beside `src/` in a checkout, beside `dist/` once built.
const PACKAGE_FILE = new URL('../../package.json', import.meta.url)

export const VERSION: string = readVersion()

function readVersion(): string {
  const file: unknown = JSON.parse(readFileSync(PACKAGE_FILE, 'utf8'))
  const hasVersion = typeof file === 'object' && file !== null && 'version' in file
  return hasVersion ? String(file.version) : 'unknown'
}
