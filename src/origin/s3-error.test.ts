import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { type AnswerMeaning, meaningOf, parseS3Error, type S3Error } from './s3-error.ts'

const nothing: S3Error = {
  code: undefined,
  region: undefined,
  endpoint: undefined,
  actualSize: undefined,
}

test('the facts of an S3 error are read from its XML', () => {
  const invalidRange = `<?xml version="1.0" encoding="UTF-8"?>
    <Error><Code>InvalidRange</Code><Message>The requested range is not satisfiable</Message>
    <RangeRequested>bytes=99-</RangeRequested><ActualObjectSize>10</ActualObjectSize>
    <RequestId>1</RequestId><HostId>2</HostId></Error>`
  assert.deepEqual(parseS3Error(invalidRange), { ...nothing, code: 'InvalidRange', actualSize: 10 })

  const malformed = `<Error><Code>AuthorizationHeaderMalformed</Code>
    <Message>the region 'us-east-1' is wrong; expecting 'eu-west-1'</Message>
    <Region>eu-west-1</Region></Error>`
  const code = 'AuthorizationHeaderMalformed'
  assert.deepEqual(parseS3Error(malformed), { ...nothing, code, region: 'eu-west-1' })

  const redirect = `<Error><Code>PermanentRedirect</Code><Message>…</Message>
    <Endpoint>b.s3.eu-west-1.amazonaws.com</Endpoint><Bucket>b</Bucket></Error>`
  const endpoint = 'b.s3.eu-west-1.amazonaws.com'
  assert.deepEqual(parseS3Error(redirect), { ...nothing, code: 'PermanentRedirect', endpoint })
})

test('an empty message, a namespace and spaces do not hide the code', () => {
  const xml =
    '<Error xmlns="http://s3.amazonaws.com/doc/"><Code> NoSuchKey </Code><Message/></Error>'
  assert.equal(parseS3Error(xml).code, 'NoSuchKey')
})

test('what is no S3 error says nothing', () => {
  const bodies = [
    '',
    '{"Code":"NoSuchKey"}',
    '<html><body><h1>502 Bad Gateway</h1></body></html>',
    '<ListBucketResult><Code>NoSuchKey</Code></ListBucketResult>',
    '<ErrorPage><Code>NoSuchKey</Code></ErrorPage>',
    '<Error><Code>NoSuchKey',
    '</Code><Error><Code>',
    '<Error><Code></Code><Region></Region></Error>',
    '<Error><Code>No such key!</Code><Region>eu west</Region></Error>',
    '<Error><Endpoint>evil.example/path?x</Endpoint></Error>',
    '<Error><ActualObjectSize>-1</ActualObjectSize></Error>',
    '<Error><ActualObjectSize>99999999999999999999</ActualObjectSize></Error>',
  ]
  for (const body of bodies) assert.deepEqual(parseS3Error(body), nothing, body)
})

test('only the first 64 KiB of a body are read', () => {
  const late = `<Error><Message>${'x'.repeat(64 * 1024)}</Message><Code>NoSuchKey</Code></Error>`
  assert.deepEqual(parseS3Error(late), nothing)
  assert.deepEqual(
    parseS3Error(`${' '.repeat(70_000)}<Error><Code>NoSuchKey</Code></Error>`),
    nothing,
  )
})

test('no body makes the parser throw', () => {
  const piece = fc.constantFrom('<Error>', '<Code>', '</Code>', 'NoSuchKey', '<', '>', '\u0000')
  const body = fc.array(fc.oneof(piece, fc.string())).map((pieces) => pieces.join(''))
  fc.assert(
    fc.property(body, (text) => assert.ok(parseS3Error(text))),
    { seed: 1, numRuns: 1000 },
  )
})

const meanings: readonly (readonly [number, string | undefined, AnswerMeaning])[] = [
  [200, undefined, 'ok'],
  [206, undefined, 'ok'],
  [304, undefined, 'not-modified'],
  [301, 'PermanentRedirect', 'wrong-region'],
  [301, undefined, 'wrong-region'],
  [307, 'TemporaryRedirect', 'wrong-region'],
  [400, 'IllegalLocationConstraintException', 'wrong-region'],
  [400, 'AuthorizationHeaderMalformed', 'misconfigured'],
  [404, 'NoSuchKey', 'not-found'],
  [404, 'NoSuchVersion', 'not-found'],
  [404, undefined, 'not-found'],
  [404, 'SomethingElse', 'not-found'],
  [405, 'MethodNotAllowed', 'not-found'],
  [405, undefined, 'not-found'],
  [404, 'NoSuchBucket', 'misconfigured'],
  [403, 'InvalidAccessKeyId', 'misconfigured'],
  [403, 'SignatureDoesNotMatch', 'misconfigured'],
  [400, 'ExpiredToken', 'misconfigured'],
  [400, 'InvalidToken', 'misconfigured'],
  [400, 'TokenRefreshRequired', 'misconfigured'],
  [403, 'RequestTimeTooSkewed', 'misconfigured'],
  [400, 'InvalidBucketName', 'misconfigured'],
  [403, 'AllAccessDisabled', 'misconfigured'],
  [403, 'AccountProblem', 'misconfigured'],
  [403, 'InvalidSecurity', 'misconfigured'],
  [403, 'NotSignedUp', 'misconfigured'],
  [400, 'KMS.DisabledException', 'misconfigured'],
  [401, undefined, 'misconfigured'],
  [403, 'AccessDenied', 'forbidden'],
  [403, undefined, 'forbidden'],
  [403, 'InvalidObjectState', 'archived'],
  [412, 'PreconditionFailed', 'precondition-failed'],
  [412, undefined, 'precondition-failed'],
  [416, 'InvalidRange', 'range-unsatisfiable'],
  [416, undefined, 'range-unsatisfiable'],
  [429, undefined, 'throttled'],
  [503, 'SlowDown', 'throttled'],
  [503, 'SlowDownRead', 'throttled'],
  [503, 'ServiceUnavailable', 'server-error'],
  [503, undefined, 'server-error'],
  [500, 'InternalError', 'server-error'],
  [502, 'NoSuchKey', 'server-error'],
  [504, undefined, 'server-error'],
  [400, 'RequestTimeout', 'server-error'],
  [400, 'InvalidArgument', 'invalid'],
  [400, undefined, 'invalid'],
  [409, undefined, 'invalid'],
]

test('a status and a code mean one thing', () => {
  for (const [status, code, meaning] of meanings) {
    assert.equal(meaningOf(status, { ...nothing, code }), meaning, `${status} ${code ?? ''}`)
  }
})

test('a malformed signature that names the right region is a matter of region', () => {
  const error = { ...nothing, code: 'AuthorizationHeaderMalformed', region: 'eu-west-1' }
  assert.equal(meaningOf(400, error), 'wrong-region')
})
