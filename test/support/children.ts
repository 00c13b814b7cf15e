// Programs started by tests. Each dies with the test process, however that ends: the kernel does
// it where `setpriv` is (a SIGKILL of the runner included), an exit hook does it elsewhere.

import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'

const SETPRIV = '/usr/bin/setpriv'

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Child {
  readonly pid: number
  readonly process: ChildProcess
  readonly exited: Promise<Exit>
  /** What it has written to stderr so far. */
  stderr(): string
  kill(signal: NodeJS.Signals): void
}

export interface ChildOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly onStdout?: (text: string) => void
  /** Without it there is nothing to be read on standard input. */
  readonly takesInput?: boolean
}

const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

export function startChild(
  command: string,
  args: readonly string[],
  options: ChildOptions = {},
): Child {
  const [program, ...programArgs] = boundToParent([command, ...args])
  const child = spawn(program ?? command, programArgs, {
    env: options.env ?? process.env,
    cwd: options.cwd,
    stdio: [options.takesInput === true ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  })
  const exited = exitOf(child)
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdout?.setEncoding('utf8').on('data', (text: string) => options.onStdout?.(text))
  return {
    pid: child.pid ?? -1,
    process: child,
    exited,
    stderr: () => stderr,
    kill: (signal) => void child.kill(signal),
  }
}

function boundToParent(command: string[]): string[] {
  return existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', '--', ...command] : command
}

/** Settles on 'close', not on 'exit': by then everything the program wrote has been read. */
function exitOf(child: ChildProcess): Promise<Exit> {
  living.add(child)
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      living.delete(child)
      reject(error)
    })
    child.once('exit', () => living.delete(child))
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
}

/** Runs a program to its end; an exit code other than 0 is an error that tells what it wrote. */
export async function runChild(command: string, args: readonly string[]): Promise<string> {
  let stdout = ''
  const child = startChild(command, args, { onStdout: (text) => (stdout += text) })
  const { code, signal } = await child.exited
  if (code === 0) return stdout
  const said = `${stdout}\n${child.stderr()}`.trim()
  throw new Error(`${command} ${args.join(' ')} ended with ${code ?? signal}\n${said}`)
}
