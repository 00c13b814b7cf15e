// Whole configurations: sections that are each good alone are good together, and mean what they say.

import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { createCertificate } from '../support/certificates.ts'
import { runSluice } from '../support/sluice.ts'
import { keyPair, pem, SECRET } from '../support/tokens.ts'

const env = {
  KEY: 'AKIDFRONT',
  SECRET: 'a secret of the tests',
  JWT_SECRET: SECRET,
  ADMIN_TOKEN: 'Rk3v-9qLwPz7_tYd2XcB',
}
const certificate = createCertificate()
let folder: string

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-whole-'))
  for (const name of ['whole.yaml', 'other-spellings.yaml']) {
    copyFileSync(fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url)), join(folder, name))
  }
  copyFileSync(certificate.certPath, join(folder, 'cert.pem'))
  copyFileSync(certificate.keyPath, join(folder, 'key.pem'))
  writeFileSync(join(folder, 'public.pem'), pem(keyPair('rsa')))
})
after(() => {
  rmSync(folder, { recursive: true })
  certificate[Symbol.dispose]()
})

function run(command: string, name: string): ReturnType<typeof runSluice> {
  return runSluice([command, '--config', join(folder, name)], { env })
}

test('a configuration with every section is good, without a warning', async () => {
  const { code, stdout, stderr } = await run('check', 'whole.yaml')
  assert.deepEqual([code, stderr], [0, ''], stdout + stderr)
})

test('a configuration with every section is printed, without its secrets', async () => {
  const { code, stdout, stderr } = await run('config', 'whole.yaml')
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /headers:\n\s+x-api-key: '\*\*\*'\n/)
  for (const secret of SECRETS) assert.ok(!stdout.includes(secret), secret)
})

test('settings in other spellings mean the same', async () => {
  const { code, stderr } = await run('check', 'other-spellings.yaml')
  assert.equal(code, 0, stderr)
  const { stdout } = await run('config', 'other-spellings.yaml')
  for (const line of WANTED) assert.match(stdout, line)
  for (const secret of [SECRET, 'secretsecretsecret']) assert.ok(!stdout.includes(secret))
})

const SECRETS = [
  env.SECRET,
  env.JWT_SECRET,
  env.ADMIN_TOKEN,
  'secretsecretsecret',
  'kX3v9Qw7Lr2Zt8Yp5Nc1Hb6Mf4Gd0Js7',
  'Vq7mZ2xW9eR4tY1uB8oP3aS6dF5gH0jKc2N',
  'hunter22222',
  'V3v-9qLwPz7_tYd2XcB',
]

const WANTED = [
  /address: 127\.0\.0\.1:8080/,
  /policy_path: files\/authz\/allow/,
  /fail_mode: closed/,
  /fail_mode: open/,
  /- 10\.0\.0\.1\n/,
  /key: bucket\n\s+algorithm: token_bucket\n\s+requests_per_second: 50\n/,
  /key: global\n\s+algorithm: token_bucket\n\s+requests_per_second: 1000\n/,
  /key: ip\n\s+algorithm: token_bucket\n\s+requests_per_second: 100\n/,
  /ttl: 1m\n/,
  /max_item_size: 10MiB\n/,
]
