// The program from a terminal: its commands, what it says where, and its exit codes.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'

import { startChild } from '../support/children.ts'
import { soon } from '../support/peer.ts'
import { MAIN, openSluice, RUNTIME_FLAGS, runSluice } from '../support/sluice.ts'

const folder = mkdtempSync(join(tmpdir(), 'command-line-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const { version } = createRequire(import.meta.url)('../../package.json')

const GOOD = `
server: { address: "127.0.0.1:0", threads: 1 }
admin: { address: "127.0.0.1:0" }
buckets:
  - name: products
    path_prefix: /products
    s3: { bucket: b, endpoint: "http://127.0.0.1:1", access_key: key, secret_key: very-secret }
  - { name: more, path_prefix: /more, s3: { bucket: c, endpoint: "http://127.0.0.1:1", credentials: anonymous } }
`
const BROKEN = `
server: { address: "127.0.0.1:0", thread: 1 }
buckets:
  - name: products
    path_prefix: products
    s3: { bucket: b, acess_key: key, secret_key: very-secret }
loging: { level: info }
`
const WARNED = GOOD.replace('/products', '/health')

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const good = file('good.yaml', GOOD)
const broken = file('broken.yaml', BROKEN)
const warned = file('warned.yaml', WARNED)

test('check says that a configuration is good, and ends with 0', async () => {
  for (const args of [['check'], ['--test'], ['serve', '--test']]) {
    const { code, stdout, stderr } = await runSluice([...args, '--config', good])
    assert.deepEqual([code, stdout, stderr], [0, `${good}: ok, 2 buckets\n`, ''])
  }
})

const PROBLEMS = [/server\.thread: .*did you mean threads/, /buckets\[0\]\.path_prefix: /].concat([
  /buckets\[0\]\.s3\.acess_key: .*did you mean access_key/,
  /loging: .*did you mean logging/,
])

test('check tells every problem with its path, and ends with 1', async () => {
  for (const args of [['check'], ['--test']]) {
    const { code, stdout } = await runSluice([...args, '--config', broken])
    assert.equal(code, 1)
    for (const problem of PROBLEMS) assert.match(stdout, problem)
    assert.doesNotMatch(stdout, /very-secret/)
  }
})

test('check tells warnings too, and ends with 0', async () => {
  const { code, stdout } = await runSluice(['check', '-c', warned])
  assert.equal(code, 0)
  assert.match(stdout, /^warning: .*buckets\[0\]\.path_prefix: .*\/health/m)
})

test('serve with a broken configuration tells every problem on stderr, and ends with 1', async () => {
  for (const args of [[], ['serve']]) {
    const { code, stdout, stderr } = await runSluice([...args, '--config', broken])
    assert.deepEqual([code, stdout], [1, ''])
    for (const problem of PROBLEMS) assert.match(stderr, problem)
    assert.doesNotMatch(stderr, /very-secret|\n\s+at /)
  }
})

test('a configuration that is not there is a problem, not a crash', async () => {
  for (const args of [['serve'], ['check'], ['config']]) {
    const { code, stdout, stderr } = await runSluice([
      ...args,
      '--config',
      join(folder, 'none.yaml'),
    ])
    assert.equal(code, 1)
    assert.match(stdout + stderr, /none\.yaml/)
    assert.doesNotMatch(stdout + stderr, /\n\s+at /)
  }
})

test('config prints what is in force, secrets masked, and it loads again', async () => {
  const { code, stdout, stderr } = await runSluice(['config', '--config', good])
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /keep_alive_timeout: 65s/)
  assert.doesNotMatch(stdout, /very-secret/)
  const again = await runSluice(['check', '--config', file('again.yaml', stdout)])
  assert.equal(again.code, 0, again.stdout)
})

test('config with a broken configuration tells so on stderr, and prints none', async () => {
  const { code, stdout, stderr } = await runSluice(['config', '--config', broken])
  assert.deepEqual([code, stdout], [1, ''])
  for (const problem of PROBLEMS) assert.match(stderr, problem)
})

test('config --schema prints a JSON Schema', async () => {
  const { code, stdout } = await runSluice(['config', '--schema'])
  assert.equal(code, 0)
  assert.ok('buckets' in JSON.parse(stdout).properties)
})

test('--version and --help say what they are asked', async () => {
  for (const flag of ['--version', '-v']) {
    assert.deepEqual(await runSluice([flag]), {
      code: 0,
      signal: null,
      stdout: `${version}\n`,
      stderr: '',
    })
  }
  for (const flag of ['--help', '-h']) {
    const { code, stdout, stderr } = await runSluice([flag])
    assert.deepEqual([code, stderr], [0, ''])
    for (const command of ['serve', 'check', 'config', '--config', '--schema', '--test'])
      assert.ok(stdout.includes(command))
  }
})

test('npm hands a signal on, and waits until the program has ended', async () => {
  const ready = Promise.withResolvers<void>()
  const npm = startChild('npm', ['run', '--silent', 'sluice', '--', 'serve', '--config', good], {
    cwd: dirname(dirname(MAIN)),
    onStdout: (text) => void (text.includes('sluice ready') && ready.resolve()),
  })
  await soon(ready.promise, 'it is ready')
  npm.kill('SIGTERM')
  assert.deepEqual(await soon(npm.exited, 'the end'), { code: 0, signal: null })
})

const SIGNING = 'Vq7mZ2xW9eR4tY1uB8oP3aS6dF5gH0jKc2N'
const ENDED_READING: Readonly<Record<string, { args: readonly string[]; code: number }>> = {
  'config --schema': { args: ['config', '--schema'], code: 0 },
  config: { args: ['config', '--config', good], code: 0 },
  'check, of what is good': { args: ['check', '--config', good], code: 0 },
  'check, of what is not': { args: ['check', '--config', broken], code: 1 },
  completion: { args: ['completion', 'bash'], code: 0 },
  sign: { args: ['sign', '/a', '--expires', '1h', '--key', 'k1', '--secret', SIGNING], code: 0 },
  '--help': { args: ['--help'], code: 0 },
}

for (const [name, { args, code }] of Object.entries(ENDED_READING)) {
  test(`whoever reads what ${name} prints may stop reading`, async () => {
    const child = startChild(process.execPath, [...RUNTIME_FLAGS, MAIN, ...args])
    // Before the first line is written.
    child.process.stdout?.destroy()
    assert.deepEqual(await soon(child.exited, 'the end'), { code, signal: null })
    assert.equal(child.stderr(), '')
  })
}

test('what is not understood is told with the usage, and ends with 1', async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['sevre'], /unknown command: sevre/],
    [['serve', 'twice'], /unexpected argument: twice/],
    [['--confg', 'x'], /--confg/],
    [['serve', '--config'], /config/],
    [['check', '--schema'], /--schema/],
  ]
  for (const [args, said] of cases) {
    const { code, stdout, stderr } = await runSluice(args)
    assert.deepEqual([code, stdout], [1, ''], args.join(' '))
    assert.match(stderr, said)
    assert.match(stderr, /^sluice: /)
    assert.match(stderr, /sluice \[serve\] \[--config config\.yaml\]/)
  }
})

test('serve tells where it is ready, and warns on stderr', async () => {
  await using sluice = await openSluice(WARNED)
  const [ready = ''] = sluice.stdout().split('\n')
  assert.match(
    ready,
    /^sluice ready: http:\/\/127\.0\.0\.1:\d+ operations http:\/\/127\.0\.0\.1:\d+ buckets=products,more version=\d/,
  )
  assert.ok(ready.endsWith(`version=${version}`))
  assert.match(sluice.stderr(), /^warning: .*\/health/)
  sluice.kill('SIGTERM')
  assert.deepEqual(await soon(sluice.exited, 'the end'), { code: 0, signal: null })
})

test('serve is the command where none is named, and config.yaml the file', async () => {
  await using sluice = await openSluice(GOOD)
  assert.match(sluice.stdout(), /^sluice ready/m)
})

test('a port that is taken is told in one line, and ends with 1', async () => {
  await using first = await openSluice(GOOD)
  const port = new URL(first.url).port
  const taken = file('taken.yaml', GOOD.replace('127.0.0.1:0', `127.0.0.1:${port}`))
  const { code, stdout, stderr } = await runSluice(['serve', '--config', taken])
  assert.equal(code, 1)
  assert.doesNotMatch(stdout, /sluice ready/)
  assert.match(stderr, new RegExp(`^sluice: .*EADDRINUSE.*:${port}\\n$`))
})
