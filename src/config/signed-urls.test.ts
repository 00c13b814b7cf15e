import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { formatProblem, loadConfig, printConfig } from './config.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-signed-'))
after(() => rmSync(folder, { recursive: true }))

const SECRET = 'Vq7mZ2xW9eR4tY1uB8oP3aS6dF5gH0jKc2N'

function load(signed: string) {
  const file = join(folder, 'config.yaml')
  writeFileSync(
    file,
    `buckets: [{name: a, path_prefix: /, s3: {bucket: b}, signed_urls: {${signed}}}]`,
  )
  return loadConfig(file, { SECRET })
}

const AT = 'buckets[0].signed_urls'
const WANTED = 'wanted a secret of at least 32 bytes that is no placeholder'
const HOW = 'openssl rand -base64 48 makes one'
const key = (id: string, secret = SECRET): string => `{id: ${id}, secret: "${secret}"}`

const BROKEN: readonly (readonly [signed: string, said: readonly string[]])[] = [
  [`keys: [${key('k')}]`, [`${AT}.enabled: is missing; wanted true or false`]],
  [
    'enabled: true',
    [
      `${AT}.keys: has no key, and without one nobody can be let in (add keys: [{ id: k1, secret: … }])`,
    ],
  ],
  [
    'enabled: true, keys: []',
    [
      `${AT}.keys: has no key, and without one nobody can be let in (add keys: [{ id: k1, secret: … }])`,
    ],
  ],
  [
    `enabled: true, keys: [${key('k')}, ${key('k', `${SECRET}2`)}]`,
    [`${AT}.keys[1].id: is the id of keys[0] too`],
  ],
  [
    `enabled: true, keys: [${key('k', 'Vq7mZ2xW9eR4')}]`,
    [`${AT}.keys[0].secret: ${WANTED}, found a text (it has 12 bytes; wanted at least 32; ${HOW})`],
  ],
  [
    `enabled: true, keys: [${key('k', 'change-me-change-me-change-me-secret')}]`,
    [
      `${AT}.keys[0].secret: ${WANTED}, found a text (it is a placeholder that everybody knows; ${HOW})`,
    ],
  ],
  ['enabled: true, keys: [{id: k}]', [`${AT}.keys[0].secret: is missing; ${WANTED} (${HOW})`]],
  [
    `enabled: true, keys: [{secret: "${SECRET}"}]`,
    [`${AT}.keys[0].id: is missing; wanted an id of letters, digits, "-", "_" and "."`],
  ],
  [
    `enabled: true, keys: [${key('"a b"')}]`,
    [`${AT}.keys[0].id: wanted an id of letters, digits, "-", "_" and ".", found "a b"`],
  ],
  [
    `enabled: true, keys: [${key('k')}], revoked: ["a/b"]`,
    [`${AT}.revoked[0]: wanted an id of letters, digits, "-", "_" and ".", found "a/b"`],
  ],
  [
    `enabled: true, keys: [${key('k')}], allow_network: true`,
    [`${AT}.allow_network: unknown setting (did you mean allow_networks?)`],
  ],
  [
    `enabled: true, keys: [{id: k, secrt: "${SECRET}"}]`,
    [
      `${AT}.keys[0].secrt: unknown setting (did you mean secret?)`,
      `${AT}.keys[0].secret: is missing; ${WANTED} (${HOW})`,
    ],
  ],
]

for (const [signed, said] of BROKEN) {
  test(`signed_urls: {${signed}} stops the start`, () => {
    const loaded = load(signed)
    assert.equal(loaded.kind, 'refused')
    const told = loaded.problems.map((problem) => formatProblem({ ...problem, file: '' }))
    assert.deepEqual(told.toSorted(), said.toSorted())
    assert.ok(!told.join().includes(SECRET))
  })
}

test('what is printed says everything but the secrets', () => {
  const loaded = load(`enabled: true, keys: [{id: k, secret: "\${SECRET}"}], revoked: [x]`)
  assert.equal(loaded.kind, 'loaded')
  const printed = JSON.stringify(printConfig(loaded.config))
  assert.match(
    printed,
    /"signed_urls":{"enabled":true,"keys":\[{"id":"k","secret":"\*\*\*"}\],"allow_networks":false,"revoked":\["x"\]}/,
  )
  assert.ok(!printed.includes(SECRET))
})
