// Starts Sluice as a user does: a configuration file, a command, a line that says it is ready.
// A test meets it only through its ports, its output and signals.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChild, type Child, type Exit } from './children.ts'

export type ConfigObject = Readonly<Record<string, unknown>>
export type LogLine = Readonly<Record<string, unknown>>

export interface SluiceOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Further arguments of the command line. */
  readonly args?: readonly string[]
  /** false: give the process at once, ready or not; `url` and `opsUrl` are then empty. */
  readonly waitReady?: boolean
  /** The program instead of the one in `src/`. */
  readonly program?: string
}

export interface Sluice extends AsyncDisposable {
  readonly url: string
  readonly opsUrl: string
  readonly pid: number
  readonly configFile: string
  readonly exited: Promise<Exit>
  stdout(): string
  stderr(): string
  /** The lines of stdout that are JSON: what the logger wrote so far. */
  logLines(): LogLine[]
  /** The first such line that `matches`, waited for, since the log is written after the answer. */
  logLine(matches: (line: LogLine) => boolean): Promise<LogLine>
  kill(signal: NodeJS.Signals): void
  close(): Promise<void>
}

export const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
/** Of the runtime, as the first line of the program asks for them. */
export const RUNTIME_FLAGS: readonly string[] = flagsOfFirstLine(readFileSync(MAIN, 'utf8'))
/** A busy machine takes its time to start three threads. */
const PATIENCE_MS = 60_000
const READY = /^sluice ready.*$/m
const ADDRESS = /https?:\/\/[^\s,]+/

/** An object gets defaults that suit a test; a string is the text of the file, as it is. */
export async function openSluice(
  config: string | ConfigObject,
  options: SluiceOptions = {},
): Promise<Sluice> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-'))
  const configFile = join(folder, 'config.yaml')
  writeFileSync(configFile, typeof config === 'string' ? config : JSON.stringify(forTest(config)))

  const output = createOutput()
  const args = ['serve', '--config', configFile, ...(options.args ?? [])]
  const child = startChild(process.execPath, [...RUNTIME_FLAGS, options.program ?? MAIN, ...args], {
    cwd: folder,
    env: environment(options.env),
    onStdout: output.write,
  })
  const close = async (): Promise<void> => {
    child.kill('SIGKILL')
    await child.exited
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const ready = (options.waitReady ?? true) ? await readyLine(output, child) : ''
    return toSluice({ child, output, configFile, ready, close })
  } catch (error) {
    await close()
    throw error
  }
}

/** Runs a command to its end, such as `check`, and gives what it wrote. */
export async function runSluice(
  args: readonly string[],
  options: Pick<SluiceOptions, 'env' | 'program'> = {},
): Promise<Exit & { stdout: string; stderr: string }> {
  const output = createOutput()
  const child = startChild(process.execPath, [...RUNTIME_FLAGS, options.program ?? MAIN, ...args], {
    env: environment(options.env),
    onStdout: output.write,
  })
  return { ...(await child.exited), stdout: output.text(), stderr: child.stderr() }
}

function flagsOfFirstLine(program: string): string[] {
  const line = program.slice(0, program.indexOf('\n'))
  return line.split(' ').filter((word) => word.startsWith('--'))
}

function forTest(config: ConfigObject): ConfigObject {
  return {
    // A test that says nothing of the cache is about what stands behind it.
    cache: { enabled: false },
    ...config,
    server: { address: '127.0.0.1:0', threads: 1, ...section(config['server']) },
    admin: { address: '127.0.0.1:0', ...section(config['admin']) },
    logging: { level: 'info', ...section(config['logging']) },
  }
}

function section(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {}
}

function environment(own: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  // The test runner marks its children with NODE_TEST_CONTEXT; Sluice is not one of them.
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env
  return { ...inherited, ...own }
}

interface Parts {
  readonly child: Child
  readonly output: Output
  readonly configFile: string
  readonly ready: string
  readonly close: () => Promise<void>
}

function toSluice({ child, output, configFile, ready, close }: Parts): Sluice {
  const [main = '', operations = ''] = ready.split('operations')
  const logLines = (): LogLine[] => output.text().split('\n').flatMap(parseLine)
  const found = (matches: (line: LogLine) => boolean) => (): LogLine | undefined =>
    logLines().find(matches)
  return {
    url: ADDRESS.exec(main)?.[0] ?? '',
    opsUrl: ADDRESS.exec(operations)?.[0] ?? '',
    pid: child.pid,
    configFile,
    exited: child.exited,
    stdout: output.text,
    stderr: child.stderr,
    logLines,
    logLine: (matches) => waitFor({ output, child, what: 'log line', read: found(matches) }),
    kill: child.kill,
    close,
    [Symbol.asyncDispose]: close,
  }
}

function parseLine(line: string): LogLine[] {
  if (!line.startsWith('{')) return []
  try {
    return [JSON.parse(line)]
  } catch {
    return [] // The end of the line is still on its way.
  }
}

function readyLine(output: Output, child: Child): Promise<string> {
  // The line is whole once its end has come.
  const read = (): string | undefined => READY.exec(output.text().replace(/[^\n]*$/, ''))?.[0]
  return waitFor({ output, child, what: 'ready line', read })
}

interface Wait<T> {
  readonly output: Output
  readonly child: Child
  readonly what: string
  readonly read: () => T | undefined
}

/** Reads again whenever something was written, until it finds, the program ends, or time is up. */
function waitFor<T>({ output, child, what, read }: Wait<T>): Promise<T> {
  const stop = new AbortController()
  const waited = new Promise<T>((resolve, reject) => {
    const look = (): void => {
      const value = read()
      if (value !== undefined) resolve(value)
    }
    const fail = (why: string): void =>
      reject(new Error(`sluice: no ${what}: ${why}\n${output.text()}${child.stderr()}`))
    const timer = setTimeout(fail, PATIENCE_MS, `none in ${PATIENCE_MS} ms`)
    stop.signal.addEventListener('abort', () => clearTimeout(timer))
    output.onWrite(look, stop.signal)
    child.exited.then(({ code, signal }) => fail(`it exited with ${code ?? signal}`), reject)
    look()
  })
  return waited.finally(() => stop.abort())
}

interface Output {
  readonly text: () => string
  readonly write: (text: string) => void
  readonly onWrite: (listener: () => void, until: AbortSignal) => void
}

function createOutput(): Output {
  const listeners = new Set<() => void>()
  let written = ''
  return {
    text: () => written,
    write: (text) => {
      written += text
      for (const listener of listeners) listener()
    },
    onWrite: (listener, until) => {
      listeners.add(listener)
      until.addEventListener('abort', () => listeners.delete(listener))
    },
  }
}
