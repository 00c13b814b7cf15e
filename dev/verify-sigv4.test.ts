import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'

import { SignatureV4 } from '@smithy/signature-v4'
import type { HttpRequest } from '@smithy/types'
import * as fc from 'fast-check'

import type { SignedRequest } from './sigv4-claim.ts'
import { Sha256 } from './signing-client.ts'
import { verifySigV4 } from './verify-sigv4.ts'
import type { Verdict, Verifier } from './verify-sigv4.ts'

const emptyHash = createHash('sha256').digest('hex')
const accessKeyId = 'AKIAIOSFODNN7EXAMPLE'
const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
const signedAt = Date.parse('2013-05-24T00:00:00Z')
const verifier: Verifier = {
  credentials: [{ accessKeyId, secretAccessKey }],
  region: 'us-east-1',
  now: signedAt,
}
const scope = `${accessKeyId}/20130524/us-east-1/s3/aws4_request`

function codeOf(verdict: Verdict): string {
  return verdict.kind === 'refused' ? verdict.error.code : verdict.kind
}

interface Vector {
  readonly path: string
  readonly query: [string, string][]
  readonly extra: [string, string][]
  readonly signedHeaders: string
  readonly signature: string
}

// "Examples: Signature Calculations in AWS Signature Version 4", Amazon S3 API Reference.
const published: Vector[] = [
  {
    path: '/test.txt',
    query: [],
    extra: [['range', 'bytes=0-9']],
    signedHeaders: 'host;range;x-amz-content-sha256;x-amz-date',
    signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  },
  {
    path: '/',
    query: [['lifecycle', '']],
    extra: [],
    signedHeaders: 'host;x-amz-content-sha256;x-amz-date',
    signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  },
  {
    path: '/',
    query: [
      ['max-keys', '2'],
      ['prefix', 'J'],
    ],
    extra: [],
    signedHeaders: 'host;x-amz-content-sha256;x-amz-date',
    signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  },
]

function headerRequest(vector: Vector): SignedRequest {
  const fields = `Credential=${scope},SignedHeaders=${vector.signedHeaders},Signature=${vector.signature}`
  return {
    method: 'GET',
    pathBytes: Buffer.from(vector.path),
    query: vector.query,
    headers: [
      ['host', 'examplebucket.s3.amazonaws.com'],
      ...vector.extra,
      ['x-amz-content-sha256', emptyHash],
      ['x-amz-date', '20130524T000000Z'],
      ['authorization', `AWS4-HMAC-SHA256 ${fields}`],
    ],
    bodySha256: emptyHash,
  }
}

for (const vector of published) {
  test(`the published signature of GET ${vector.path} ${vector.query.join('&')} verifies`, () => {
    assert.equal(codeOf(verifySigV4(headerRequest(vector), verifier)), 'signed')
  })
}

const presigned: SignedRequest = {
  method: 'GET',
  pathBytes: Buffer.from('/test.txt'),
  query: [
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', scope],
    ['X-Amz-Date', '20130524T000000Z'],
    ['X-Amz-Expires', '86400'],
    ['X-Amz-SignedHeaders', 'host'],
    ['X-Amz-Signature', 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404'],
  ],
  headers: [['host', 'examplebucket.s3.amazonaws.com']],
  bodySha256: emptyHash,
}

test('the published presigned URL verifies until it expires', () => {
  const at = (now: number): string => codeOf(verifySigV4(presigned, { ...verifier, now }))
  assert.equal(at(signedAt), 'signed')
  assert.equal(at(signedAt + 86_400_000), 'signed')
  assert.equal(at(signedAt + 86_401_000), 'AccessDenied')
  assert.equal(at(signedAt - 16 * 60_000), 'AccessDenied')
})

function replaced(
  request: SignedRequest,
  part: 'headers' | 'query',
  name: string,
  value: string | undefined,
): SignedRequest {
  const kept = request[part].filter(([candidate]) => candidate !== name)
  return { ...request, [part]: value === undefined ? kept : [...kept, [name, value]] }
}

const signed = headerRequest({
  path: '/test.txt',
  query: [],
  extra: [['range', 'bytes=0-9']],
  signedHeaders: 'host;range;x-amz-content-sha256;x-amz-date',
  signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
})
const authorization = signed.headers.find(([name]) => name === 'authorization')?.[1] ?? ''

function withAuthorization(from: string | RegExp, to: string): SignedRequest {
  return replaced(signed, 'headers', 'authorization', authorization.replace(from, to))
}

const refusals: [title: string, request: SignedRequest, code: string][] = [
  ['another method', { ...signed, method: 'HEAD' }, 'SignatureDoesNotMatch'],
  ['another path', { ...signed, pathBytes: Buffer.from('/test.txT') }, 'SignatureDoesNotMatch'],
  ['another query', { ...signed, query: [['a', '']] }, 'SignatureDoesNotMatch'],
  ['another range', replaced(signed, 'headers', 'range', 'bytes=0-8'), 'SignatureDoesNotMatch'],
  ['another host', replaced(signed, 'headers', 'host', 'x'), 'SignatureDoesNotMatch'],
  [
    'no payload hash',
    replaced(signed, 'headers', 'x-amz-content-sha256', undefined),
    'InvalidRequest',
  ],
  ['another body', { ...signed, bodySha256: '00' }, 'XAmzContentSHA256Mismatch'],
  ['no date', replaced(signed, 'headers', 'x-amz-date', undefined), 'AccessDenied'],
  ['an x-amz header unsigned', replaced(signed, 'headers', 'x-amz-meta-a', '1'), 'AccessDenied'],
  ['host unsigned', withAuthorization('host;', ''), 'AccessDenied'],
  ['an unknown key', withAuthorization(accessKeyId, 'AKIANOBODY'), 'InvalidAccessKeyId'],
  [
    'a token where there is none',
    replaced(signed, 'headers', 'x-amz-security-token', 't'),
    'InvalidToken',
  ],
  ['another region', withAuthorization('us-east-1', 'eu-west-1'), 'AuthorizationHeaderMalformed'],
  ['another service', withAuthorization('/s3/', '/sqs/'), 'AuthorizationHeaderMalformed'],
  ['another day', withAuthorization('20130524', '20130525'), 'AuthorizationHeaderMalformed'],
  ['no scope', withAuthorization('/aws4_request', ''), 'AuthorizationHeaderMalformed'],
  ['an older scheme', withAuthorization(/^.*$/, 'AWS AKIA:c2ln'), 'InvalidRequest'],
  ['a bearer token', withAuthorization(/^.*$/, 'Bearer x'), 'InvalidArgument'],
  ['two signatures', { ...signed, query: presigned.query }, 'InvalidArgument'],
  [
    'two Authorization headers',
    { ...signed, headers: [...signed.headers, ['authorization', authorization]] },
    'InvalidArgument',
  ],
  [
    'a presigned URL for ever',
    replaced(presigned, 'query', 'X-Amz-Expires', '604801'),
    'AuthorizationQueryParametersError',
  ],
  [
    'a longer presigned URL',
    replaced(presigned, 'query', 'X-Amz-Expires', '86401'),
    'SignatureDoesNotMatch',
  ],
]

for (const [title, request, code] of refusals) {
  test(`${title}: ${code}`, () => {
    assert.equal(codeOf(verifySigV4(request, verifier)), code)
  })
}

test('a clock may be off by fifteen minutes and no more', () => {
  for (const sign of [-1, 1]) {
    const at = (minutes: number): string =>
      codeOf(verifySigV4(signed, { ...verifier, now: signedAt + sign * minutes * 60_000 }))
    assert.equal(at(15), 'signed')
    assert.equal(at(15.1), 'RequestTimeTooSkewed')
  }
})

test('a wrong region is told the right one', () => {
  const verdict = verifySigV4(signed, { ...verifier, region: 'eu-west-1' })
  assert.ok(verdict.kind === 'refused' && verdict.isWrongRegion)
  assert.equal(verdict.error.fields['Region'], 'eu-west-1')
})

const sessionToken = 'to/ken+='
const temporary: Verifier = {
  ...verifier,
  credentials: [{ accessKeyId, secretAccessKey, sessionToken }],
}
const signer = new SignatureV4({
  service: 's3',
  region: 'us-east-1',
  credentials: { accessKeyId, secretAccessKey, sessionToken },
  sha256: Sha256,
  uriEscapePath: false,
})

// Escaped by the language and not by our own code, so that the two can disagree.
function escapeKey(key: string): string {
  return encodeURIComponent(key)
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/')
}

function asReceived(sent: HttpRequest, key: string): SignedRequest {
  const headers = Object.entries(sent.headers)
  return {
    method: sent.method,
    pathBytes: Buffer.from(`/b/${key}`),
    query: Object.entries(sent.query ?? {}).map(([name, value]) => [name, String(value)]),
    headers: headers.map(([name, value]) => [name.toLowerCase(), value]),
    bodySha256: emptyHash,
  }
}

const anyText = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 })
const anyRequest = fc.record({
  key: anyText,
  query: fc.dictionary(
    anyText.filter((name) => name !== '__proto__'),
    anyText,
    { maxKeys: 3 },
  ),
  range: fc.string({ unit: 'grapheme-ascii', maxLength: 10 }).map((text) => `a  ${text}`),
})

test('what the SDK signs verifies in both forms, and under no other key', async () => {
  await fc.assert(
    fc.asyncProperty(anyRequest, fc.boolean(), async ({ key, query, range }, inQuery) => {
      const request = {
        method: 'GET',
        protocol: 'http:',
        hostname: 'h',
        path: `/b/${escapeKey(key)}`,
        query,
        headers: { host: 'h', range, 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' },
      }
      const signingDate = new Date(signedAt)
      const sent = inQuery
        ? await signer.presign(request, { signingDate, expiresIn: 60 })
        : await signer.sign(request, { signingDate })
      const received = asReceived(sent, key)
      assert.equal(codeOf(verifySigV4(received, temporary)), 'signed')
      const other = { ...received, pathBytes: Buffer.from(`/b/${key}x`) }
      assert.equal(codeOf(verifySigV4(other, temporary)), 'SignatureDoesNotMatch')
    }),
    { seed: 1, numRuns: 300 },
  )
})

test('a temporary key without its token is unknown, and with another token invalid', async () => {
  const request = {
    method: 'GET',
    protocol: 'http:',
    hostname: 'h',
    path: '/b/k',
    headers: { host: 'h' },
  }
  const sent = await signer.sign(request, { signingDate: new Date(signedAt) })
  const received = asReceived(sent, 'k')
  const without = replaced(received, 'headers', 'x-amz-security-token', undefined)
  assert.equal(codeOf(verifySigV4(without, temporary)), 'InvalidAccessKeyId')
  const other = replaced(received, 'headers', 'x-amz-security-token', 'x')
  assert.equal(codeOf(verifySigV4(other, temporary)), 'InvalidToken')
})
