// An empty home for other people's S3 clients: no keys, no configuration, no proxy, nothing of the
// machine's own settings, so that what they read they read through Sluice alone.

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

const TIMEOUT_MS = 90_000
const MOST_OUTPUT = 256 * 1024 * 1024

export interface Ran {
  /** -1: it was killed for taking too long. */
  readonly code: number
  readonly stdout: Buffer
  readonly stderr: string
}

export interface ClientHome extends Disposable {
  readonly folder: string
  /** Runs a client in the folder, to its end, however that is. */
  run(program: string, args: readonly string[]): Promise<Ran>
  write(file: string, bytes: Uint8Array): void
  makeFolder(name: string): void
  has(file: string): boolean
  /** Of what the client left there. */
  sha256(file: string): Promise<string>
}

export function openClientHome(): ClientHome {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-client-'))
  const env = environment(folder)
  return {
    folder,
    run: (program, args) => run(program, args, { cwd: folder, env }),
    write: (file, bytes) => writeFileSync(join(folder, file), bytes),
    makeFolder: (name) => mkdirSync(join(folder, name)),
    has: (file) => existsSync(join(folder, file)),
    sha256: async (file) => {
      const hash = createHash('sha256')
      await pipeline(createReadStream(join(folder, file)), hash)
      return hash.digest('hex')
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function environment(home: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: home,
    LC_ALL: 'C.UTF-8',
    // Else they look for an account of the machine, at an address that nobody answers.
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_DEFAULT_REGION: 'us-east-1',
  }
}

function run(
  program: string,
  args: readonly string[],
  place: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<Ran> {
  const limits = { timeout: TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: MOST_OUTPUT } as const
  return new Promise((resolve) => {
    const options = { ...place, ...limits, encoding: 'buffer' } as const
    execFile(program, args, options, (error, stdout, stderr) => {
      const failed = typeof error?.code === 'number' ? error.code : -1
      resolve({ code: error === null ? 0 : failed, stdout, stderr: stderr.toString() })
    })
  })
}
