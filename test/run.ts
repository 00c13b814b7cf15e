// `npm test`: sees to the real programs the tests need, runs every test file, and tells what was
// skipped for want of which part. `--unit` runs what needs no such program: the tests beside the
// code and those of the house. Other arguments choose files by a piece of their path.

import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { run } from 'node:test'
import { spec as SpecReporter } from 'node:test/reporters'
import { installParts, partsOfTheTests, wayTo } from './support/parts.ts'

const UNIT_TESTS = ['src/**/*.test.ts', 'bench/**/*.test.ts', 'test/*.test.ts']
const ALL_TESTS = [
  'src/**/*.test.ts',
  'dev/**/*.test.ts',
  'bench/**/*.test.ts',
  'test/**/*.test.ts',
]
/** A hang is a failure, and neither a test nor all of them are as slow as this. */
const TEST_TIMEOUT_MS = 300_000
const RUN_TIMEOUT_MS = 4_500_000

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const wanted = process.argv.slice(2)
const isUnit = wanted.includes('--unit')
const files = chosenFiles(
  isUnit ? UNIT_TESTS : ALL_TESTS,
  wanted.filter((argument) => argument !== '--unit'),
)
if (files.length === 0) fail(`no test file matches ${wanted.join(' ')}`)
if (!isUnit) seeToParts()
keepTemporaryFilesTogether()

const skipped = await runFiles(files)
reportSkipped(skipped)

function chosenFiles(patterns: readonly string[], pieces: readonly string[]): string[] {
  const option = pieces.find((piece) => piece.startsWith('-'))
  if (option !== undefined) fail(`unknown option ${option}; there is only --unit`)
  return globSync([...patterns])
    .filter((file) => pieces.length === 0 || pieces.some((piece) => file.includes(piece)))
    .toSorted()
}

function seeToParts(): void {
  for (const name of installParts(partsOfTheTests)) {
    console.log(`missing: ${name} (${wayTo(name)})`)
  }
}

/** So that what a killed test left behind goes too. */
function keepTemporaryFilesTogether(): void {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-tests-'))
  process.env['TMPDIR'] = folder
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
}

/** Sets the exit code. Gives the number of skipped tests by the reason they gave. */
async function runFiles(files: string[]): Promise<Map<string, number>> {
  const skipped = new Map<string, number>()
  const events = run({
    files,
    concurrency: 2,
    timeout: TEST_TIMEOUT_MS,
    signal: stopSignal(),
    execArgv: ['--import', new URL('support/deadline.ts', import.meta.url).href],
  })
  events.on('test:fail', ({ todo }) => {
    if (todo === undefined || todo === false) process.exitCode = 1
  })
  events.on('test:pass', ({ skip }) => {
    if (skip === undefined || skip === false) return
    const reason = typeof skip === 'string' ? skip : 'no reason given'
    skipped.set(reason, (skipped.get(reason) ?? 0) + 1)
  })
  const report = events.compose(new SpecReporter())
  report.pipe(process.stdout)
  await finished(report)
  return skipped
}

/** An abort ends the processes of the test files; each takes with it what it started. */
function stopSignal(): AbortSignal {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  setTimeout(() => stop.abort(), RUN_TIMEOUT_MS).unref()
  return stop.signal
}

function reportSkipped(skipped: ReadonlyMap<string, number>): void {
  for (const [reason, count] of skipped) console.log(`skipped ${count}: ${reason}`)
  if (skipped.size > 0 && process.env['CI'] === 'true') fail('with CI=true nothing may be skipped')
}

function fail(message: string): never {
  console.error(message)
  process.exit(1)
}
