import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { parseRequestDirectives, parseResponseDirectives } from './cache-control.ts'
import { storable } from './storable.ts'
import type { NotStorable } from './storable.ts'
import { varyNames } from './vary.ts'

interface Row {
  readonly status?: number
  readonly answer?: string
  readonly request?: string
  readonly isAuthorized?: boolean
  readonly vary?: string
  readonly not?: NotStorable
}

describe('what a shared cache may keep (RFC 9111 §3)', () => {
  const rows: readonly Row[] = [
    {},
    { status: 404 },
    { status: 206, not: 'status' },
    { status: 301, not: 'status' },
    { status: 500, not: 'status' },
    { status: 503, answer: 'public, max-age=60', not: 'status' },
    { answer: 'max-age=60' },
    { answer: 'no-cache' },
    { answer: 'must-revalidate' },
    { answer: 'no-store', not: 'no-store' },
    { answer: 'max-age=10000, no-store', not: 'no-store' },
    { status: 404, answer: 'no-store', not: 'no-store' },
    { answer: 'no-store, must-understand' },
    { status: 302, answer: 'no-store, must-understand', not: 'status' },
    { answer: 'private, must-understand', not: 'private' },
    { answer: 'private, max-age=3600', not: 'private' },
    { answer: 'private="x-user"', not: 'private' },
    { answer: 'private, public', not: 'private' },
    { request: 'no-store', not: 'request-no-store' },
    { request: 'no-store', answer: 'public, max-age=60', not: 'request-no-store' },
    { request: 'no-cache' },
    { isAuthorized: true, not: 'authorization' },
    { isAuthorized: true, answer: 'max-age=3600', not: 'authorization' },
    { isAuthorized: true, answer: 'proxy-revalidate', not: 'authorization' },
    { isAuthorized: true, answer: 'max-age=3600, public' },
    { isAuthorized: true, answer: 'max-age=3600, must-revalidate' },
    { isAuthorized: true, answer: 's-maxage=3600' },
    { isAuthorized: true, answer: 'public, no-store', not: 'no-store' },
    { vary: '*', not: 'vary-any' },
    { vary: 'a, *', answer: 'max-age=60', not: 'vary-any' },
    { vary: 'accept-language' },
  ]
  for (const { not, ...facts } of rows) {
    test(`${JSON.stringify(facts)}: ${not ?? 'kept'}`, () => {
      const verdict = storable({
        status: facts.status ?? 200,
        directives: parseResponseDirectives(facts.answer),
        request: parseRequestDirectives(facts.request, undefined),
        isAuthorized: facts.isAuthorized ?? false,
        varyNames: varyNames(facts.vary),
      })
      assert.equal(verdict.kind === 'no' ? verdict.reason : undefined, not)
    })
  }
})
