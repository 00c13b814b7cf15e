// `npm run k6 -- ranges [arguments of k6]`: runs a load script of k6/ against a world made for it, or against
// the Sluice that BASE_URL names. `npm run k6 -- objects FOLDER` writes the objects the scripts read.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, globSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { openLoadWorld, loadObjects } from './load-world.ts'
import { generateBytes } from './s3-server.ts'

const SCRIPTS = join(import.meta.dirname, '../k6')
const names = globSync('*.ts', { cwd: SCRIPTS }).map((file) => file.replace(/\.ts$/, ''))

const [name = '', ...args] = process.argv.slice(2)
process.exitCode = await run()

async function run(): Promise<number> {
  if (name === 'objects') return writeObjects(args[0] ?? 'objects')
  if (!names.includes(name)) return fail(`which script? ${names.toSorted().join(', ')}, or objects`)
  const k6 = findK6()
  if (k6 === undefined) return fail('there is no k6; go install go.k6.io/k6@v1.8.1 brings it')
  if (process.env['BASE_URL'] !== undefined) return await runK6(k6, {})
  await using world = await openLoadWorld(process.env['THREADS'] ?? 'auto')
  return await runK6(k6, world.env)
}

async function runK6(k6: string, env: Readonly<Record<string, string>>): Promise<number> {
  const script = join(SCRIPTS, `${name}.ts`)
  const child = spawn(k6, ['run', '--no-usage-report', ...args, script], {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => child.kill(signal))
  }
  process.once('exit', () => child.kill('SIGKILL'))
  const [code] = await once(child, 'exit')
  return typeof code === 'number' ? code : 1
}

function findK6(): string | undefined {
  const { PATH = '', GOBIN, GOPATH, HOME = '' } = process.env
  const go = GOBIN ?? join(GOPATH?.split(':')[0] ?? join(HOME, 'go'), 'bin')
  return [...PATH.split(':'), go].map((folder) => join(folder, 'k6')).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function writeObjects(folder: string): number {
  for (const [key, body] of loadObjects()) {
    const file = join(folder, key)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, body instanceof Uint8Array ? body : generateBytes(body.seed, 0, body.size))
  }
  console.log(`the objects are in ${folder}`)
  return 0
}

function fail(message: string): number {
  console.error(message)
  return 1
}
