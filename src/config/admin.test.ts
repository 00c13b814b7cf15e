import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { formatProblem, loadConfig, printConfig } from './config.ts'
import { isGuessable, isPlaceholder } from './placeholder.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-admin-'))
after(() => rmSync(folder, { recursive: true }))

const GOOD = 'Rk3v-9qLwPz7_tYd2XcB'

function load(admin: string, env = {}): ReturnType<typeof loadConfig> {
  const file = join(folder, 'config.yaml')
  writeFileSync(
    file,
    `admin: {${admin}}\nbuckets: [{name: a, path_prefix: /a, s3: {bucket: b, credentials: anonymous}}]`,
  )
  return loadConfig(file, env)
}

test('the token is an operator’s secret: kept, and never printed', () => {
  const loaded = load('token: "${ADMIN_TOKEN}"', { ADMIN_TOKEN: GOOD })
  assert.equal(loaded.kind, 'loaded')
  if (loaded.kind !== 'loaded') return
  assert.equal(loaded.config.admin.token?.reveal(), GOOD)
  const printed = printConfig(loaded.config)
  assert.deepEqual(
    { ...printed, buckets: undefined, server: undefined },
    {
      ...printed,
      buckets: undefined,
      server: undefined,
      admin: { address: '127.0.0.1:9090', token: '***' },
    },
  )
  assert.ok(!JSON.stringify([printed, loaded.config]).includes(GOOD))
})

test('without a token there is none', () => {
  const loaded = load('address: ":9000"')
  assert.ok(loaded.kind === 'loaded' && loaded.config.admin.token === undefined)
})

const BROKEN: readonly string[] = [
  '""',
  '"***"',
  '"fifteen-chars-x"',
  '"changemechangeme"',
  '"password-password"',
  '"YOUR-ADMIN-TOKEN-HERE"',
  '"replace_me_with_a_secret"',
  '"your-secret-key-change-me-in-production"',
  '"your-secret-key-must-be-at-least-32-characters-long"',
  '"a-string-secret-at-least-256-bits-long"',
  '"CHANGE_ME_IN_PRODUCTION_0123456789abcd"',
  '"with a space in it 7x"',
  '"dreizehn-Schlüssel-7x"',
  `"${'x7Kq'.repeat(129)}"`,
  '1234567890123456',
  '[a]',
]

for (const token of BROKEN) {
  test(`the token ${token.slice(0, 30)} is a problem, and is not shown in it`, () => {
    const loaded = load(`token: ${token}`)
    assert.equal(loaded.kind, 'refused')
    if (loaded.kind !== 'refused') return
    const [line = '', ...more] = loaded.problems.map(formatProblem)
    assert.deepEqual(more, [])
    assert.match(
      line,
      /: admin\.token: wanted a token of 16 to 512 visible ASCII characters that is no placeholder, found [a-z ]+ \(openssl rand -hex 24 makes one\)$/,
    )
  })
}

test('an environment variable that is empty opens nothing', () => {
  const loaded = load('token: "${ADMIN_TOKEN:-}"')
  assert.equal(loaded.kind, 'refused')
})

const GUESSABLE: readonly string[] = [
  '0123456789abcdef',
  'aaaaaaaaaaaaaaaaaaaaaaaa',
  'admin-token-0123456789',
  'my-super-secret-jwt-key-for-development-only',
]

for (const token of GUESSABLE) {
  test(`the token ${token.slice(0, 30)} is taken, with a warning that does not show it`, () => {
    const loaded = load(`token: ${token}, roles: {viewer: {token: ${GOOD}}}`)
    assert.equal(loaded.kind, 'loaded')
    if (loaded.kind !== 'loaded') return
    const [line = '', ...more] = loaded.warnings.map(formatProblem)
    assert.deepEqual(more, [])
    assert.match(line, /: admin\.token: is easily guessed: [a-z,: ]+ \(openssl [a-z0-9 -]+\)$/)
  })
}

test('what a machine made up is no placeholder', () => {
  const made = [
    GOOD,
    'bd31c1a1b9f0cda9e7b4c1f2',
    '7f3a9c0e-5b1d-4c62-9a8e-0d2f6b7c1e34',
    'correct-horse-battery-staple',
    'mZ0aTokenQ1w9Secret4p',
  ]
  for (const token of made) assert.ok(!isPlaceholder(token) && !isGuessable(token), token)
})
