// `sluice top`: on paper, and in a real terminal that somebody sits before.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { openCachedFront, TOKEN } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { startChild } from '../support/children.ts'
import type { Exit } from '../support/children.ts'
import { partMissing, requirePart } from '../support/parts.ts'
import { soon } from '../support/peer.ts'
import { runSluice, RUNTIME_FLAGS } from '../support/sluice.ts'
import { until } from '../support/until.ts'

const VIEWER = 'viewer-2pQz8rXw5Tn1Kb7c'
const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const TERMINAL = fileURLToPath(new URL('../support/pseudo-terminal.py', import.meta.url))
const HOSTILE = 'evil\u001b]0;owned\u0007\u001b[2J'
const ENTERED = '\u001b[?1049h'
const LEFT = '\u001b[?1049l'
const END_MS = 15_000

const opened = new AsyncDisposableStack()
after(() => opened.disposeAsync())
let front: CachedFront

before(async () => {
  const admin = { token: TOKEN, roles: { viewer: { token: VIEWER } } }
  front = opened.use(await openCachedFront({ admin }))
  front.put('hot.txt', 'x'.repeat(2000))
  front.put(HOSTILE, 'body')
  for (let turn = 0; turn < 20; turn += 1) await front.look('hot.txt')
  for (let turn = 0; turn < 5; turn += 1) await front.look(encodeURIComponent(HOSTILE))
  await until(
    'it is told',
    async () => (await front.call('GET', '/admin/traffic')).json['window'],
    (window) => Object(window).requests === 25,
  )
})

test('prints once where it is told to, or there is no terminal: traffic, replicas, objects', async () => {
  for (const once of [['--once'], []]) {
    const args = ['top', ...once, '--admin', front.opsUrl, '--token', VIEWER]
    const { code, stdout, stderr } = await runSluice(args)
    assert.deepEqual([code, stderr], [0, ''])
    for (const wanted of [
      /^Sluice \S+ at http:\/\/127\.0\.0\.1:\d+ \| up /,
      /^hit ratio +92\.0% +memory 92\.0%$/m,
      /^answers +2xx 25$/m,
      /^files +primary +healthy +closed +0 /m,
      /^ +(?:20\.0|19\.\d) +9[45]\.\d% +\S+ +files: hot\.txt$/m,
      /MISS +files: hot\.txt$/m,
    ]) {
      assert.match(stdout, wanted)
    }
    assert.ok(!/[\p{Cc}\p{Cf}]/u.test(stdout.replaceAll('\n', '')), JSON.stringify(stdout))
  }
})

test('says what is wrong, and ends with 1', async () => {
  const at = ['--admin', front.opsUrl]
  const wrong = await runSluice(['top', '--once', ...at, '--token', 'wrong-token-of-some-length'])
  assert.deepEqual([wrong.code, wrong.stdout], [1, ''])
  assert.match(wrong.stderr, /^sluice: .*\(401 token_invalid\)$/m)
  const nobody = await runSluice(['top', '--admin', 'http://127.0.0.1:1', '--token', TOKEN])
  assert.equal(nobody.code, 1)
  assert.match(nobody.stderr, /ECONNREFUSED/)
  const none = await runSluice(['top', ...at], { env: { SLUICE_ADMIN_TOKEN: '' } })
  assert.match(none.stderr, /no token: give --token, or set SLUICE_ADMIN_TOKEN/)
  assert.equal((await runSluice(['stats', '--once'])).code, 1)
})

describe('in a terminal', { skip: partMissing('python3') }, () => {
  interface Sitting extends Disposable {
    readonly exited: Promise<Exit>
    seen(): string
    press(keys: string): void
    resize(columns: number, rows: number): void
    kill(): void
  }

  function sitDown(columns: number, rows: number, args: readonly string[] = []): Sitting {
    const command = [
      process.execPath,
      ...RUNTIME_FLAGS,
      MAIN,
      'top',
      '--admin',
      front.opsUrl,
      ...args,
    ]
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    let seen = ''
    const child = startChild(
      requirePart('python3'),
      [TERMINAL, JSON.stringify([columns, rows, ...command])],
      {
        env: { ...env, SLUICE_ADMIN_TOKEN: VIEWER },
        takesInput: true,
        onStdout: (text) => (seen += text),
      },
    )
    const order = (what: object): void =>
      void child.process.stdin?.write(`${JSON.stringify(what)}\n`)
    return {
      exited: child.exited,
      seen: () => seen,
      press: (keys) => order({ keys }),
      resize: (...size) => order({ size }),
      kill: () => child.kill('SIGKILL'),
      [Symbol.dispose]: () => child.kill('SIGKILL'),
    }
  }

  function sees(sitting: Sitting, what: RegExp): Promise<string> {
    return until(
      String(what),
      async () => sitting.seen(),
      (seen) => what.test(seen),
    )
  }

  /** Frames begin where the terminal is told to hold what follows. */
  function framesOf({ seen }: Sitting): string[] {
    return seen().split('\u001b[?2026h').slice(1)
  }

  function framesSeen(sitting: Sitting, count: number): Promise<number> {
    return until(
      'frames',
      async () => framesOf(sitting).length,
      (many) => many >= count,
    )
  }

  test('it shows what passes, anew each second, and q brings back what was there', async () => {
    using sitting = sitDown(100, 30)
    await sees(sitting, /hot\.txt/)
    const before = framesOf(sitting).length
    await framesSeen(sitting, before + 2)
    sitting.press('q')
    const { code } = await soon(sitting.exited, 'its end', END_MS)
    assert.equal(code, 0)
    const seen = sitting.seen()
    assert.ok(seen.startsWith(ENTERED) && seen.endsWith(LEFT), JSON.stringify(seen.slice(-60)))
    assert.ok(seen.includes('\u001b[?25h'), 'the cursor is shown again')
    assert.ok(!seen.slice(ENTERED.length).includes('\u001b[2J'), 'nothing is blank in between')
    assert.ok(!seen.includes('owned\u0007'), 'no key is obeyed')
  })

  test('it fits itself to the terminal when that changes', async () => {
    using sitting = sitDown(100, 30)
    await framesSeen(sitting, 1)
    assert.equal(framesOf(sitting)[0]?.split('\r\n').length, 30)
    sitting.resize(60, 12)
    await until(
      'a frame of that size',
      async () => framesOf(sitting).at(-1)?.split('\r\n').length,
      (rows) => rows === 12,
    )
    sitting.press('\u0003')
    assert.equal((await soon(sitting.exited, 'its end', END_MS)).code, 0)
    assert.ok(sitting.seen().endsWith(LEFT))
  })

  test('it goes on asking when Sluice does not answer, and says so', async () => {
    await using other = await openCachedFront({ admin: { token: VIEWER } })
    using sitting = sitDown(100, 30, ['--admin', other.opsUrl])
    await framesSeen(sitting, 1)
    await other.sluice.close()
    await sees(sitting, /ECONNREFUSED.*asking again/)
    sitting.press('q')
    assert.equal((await soon(sitting.exited, 'its end', END_MS)).code, 0)
  })
})
