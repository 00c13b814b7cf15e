// `npm run bench`: what Sluice costs on each road, beside a Node server that does nothing, nginx and
// Varnish in front of the same origin. docs/benchmarks.md tells how to read the table.

import { mkdirSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'

import { describeMachine, machineText, missingPrograms } from './machine.ts'
import { readOptions, USAGE } from './options.ts'
import type { Options } from './options.ts'
import { openFolder } from './place.ts'
import { progress } from './progress.ts'
import { legend, resultTable } from './result-table.ts'
import { saveResult } from './results.ts'
import { measureRoad } from './road.ts'
import type { Line } from './summary.ts'

/** Gives what went wrong: a road that cannot be measured does not cost the others. */
async function bench(options: Options): Promise<string[]> {
  const missing = missingPrograms(options)
  if (missing.length > 0) throw new Error(`not installed: ${missing.join(', ')}`)
  const machine = describeMachine()
  console.log(`${machineText(machine)}\n`)

  const folder = openFolder()
  const lines: Line[] = []
  const failures: string[] = []
  for (const cell of options.cells) {
    const own = join(folder, cell.road)
    mkdirSync(own)
    try {
      lines.push(...(await measureRoad(cell, own, options)))
    } catch (error) {
      failures.push(`${cell.road}: ${wordsOf(error)}`)
    }
  }
  progress('')
  console.log(`${resultTable(lines)}\n\n${legend(lines)}\n`)
  const loadAverageAfter = loadavg()[0]
  console.log(saveResult('bench', { machine, loadAverageAfter, options, lines, failures }))
  return failures
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

try {
  const options = readOptions(process.argv.slice(2))
  const failures = options === undefined ? [] : await bench(options)
  if (options === undefined) console.log(USAGE)
  for (const failure of failures) console.error(failure)
  process.exit(failures.length === 0 ? 0 : 1)
} catch (error) {
  console.error(`${wordsOf(error)}\n\n${USAGE}`)
  process.exit(1)
}
