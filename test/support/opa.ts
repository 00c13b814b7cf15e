// A throw-away Open Policy Agent with the policies of the project: the real one where it is, else what
// stands in for it. Both are processes of their own, so that they can be stopped and killed.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { startChild } from './children.ts'
import type { Child } from './children.ts'
import { request } from './http.ts'
import { partIfThere } from './parts.ts'
import { until } from './until.ts'

export interface OpaServer extends AsyncDisposable {
  readonly url: string
  /** It accepts connections and never answers. */
  pause(): Promise<void>
  resume(): void
  kill(): Promise<void>
  /** Again on the same port. */
  start(): Promise<void>
  close(): Promise<void>
}

export interface OpaOptions {
  /** Of buckets beside those of the policies' own data. */
  readonly rules?: Readonly<Record<string, object>>
  /** Even where there is an OPA. */
  readonly isStandIn?: boolean
}

export const POLICIES = fileURLToPath(new URL('../../policies', import.meta.url))
const STAND_IN = fileURLToPath(new URL('opa-stand-in.ts', import.meta.url))

export async function openOpa({
  rules = {},
  isStandIn = false,
}: OpaOptions = {}): Promise<OpaServer> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-opa-'))
  cpSync(POLICIES, folder, { recursive: true })
  addRules(join(folder, 'sluice/rules/data.json'), rules)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const program = isStandIn ? undefined : partIfThere('opa')
  let child: Child | undefined
  const start = async (): Promise<void> => {
    child =
      program === undefined
        ? startChild(process.execPath, [STAND_IN, String(port), folder])
        : startChild(program, ['run', '--server', '--addr', `127.0.0.1:${port}`, folder])
    await until('the policy server to answer', () => isHealthy(url), Boolean)
  }
  const kill = async (): Promise<void> => {
    child?.kill('SIGKILL')
    await child?.exited
  }
  const close = async (): Promise<void> => {
    await kill()
    rmSync(folder, { recursive: true, force: true })
  }
  await start()
  return {
    url,
    pause: async () => {
      child?.kill('SIGSTOP')
      await until('the policy server to hang', () => answersNot(url), Boolean)
    },
    resume: () => child?.kill('SIGCONT'),
    kill,
    start,
    close,
    [Symbol.asyncDispose]: close,
  }
}

function addRules(file: string, rules: Readonly<Record<string, object>>): void {
  const own = JSON.parse(readFileSync(file, 'utf8')) as { buckets: object }
  writeFileSync(file, JSON.stringify({ buckets: { ...own.buckets, ...rules } }))
}

/** It may still answer what reaches it before the signal does. */
async function answersNot(url: string): Promise<boolean> {
  const signal = AbortSignal.timeout(300)
  return request(`${url}/health`, { signal }).then(
    () => false,
    () => true,
  )
}

async function isHealthy(url: string): Promise<boolean> {
  const answer = await request(`${url}/health`).catch(() => undefined)
  return answer?.status === 200
}

/** Some other process may take it before it is used; it is not likely. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
