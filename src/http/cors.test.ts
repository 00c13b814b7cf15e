import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { answerCors, compileCors } from './cors.ts'
import type { CorsRules } from './cors.ts'
import { addVary } from './vary.ts'

const rules: CorsRules = {
  origins: ['https://app.example.com', 'https://*.example.org', 'http://*.example.net:8080'],
  methods: ['GET', 'HEAD'],
  headers: [],
  expose: [],
  maxAgeMs: 600_000,
  credentials: false,
}

type Sent = Readonly<Record<string, string>>

function fieldsOf(more: Partial<CorsRules>, method: string, headers: Sent): Map<string, string> {
  const { fields } = answerCors(compileCors({ ...rules, ...more }), { method, headers })
  const named = new Map<string, string>()
  for (let index = 0; index < fields.length; index += 2) {
    named.set((fields[index] ?? '').toLowerCase(), fields[index + 1] ?? '')
  }
  return named
}

const ORIGINS: readonly (readonly [origin: string, isAllowed: boolean])[] = [
  ['https://app.example.com', true],
  ['http://app.example.com', false],
  ['https://app.example.com:443', false],
  ['https://APP.example.com', false],
  ['https://app.example.com.evil.test', false],
  ['https://app.example.com, https://app.example.com', false],
  ['https://a.example.org', true],
  ['https://a.b-c.example.org', true],
  ['https://example.org', false],
  ['https://.example.org', false],
  ['https://evilexample.org', false],
  ['https://evil.test/.example.org', false],
  ['https://evil.test#.example.org', false],
  ['https://a@b.example.org', false],
  ['https://evil.test:1.example.org', false],
  ['http://a.example.org', false],
  ['http://a.example.net:8080', true],
  ['http://a.example.net', false],
  ['null', false],
  ['', false],
]
for (const [origin, isAllowed] of ORIGINS) {
  test(`${JSON.stringify(origin)} is ${isAllowed ? 'allowed' : 'not allowed'}`, () => {
    const said = fieldsOf({}, 'GET', { origin }).get('access-control-allow-origin')
    assert.equal(said, isAllowed ? origin : undefined)
  })
}

const origin = 'https://app.example.com'

test('a page of any origin is told so, whether it says its own or not', () => {
  for (const headers of [{}, { origin }]) {
    const said = fieldsOf({ origins: ['*'] }, 'GET', headers)
    assert.equal(said.get('access-control-allow-origin'), '*')
  }
})

test('a method that is not allowed is told nothing', () => {
  assert.equal(fieldsOf({ methods: ['GET'] }, 'HEAD', { origin }).size, 0)
  assert.equal(fieldsOf({ methods: ['GET'] }, 'GET', { origin }).size, 1)
})

test('credentials and exposed headers are told with the answer', () => {
  const said = fieldsOf({ credentials: true, expose: ['ETag', 'Age'] }, 'GET', { origin })
  assert.deepEqual(
    [...said],
    [
      ['access-control-allow-origin', origin],
      ['access-control-allow-credentials', 'true'],
      ['access-control-expose-headers', 'ETag, Age'],
    ],
  )
})

describe('a preflight', () => {
  const asks = (method: string, more: Sent = {}): Sent => ({
    origin,
    'access-control-request-method': method,
    ...more,
  })

  test('is granted with methods, headers and how long that holds', () => {
    const said = fieldsOf({ headers: ['Range', 'X-A'] }, 'OPTIONS', asks('GET'))
    assert.deepEqual(
      [...said],
      [
        ['access-control-allow-origin', origin],
        ['access-control-allow-methods', 'GET, HEAD'],
        ['access-control-max-age', '600'],
        ['access-control-allow-headers', 'Range, X-A'],
      ],
    )
  })

  test('is not granted for another method or origin', () => {
    assert.equal(fieldsOf({}, 'OPTIONS', asks('PUT')).size, 0)
    assert.equal(fieldsOf({}, 'OPTIONS', asks('get')).size, 0)
    assert.equal(fieldsOf({}, 'OPTIONS', asks('GET', { origin: 'https://evil.test' })).size, 0)
  })

  test('is granted whatever headers it names where any are allowed, but for what is none', () => {
    const asked = asks('GET', { 'access-control-request-headers': 'x-a,authorization, b c,\xe9' })
    const said = fieldsOf({ headers: ['*'] }, 'OPTIONS', asked)
    assert.equal(said.get('access-control-allow-headers'), 'x-a, authorization')
    const none = fieldsOf({ headers: ['*'] }, 'OPTIONS', asks('GET'))
    assert.equal(none.get('access-control-allow-headers'), undefined)
  })

  test('into a private network is granted when it asks', () => {
    const name = 'access-control-allow-private-network'
    const asked = asks('GET', { 'access-control-request-private-network': 'true' })
    assert.equal(fieldsOf({}, 'OPTIONS', asked).get(name), 'true')
    assert.equal(fieldsOf({}, 'OPTIONS', asks('GET')).get(name), undefined)
  })
})

test('what an answer differs by already is kept', () => {
  assert.equal(addVary(undefined, 'Origin'), 'Origin')
  assert.equal(addVary('Accept-Encoding', 'Origin'), 'Accept-Encoding, Origin')
  assert.equal(addVary('*', 'Origin'), '*')
})
