// The operator's calls from a terminal.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { openCachedFront, TOKEN } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { runSluice } from '../support/sluice.ts'

let front: CachedFront

before(async () => (front = await openCachedFront()))
after(() => front[Symbol.asyncDispose]())

type Ran = Awaited<ReturnType<typeof runSluice>>

function run(...args: readonly string[]): Promise<Ran> {
  return runSluice([...args, '--admin', front.opsUrl, '--token', TOKEN])
}

test('sluice purge purges, and prints the answer', async () => {
  front.put('a/1', 'body')
  await front.look('a/1')
  const { code, stdout, stderr } = await run('purge', '--bucket', 'files', '--key', 'a/1')
  assert.deepEqual([code, stderr], [0, ''])
  const { status, rule, entries } = JSON.parse(stdout)
  assert.deepEqual([status, rule, entries], ['ok', { bucket: 'files', key: 'a/1' }, 2])
  assert.match(stdout, /^\{\n {2}"status": "ok",\n/)
  assert.equal(await front.look('a/1'), 'MISS')
})

const RULES: readonly [args: readonly string[], rule: object][] = [
  [['--prefix', 'a/'], { prefix: 'a/' }],
  [['--bucket', 'files', '--pattern', 'a/*'], { bucket: 'files', pattern: 'a/*' }],
  [['--tag', 'red'], { tag: 'red' }],
  [['--bucket', 'files', '--all'], { bucket: 'files', all: true }],
  [['--all'], { all: true }],
]

for (const [args, rule] of RULES) {
  test(`sluice purge ${args.join(' ')} --dry-run counts, and purges nothing`, async () => {
    front.put('a/2', 'body')
    await front.look('a/2')
    const { code, stdout } = await run('purge', ...args, '--dry-run')
    assert.equal(code, 0)
    const answer = JSON.parse(stdout)
    assert.deepEqual([answer.rule, answer.dry_run], [rule, true])
    assert.equal(await front.look('a/2'), 'HIT')
  })
}

test('sluice purge --soft leaves objects stale', async () => {
  front.put('s', 'body')
  await front.look('s')
  assert.equal((await run('purge', '--bucket', 'files', '--key', 's', '--soft')).code, 0)
  assert.equal(await front.look('s'), 'STALE')
})

test('sluice stats prints what the cache holds, in all or of one bucket', async () => {
  for (const args of [['stats'], ['stats', 'files']]) {
    const { code, stdout, stderr } = await run(...args)
    assert.deepEqual([code, stderr], [0, ''])
    assert.equal(typeof JSON.parse(stdout).memory.entries, 'number')
  }
})

test('sluice explain tells people what a request would get, and why', async () => {
  front.put('e x', 'body')
  await front.look('e%20x')
  const header = ['--header', 'Range: bytes=1-2', '--header', 'X-Other: ü+&']
  const { code, stdout, stderr } = await run('explain', '/files/e%20x?token=a', ...header)
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /^served 206: The part that is asked for\.\n {2}files: e x\n/)
  assert.match(
    stdout,
    /\n\ncache: serve\. It is kept, and fresh\.\n(?: {2}.*\n)* {2}tier: memory\n/,
  )
  assert.match(stdout, /\n {4}Content-Range: bytes 1-2\/4\n/)
})

test('sluice explain --json prints the answer as it is', async () => {
  const host = ['--host', 'a.example', '--method', 'HEAD']
  const { code, stdout } = await run('explain', '/files/never-asked', '--json', ...host)
  assert.equal(code, 0, 'the origin decides, which is no refusal')
  const { summary, steps } = JSON.parse(stdout)
  assert.deepEqual([summary.served, summary.status], [null, null])
  assert.deepEqual([steps[0].method, steps[0].host], ['HEAD', 'a.example'])
})

test('sluice explain ends with 1 where the request would be refused', async () => {
  const { code, stdout } = await run('explain', '/flies/a')
  assert.equal(code, 1)
  assert.match(stdout, /^refused 404 no_route: No bucket has a prefix of this path/)
  assert.match(stdout, /\n {2}near_misses:\n {4}bucket=files path_prefix=\/files /)
  assert.equal((await run('explain', '/flies/a', '--json')).code, 1)
})

test('sluice prewarm begins a task and prints it', async () => {
  for (const key of ['w/1', 'w/2', 'w/d/3']) front.put(key, 'body')
  const { code, stdout, stderr } = await run('prewarm', '--bucket', 'files', '--key', 'w/1')
  assert.deepEqual([code, stderr], [0, ''])
  const { task_id: id, order, objects } = JSON.parse(stdout)
  assert.deepEqual([order, typeof objects.found], [{ bucket: 'files', keys: 1 }, 'number'])
  const { status } = await front.call('GET', `/admin/cache/prewarm/${id}`)
  assert.equal(status, 200)
})

const PREWARMED: readonly [args: readonly string[], found: number][] = [
  [['--prefix', 'w/'], 3],
  [['--prefix', 'w/', '--no-recursive'], 2],
  [['--prefix', 'w/', '--max-files', '1'], 1],
  [['--key', 'w/1', '--key', 'w/2'], 2],
]

for (const [args, found] of PREWARMED) {
  test(`sluice prewarm ${args.join(' ')} --wait follows the task to its end`, async () => {
    for (const key of ['w/1', 'w/2', 'w/d/3']) front.put(key, 'body')
    const { code, stdout, stderr } = await run('prewarm', '--bucket', 'files', ...args, '--wait')
    assert.equal(code, 0)
    assert.match(stderr, /^sluice: waiting for the task [0-9a-f-]{36}\n$/)
    const task = JSON.parse(stdout)
    assert.deepEqual([task.status, task.objects.found], ['completed', found])
    assert.equal(await front.look('w/1'), 'HIT')
  })
}

test('sluice prewarm --wait ends with 1 when the task has failed', async () => {
  const missing = ['--bucket', 'files', '--key', 'missing']
  const { code, stdout } = await run('prewarm', ...missing, '--wait')
  assert.equal(code, 1)
  const { status, problems } = JSON.parse(stdout)
  assert.deepEqual([status, problems], ['failed', [{ key: 'missing', reason: 'not_found' }]])
  assert.equal((await run('prewarm', ...missing)).code, 0)
})

test('what the server refuses ends with 1 and its own words', async () => {
  const refused: readonly [args: readonly string[], words: RegExp][] = [
    [['purge', '--bucket', 'files'], /The rule is empty: say .* \(400 invalid_request\)/],
    [['purge', '--key', 'a'], /The field key needs the field bucket\./],
    [['purge', '--tag', 'a', '--all'], /The fields tag and all are two rules\./],
    [['prewarm', '--prefix', 'a'], /The field bucket is missing\. \(400 invalid_request\)/],
    [['prewarm', '--bucket', 'files', '--max-files', '0'], /The field max_files is not a/],
    [['stats', 'flies'], /The bucket is not known\. \(404 not_found\)/],
  ]
  for (const [args, words] of refused) {
    const { code, stdout, stderr } = await run(...args)
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, words)
  }
})

test('the token may come from the environment, and a wrong or missing one is told', async () => {
  const stats = ['stats', '--admin', front.opsUrl]
  const ask = (token: string): Promise<Ran> =>
    runSluice(stats, { env: { SLUICE_ADMIN_TOKEN: token } })
  assert.equal((await ask(TOKEN)).code, 0)
  const wrong = await ask('not-the-right-one')
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /The token is not valid\. \(401 token_invalid\)/)
  const none = await ask('')
  assert.equal(none.code, 1)
  assert.match(none.stderr, /give --token, or set SLUICE_ADMIN_TOKEN/)
})

test('a Sluice that is not there is told', async () => {
  const { code, stderr } = await runSluice([
    'stats',
    '--admin',
    'http://127.0.0.1:1',
    '--token',
    TOKEN,
  ])
  assert.equal(code, 1)
  assert.match(stderr, /^sluice: http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/)
})

const MISTAKEN: readonly [args: readonly string[], words: string][] = [
  [['serve', '--key', 'a'], '--key belongs to the commands purge, prewarm and sign'],
  [['stats', '--all'], '--all belongs to the command purge'],
  [
    ['check', '--token', 'a'],
    '--token belongs to the commands purge, prewarm, stats, reload, explain and top',
  ],
  [['stats', 'a', 'b'], 'unexpected argument: b'],
  [['explain'], 'explain what? sluice explain /path/of/an/object'],
  [['explain', '/a', '/b'], 'unexpected argument: /b'],
  [['stats', '--header', 'A: b'], '--header belongs to the command explain'],
  [['purge', 'files'], 'unexpected argument: files'],
  [['purge', '--wait'], '--wait belongs to the command prewarm'],
  [['prewarm', '--soft'], '--soft belongs to the command purge'],
  [['purge', '--key', 'a', '--key', 'b'], '--key: a purge has one'],
  [['prewarm', '--max-files', 'x'], '--max-files: wanted a whole number, found x'],
  [
    ['stats', '--admin', 'localhost'],
    '--admin: wanted a URL such as http://127.0.0.1:9090, found localhost',
  ],
]

for (const [args, words] of MISTAKEN) {
  test(`sluice ${args.join(' ')} is mistaken`, async () => {
    const { code, stderr } = await runSluice(args)
    assert.equal(code, 1)
    assert.equal(stderr.split('\n', 1)[0], `sluice: ${words}`)
  })
}
