import assert from 'node:assert/strict'
import { test } from 'node:test'
import { format, inspect } from 'node:util'

import * as fc from 'fast-check'

import { Secret, withoutCredentials, withoutQueryValues } from './secret.ts'

test('a secret is told only to who asks for it by name', () => {
  assert.equal(new Secret('hunter2').reveal(), 'hunter2')
})

test('no way of printing a secret shows it', () => {
  const ways: readonly ((secret: Secret) => string)[] = [
    (secret) => String(secret),
    (secret) => [secret].join(),
    (secret) => JSON.stringify({ secret }),
    (secret) => inspect({ secret }, { showHidden: true, depth: 9 }),
    (secret) => format('%s %o %j', secret, secret, secret),
    (secret) => inspect(Object.entries(secret)),
  ]
  // Letters that are in none of the words printed around a secret.
  const texts = fc.stringMatching(/^[zqx!]{4,20}$/)
  fc.assert(
    fc.property(texts, fc.constantFrom(...ways), (text, print) => {
      return !print(new Secret(text)).includes(text)
    }),
    { seed: 1 },
  )
})

test('a printed secret says that it is one', () => {
  assert.equal(JSON.stringify({ key: new Secret('hunter2') }), '{"key":"[secret]"}')
})

for (const [url, shown] of [
  ['https://a.test/jwks', 'https://a.test/jwks'],
  ['https://ann:pass@a.test/jwks', 'https://***@a.test/jwks'],
  ['redis://:p@ss/w@host:6379', 'redis://***@host:6379'],
  ['ann:pass@host', '***@host'],
  ['ann:pass\nword@host', '***@host'],
  ['', ''],
] as const) {
  test(`of ${JSON.stringify(url)} is shown ${shown || 'nothing'}`, () => {
    assert.equal(withoutCredentials(url), shown)
  })
}

for (const [url, shown] of [
  ['https://a.test/jwks', 'https://a.test/jwks'],
  ['https://a.test/jwks?', 'https://a.test/jwks?'],
  ['https://a.test/jwks?key=abc', 'https://a.test/jwks?key=***'],
  ['https://a.test/jwks?p=1&key=a=b?c&', 'https://a.test/jwks?p=***&key=***&'],
  ['https://a.test/jwks?abc', 'https://a.test/jwks?***'],
] as const) {
  test(`of the query in ${url} are shown the names alone`, () => {
    assert.equal(withoutQueryValues(url), shown)
  })
}
