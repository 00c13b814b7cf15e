// The package as it is published: built, packed, installed without what is for development, and run.

import assert from 'node:assert/strict'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { startChild } from '../support/children.ts'
import type { Exit } from '../support/children.ts'
import { openFront } from '../support/front.ts'
import { request } from '../support/http.ts'
import { RUNTIME_FLAGS, runSluice } from '../support/sluice.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SOURCES = [
  'src',
  'dev/copy-assets.ts',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'README.md',
  'LICENSE',
]
const CONFIG = `buckets: [{ name: a, path_prefix: /a, s3: { bucket: a } }]\n`

const folder = mkdtempSync(join(tmpdir(), 'sluice-package-'))
const installed = join(folder, 'installed')
let packed: readonly string[] = []

interface Ran extends Exit {
  readonly stdout: string
  readonly stderr: string
}

async function run(command: string, args: readonly string[], cwd: string): Promise<Ran> {
  let stdout = ''
  // As in a script of npm: the Node of the project comes first.
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH']}` }
  const child = startChild(command, args, { cwd, env, onStdout: (text) => (stdout += text) })
  return { ...(await child.exited), stdout, stderr: child.stderr() }
}

async function succeeds(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, cwd)
  assert.equal(code, 0, `${command} ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout
}

before(async () => {
  const checkout = join(folder, 'checkout')
  for (const source of SOURCES)
    cpSync(join(ROOT, source), join(checkout, source), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'))
  // A file of a version before, which a build must not leave in the package.
  mkdirSync(join(checkout, 'dist'))
  writeFileSync(join(checkout, 'dist/left-over.js'), '')

  const listing = await succeeds('npm', ['pack', '--json', '--pack-destination', folder], checkout)
  const [first] = packingOf(listing)
  packed = (first?.files ?? []).map(({ path }) => path)

  mkdirSync(installed)
  writeFileSync(join(installed, 'package.json'), '{}')
  // What `npm ci` has brought is in npm's cache; only what is not is asked for.
  const quiet = ['--omit=dev', '--prefer-offline', '--no-audit', '--no-fund']
  await succeeds('npm', ['install', ...quiet, join(folder, first?.filename ?? '')], installed)
})
after(() => rmSync(folder, { recursive: true, force: true }))

interface Packing {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

/** Behind what the build has said; a list, or a map by name, whichever npm it is. */
function packingOf(said: string): Packing[] {
  const json: unknown = JSON.parse(said.slice(said.search(/^[[{]/m)))
  return Object.values(json as Record<string, Packing>) // npm's own word for its own file.
}

test('the package holds the built program and what tells of it, and nothing else', () => {
  const others = packed.filter((path) => !path.startsWith('dist/'))
  assert.deepEqual(others.toSorted(), ['LICENSE', 'README.md', 'package.json'])
  for (const needed of ['main.js', 'health.js', 'admin/console/index.html']) {
    assert.ok(packed.includes(`dist/${needed}`), needed)
  }
  const odd = packed.filter((path) => /\.(?:test|contract)\.|\.ts$|left-over/.test(path))
  assert.deepEqual(odd, [])
  assert.ok(!packed.some((path) => path.startsWith('dist/dev') || path.startsWith('dist/test')))
})

test('installed without what is for development, npx runs it', async () => {
  const npx = (...args: string[]): Promise<Ran> =>
    run('npx', ['--no-install', 'sluice', ...args], installed)
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Version
  assert.equal((await npx('--version')).stdout.trim(), version)
  assert.match((await npx('--help')).stdout, /^sluice \[serve\]/)

  writeFileSync(join(installed, 'config.yaml'), CONFIG)
  assert.equal((await npx('check')).code, 0)
  writeFileSync(join(installed, 'config.yaml'), CONFIG.replace('path_prefix', 'path_perfix'))
  const refused = await npx('check')
  assert.equal(refused.code, 1)
  assert.match(refused.stdout + refused.stderr, /did you mean path_prefix/)
})

interface Version {
  readonly version: string
}

const program = join(installed, 'node_modules/sluice/dist/main.js')

for (const threads of [1, 2]) {
  test(`the installed program serves, with ${threads} thread${threads > 1 ? 's' : ''}`, async () => {
    const disk = { cache_dir: join(folder, `cache-${threads}`) }
    const settings = { server: { threads }, cache: { cache_layers: ['memory', 'disk'], disk } }
    await using front = await openFront(settings, { program })
    const { sluice } = front
    front.put('k', 'from the package')
    for (const _ of [1, 2]) {
      assert.equal((await request(`${sluice.url}/files/k`)).text, 'from the package')
    }
    const health = join(installed, 'node_modules/sluice/dist/health.js')
    const ask = (url: string): Promise<Ran> => run(process.execPath, [health, url], installed)
    assert.equal((await ask(`${sluice.opsUrl}/ready`)).code, 0)
    assert.equal((await ask(`${sluice.opsUrl}/no-such-path`)).code, 1)
    sluice.kill('SIGTERM')
    assert.equal((await sluice.exited).code, 0)
    const gone = await ask(`${sluice.opsUrl}/ready`)
    assert.equal(gone.code, 1)
    assert.match(gone.stdout, /ECONNREFUSED/)
  })
}

test('the first line of the built program has the flags of the one in the checkout', async () => {
  const [line] = readFileSync(program, 'utf8').split('\n')
  assert.equal(line, `#!/usr/bin/env -S node ${RUNTIME_FLAGS.join(' ')}`)
  assert.equal((await runSluice(['--version'], { program })).code, 0)
})
