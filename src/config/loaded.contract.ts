// A configuration as it is read from files: for the tests that write some.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after } from 'node:test'

import { formatProblem, loadConfig } from './config.ts'
import type { Config } from './config.ts'
import type { Environment } from './env.ts'

export const folder = mkdtempSync(join(tmpdir(), 'sluice-config-'))
after(() => rmSync(folder, { recursive: true }))

let count = 0

/** Writes the files into a folder of their own and loads the first. */
export function load(files: Readonly<Record<string, string>>, env: Environment = {}) {
  count += 1
  const home = join(folder, String(count))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, name)), { recursive: true })
    writeFileSync(join(home, name), text)
  }
  const loaded = loadConfig(join(home, Object.keys(files)[0] ?? ''), env)
  const told = loaded.kind === 'loaded' ? loaded.warnings : loaded.problems
  const lines = told.map((problem) => formatProblem(problem).replaceAll(`${home}/`, ''))
  return { loaded, lines, home }
}

export function configOf(yaml: string, env: Environment = {}): Config {
  const { loaded, lines } = load({ 'config.yaml': yaml }, env)
  if (loaded.kind === 'refused') throw new Error(lines.join('\n'))
  return loaded.config
}
