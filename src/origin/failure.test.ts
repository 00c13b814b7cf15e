import assert from 'node:assert/strict'
import { test } from 'node:test'

import { blamesReplica, failureFrom, OriginFailure } from './failure.ts'
import type { FailureKind } from './failure.ts'

function coded(code: string, message = 'it broke'): Error {
  return Object.assign(new Error(message), { code })
}

const table: readonly (readonly [error: unknown, kind: FailureKind])[] = [
  [coded('ENOTFOUND'), 'dns'],
  [coded('EAI_AGAIN'), 'dns'],
  [coded('ECONNREFUSED'), 'connect'],
  [coded('EHOSTUNREACH'), 'connect'],
  [coded('UND_ERR_CONNECT_TIMEOUT'), 'timeout'],
  [coded('ETIMEDOUT'), 'timeout'],
  [coded('UND_ERR_BODY_TIMEOUT'), 'stall'],
  [coded('UND_ERR_RES_CONTENT_LENGTH_MISMATCH'), 'truncated'],
  [coded('ECONNRESET'), 'reset'],
  [coded('EPIPE'), 'reset'],
  [coded('UND_ERR_SOCKET'), 'reset'],
  [coded('UND_ERR_HEADERS_OVERFLOW'), 'protocol'],
  [coded('HPE_INVALID_CONSTANT'), 'protocol'],
  [Object.assign(new Error('not HTTP'), { name: 'HTTPParserError' }), 'protocol'],
  [coded('SELF_SIGNED_CERT_IN_CHAIN'), 'tls'],
  [coded('DEPTH_ZERO_SELF_SIGNED_CERT'), 'tls'],
  [coded('ERR_TLS_CERT_ALTNAME_INVALID'), 'tls'],
  [coded('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), 'tls'],
  [coded('ERR_SSL_WRONG_VERSION_NUMBER'), 'tls'],
  [coded('CERT_HAS_EXPIRED'), 'tls'],
  [new Error('unable to get local issuer certificate'), 'tls'],
  [new Error('something else'), 'reset'],
  ['not even an error', 'reset'],
  [new Error('outer', { cause: coded('ENOTFOUND') }), 'dns'],
  [new AggregateError([coded('ECONNREFUSED'), coded('EHOSTUNREACH')]), 'connect'],
  [Object.assign(new AggregateError([coded('X')]), { code: 'ETIMEDOUT' }), 'timeout'],
]

for (const [error, kind] of table) {
  const said = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  test(`${said} is a failure of the kind ${kind}`, () => {
    const failure = failureFrom(error)
    assert.equal(failure.kind, kind)
    assert.equal(failure.cause, error)
  })
}

test('the code of what went wrong is kept for the log', () => {
  assert.equal(failureFrom(coded('ECONNREFUSED')).code, 'ECONNREFUSED')
})

test('a failure that is one already stays as it is', () => {
  const failure = new OriginFailure('throttled', 'slow down', { status: 503, retryAfterMs: 5 })
  assert.equal(failureFrom(failure), failure)
})

test('neither another version nor a caller who left speaks against a replica', () => {
  const kinds: readonly FailureKind[] = ['other-version', 'cancelled', 'reset', 'misconfigured']
  const blamed = kinds.filter((kind) => blamesReplica(new OriginFailure(kind, 'x')))
  assert.deepEqual(blamed, ['reset', 'misconfigured'])
})
