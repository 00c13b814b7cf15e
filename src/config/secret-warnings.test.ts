import assert from 'node:assert/strict'
import { test } from 'node:test'

import { load } from './loaded.contract.ts'

const WEAK = 'test-secret-that-is-at-least-32-bytes-long'
const STRONG = 'Vd3kT7pX9qLwRzYc2BnMf8HsJa5GuEe4'

function paths(secret: string): string[] {
  const jwt = `{keys: [{id: k, algorithm: HS256, secret: ${secret}}]}`
  const { loaded, lines } = load({
    'config.yaml': `
admin: { token: ${secret}, roles: { viewer: { token: x${secret} } } }
jwt: { secret: ${secret} }
buckets:
  - name: a
    path_prefix: /a
    s3: { bucket: b, credentials: anonymous }
    auth: { enabled: true }
  - name: b
    path_prefix: /b
    s3: { bucket: b, credentials: anonymous }
    auth: { enabled: true, jwt: ${jwt} }
    signed_urls: { enabled: true, keys: [{ id: k1, secret: ${secret} }] }
`,
  })
  assert.equal(loaded.kind, 'loaded')
  assert.ok(!lines.join().includes(secret))
  return lines.map((line) => /^config\.yaml: (\S+): is easily guessed/.exec(line)?.[1] ?? line)
}

test('a secret of common words is a warning, wherever it stands', () => {
  assert.deepEqual(paths(WEAK), [
    'admin.token',
    'admin.roles.viewer.token',
    'jwt.secret',
    'buckets[1].auth.jwt.keys[0].secret',
    'buckets[1].signed_urls.keys[0].secret',
  ])
})

test('one that a machine made up is none', () => {
  assert.deepEqual(paths(STRONG), [])
})
