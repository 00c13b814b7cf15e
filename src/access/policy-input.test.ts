import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { compileInput } from './policy-input.ts'
import type { Asked } from './policy-input.ts'

interface Parts {
  readonly claims?: Readonly<Record<string, unknown>>
  readonly path?: string
  readonly key?: string
  readonly address?: string
  readonly at?: number
  readonly headers?: Readonly<Record<string, string>>
}

function asked({
  claims,
  path = '/b/a',
  key = 'a',
  address = '::1',
  at = 0,
  headers = {},
}: Parts): Asked {
  const request = {
    method: 'GET',
    path,
    query: '',
    host: undefined,
    headers,
    hasBody: false,
  } as const
  const identity = claims === undefined ? undefined : { subject: undefined, claims }
  const question = { request, address, bucket: 'b', key, captured: [], isCounted: false }
  return { question, identity, at }
}

test('it is JSON that says what is there, whatever that is', () => {
  const write = compileInput(['key', { header: 'x-one' }])
  const text = fc.string({ unit: 'binary' })
  fc.assert(
    fc.property(
      fc.dictionary(text, fc.jsonValue()),
      text,
      text,
      fc.option(text, { nil: undefined }),
      (claims, path, key, header) => {
        const headers = header === undefined ? {} : { 'x-one': header, 'x-two': 'two' }
        const written: unknown = JSON.parse(write(asked({ claims, path, key, headers })))
        const told = JSON.stringify({
          input: {
            jwt_claims: claims,
            bucket: 'b',
            path,
            method: 'GET',
            client_ip: '::1',
            key,
            headers: header === undefined ? {} : { 'x-one': header },
          },
        })
        assert.equal(JSON.stringify(written), told)
      },
    ),
  )
})

test('two inputs are written alike only where they say the same', () => {
  const write = compileInput([{ header: 'x-one' }, { header: 'x-two' }])
  const parts: readonly Parts[] = [
    {},
    { claims: {} },
    { claims: { sub: 'a' } },
    { claims: { sub: 'a","bucket":"x' } },
    { path: '/b/a","method":"HEAD' },
    { address: '::1"' },
    { headers: { 'x-one': 'v' } },
    { headers: { 'x-two': 'v' } },
    { headers: { 'x-one': 'v","x-two":"v' } },
    { headers: { 'x-one': 'v', 'x-two': 'v' } },
  ]
  assert.equal(new Set(parts.map((one) => write(asked(one)))).size, parts.length)
})

test('the time is that of the minute, so that a decision lasts as long as the minute', () => {
  const write = compileInput(['time'])
  const timeAt = (at: string): unknown => {
    const { input }: { input: { time: unknown } } = JSON.parse(write(asked({ at: Date.parse(at) })))
    return input.time
  }
  assert.equal(timeAt('2026-11-18T07:59:59.999Z'), '2026-11-18T07:59:00Z')
  assert.equal(timeAt('2026-11-18T08:00:00.000Z'), '2026-11-18T08:00:00Z')
})
