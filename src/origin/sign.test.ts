import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'

import fc from 'fast-check'

import { encodeKey } from './encode.ts'
import {
  type CanonicalHeaders,
  canonicalQuery,
  canonicalRequest,
  createSigner,
  credentialScope,
  signature,
  signingKey,
  stringToSign,
} from './sign.ts'

const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

// The signing test suite AWS publishes (aws-sig-v4-test-suite; in awslabs/aws-c-auth).
interface SuiteVector {
  readonly name: string
  readonly key?: string
  readonly query?: readonly (readonly [string, string])[]
  readonly headers?: CanonicalHeaders
  readonly signature: string
}

const unreserved = '-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const suiteToken = '6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267'
const suiteDate = ['x-amz-date', '20150830T123600Z'] as const
const suiteHost = ['host', 'example.amazonaws.com'] as const

const suite: readonly SuiteVector[] = [
  {
    name: 'get-vanilla',
    signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  },
  {
    name: 'get-vanilla-empty-query-key',
    query: [['Param1', 'value1']],
    signature: 'a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb',
  },
  {
    name: 'get-vanilla-query-order-key-case',
    query: [
      ['Param2', 'value2'],
      ['Param1', 'value1'],
    ],
    signature: 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  },
  {
    name: 'get-vanilla-query-order-encoded',
    query: [
      ['Param-3', 'Value3'],
      ['Param', 'Value2'],
      ['ሴ', 'Value1'],
    ],
    signature: '371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac',
  },
  {
    name: 'get-vanilla-query-unreserved',
    query: [[unreserved, unreserved]],
    signature: '9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197',
  },
  {
    name: 'get-vanilla-utf8-query',
    query: [['ሴ', 'bar']],
    signature: '2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04',
  },
  {
    name: 'get-utf8',
    key: 'ሴ',
    signature: '8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85',
  },
  {
    name: 'get-unreserved',
    key: unreserved,
    signature: '07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f',
  },
  {
    name: 'get-slashes-unnormalized',
    key: '/example//',
    signature: '87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5',
  },
  {
    name: 'get-slash-pointless-dot-unnormalized',
    key: './example',
    signature: 'beb03f223f7deae4146464f06e29eebbee9c8afbe15c290cf07aa8b119e14cff',
  },
  {
    name: 'get-vanilla-with-session-token',
    headers: [suiteHost, suiteDate, ['x-amz-security-token', suiteToken]],
    signature: '07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8',
  },
  {
    // The suite's own spaces around and inside the values, already trimmed and folded.
    name: 'get-header-value-trim',
    headers: [suiteHost, ['my-header1', 'value1'], ['my-header2', '"a b c"'], suiteDate],
    signature: 'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
  },
]

test('the signing test suite of AWS gets the signatures it publishes', () => {
  const scope = credentialScope('20150830', 'us-east-1', 'service')
  const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
  const key = signingKey(secret, '20150830', 'us-east-1', 'service')

  for (const vector of suite) {
    const request = {
      method: 'GET',
      path: `/${encodeKey(vector.key ?? '')}`,
      query: canonicalQuery(vector.query ?? []),
    }
    const headers = vector.headers ?? [suiteHost, suiteDate]
    const canonical = canonicalRequest(request, headers, emptyHash)
    const text = stringToSign('20150830T123600Z', scope, canonical)
    assert.equal(signature(key, text), vector.signature, vector.name)
  }
})

// The examples of the S3 documentation, "Authenticating Requests: Using the Authorization Header".
const s3Credentials = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  sessionToken: undefined,
}
const s3Host = 'examplebucket.s3.amazonaws.com'
const s3Now = Date.UTC(2013, 4, 24)
const s3Request = { method: 'GET', host: s3Host, path: '/', query: '' }

test("S3's GET Bucket Lifecycle and List Objects examples get their published signatures", () => {
  const sign = createSigner('us-east-1')
  const examples = [
    ['lifecycle=', 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
    ['max-keys=2&prefix=J', '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
  ] as const

  for (const [query, published] of examples) {
    assert.deepEqual(sign({ ...s3Request, query }, s3Credentials, s3Now), [
      'x-amz-date',
      '20130524T000000Z',
      'x-amz-content-sha256',
      emptyHash,
      'authorization',
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ' +
        `SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${published}`,
    ])
  }
})

test("S3's GET Object example, which also signs Range, gets its published signature", () => {
  const headers = [
    ['host', s3Host],
    ['range', 'bytes=0-9'],
    ['x-amz-content-sha256', emptyHash],
    ['x-amz-date', '20130524T000000Z'],
  ] as const
  const request = { method: 'GET', path: '/test.txt', query: '' }
  const canonical = canonicalRequest(request, headers, emptyHash)
  const canonicalHash = '7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972'
  assert.equal(hash('sha256', canonical, 'hex'), canonicalHash)

  const key = signingKey(s3Credentials.secretAccessKey, '20130524', 'us-east-1', 's3')
  const scope = credentialScope('20130524', 'us-east-1', 's3')
  assert.equal(
    signature(key, stringToSign('20130524T000000Z', scope, canonical)),
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  )
})

test('a query is sorted by encoded name, then by value, and an empty value keeps its =', () => {
  assert.equal(
    canonicalQuery([
      ['b', '2'],
      ['a', ''],
      ['b', '10'],
      ['a-b', 'x'],
      ['B', 'é/ '],
    ]),
    'B=%C3%A9%2F%20&a=&a-b=x&b=10&b=2',
  )
  assert.equal(canonicalQuery([]), '')
})

test('a session token is sent and signed', () => {
  const credentials = { ...s3Credentials, sessionToken: 'token/+==' }
  const headers = createSigner('us-east-1')(s3Request, credentials, s3Now)
  assert.equal(headers[headers.indexOf('x-amz-security-token') + 1], 'token/+==')
  assert.match(
    headers.at(-1) ?? '',
    /SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,/,
  )
  assert.notEqual(
    proofOf(headers),
    proofOf(createSigner('us-east-1')(s3Request, s3Credentials, s3Now)),
  )
})

test('a signer that has lived through days and rotations signs as a new one does', () => {
  const old = createSigner('eu-west-1')
  const day = 86_400_000
  const instants = [0, 1, 999, 1000, 59_999, day - 1, day, day - 1, 40 * day, 0]

  for (const [turn, offset] of instants.entries()) {
    for (let rotation = 0; rotation < 20; rotation += 1) {
      const secretAccessKey = `secret-${(rotation * (turn + 1)) % 17}`
      const credentials = { ...s3Credentials, secretAccessKey }
      const now = s3Now + offset
      assert.deepEqual(
        old(s3Request, credentials, now),
        createSigner('eu-west-1')(s3Request, credentials, now),
      )
    }
  }
})

test('a signer signs as a new one does, whatever it was asked before', () => {
  const lists: readonly CanonicalHeaders[] = [
    [],
    [['x-amz-checksum-mode', 'ENABLED']],
    [
      ['x-amz-zz-last', 'z'],
      ['x-amz-checksum-mode', 'ENABLED'],
    ],
  ]
  const asked = fc.record({
    request: fc.record(
      {
        method: fc.constantFrom('GET', 'HEAD', 'PUT'),
        host: fc.constantFrom('one.example', 'two.example:9000'),
        path: fc.constantFrom('/', '/a%20b', '/c'),
        query: fc.constantFrom('', 'versionId=1'),
        amzHeaders: fc.constantFrom(...lists),
        payloadHash: fc.constantFrom(emptyHash, hash('sha256', 'body', 'hex')),
      },
      { requiredKeys: ['method', 'host', 'path', 'query'] },
    ),
    credentials: fc.record({
      accessKeyId: fc.constantFrom('AKIDONE', 'AKIDTWO'),
      secretAccessKey: fc.constantFrom('a secret', 'another'),
      sessionToken: fc.constantFrom(undefined, 'a token', 'another token'),
    }),
    now: fc.constantFrom(s3Now, s3Now + 999, s3Now + 1000, s3Now + 86_400_000),
  })
  const course = fc.array(asked, { minLength: 2, maxLength: 12 })
  fc.assert(
    fc.property(course, (all) => {
      const old = createSigner('eu-west-1')
      for (const { request, credentials, now } of all) {
        const fresh = createSigner('eu-west-1')
        assert.deepEqual(old(request, credentials, now), fresh(request, credentials, now))
      }
    }),
    { numRuns: 500 },
  )
})

test('the date signed is the second in UTC that now falls in', () => {
  const sign = createSigner('us-east-1')
  const dateAt = (now: number) => sign(s3Request, s3Credentials, now)[1]
  assert.equal(dateAt(Date.UTC(2026, 11, 31, 23, 59, 59, 999)), '20261231T235959Z')
  assert.equal(dateAt(Date.UTC(2027, 0, 1)), '20270101T000000Z')
})

function proofOf(headers: readonly string[]): string | undefined {
  return headers.at(-1)?.split('Signature=')[1]
}
