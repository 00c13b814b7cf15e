// Signature version 4, checked as strictly as AWS checks it and written apart from any signer, so
// that a proxy that passes here has not merely agreed with itself.

import { createHash, createHmac } from 'node:crypto'

import { encodeS3 } from './percent.ts'
import { createS3Error } from './s3-error.ts'
import type { S3Error } from './s3-error.ts'
import { headerValue, readClaim } from './sigv4-claim.ts'
import type { Claim, SignedRequest } from './sigv4-claim.ts'

export interface Credential {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

export interface Verifier {
  readonly credentials: readonly Credential[]
  /** The region the scope must name: that of the bucket, else the endpoint's. */
  readonly region: string
  readonly now: number
}

export type Verdict =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'signed'; readonly accessKeyId: string }
  | { readonly kind: 'refused'; readonly error: S3Error; readonly isWrongRegion: boolean }

const maxSkewMs = 15 * 60 * 1000

export function verifySigV4(request: SignedRequest, verifier: Verifier): Verdict {
  const reading = readClaim(request)
  if (reading.kind === 'none') return { kind: 'anonymous' }
  if (reading.kind === 'refused') return { ...reading, isWrongRegion: false }
  return judge(reading.claim, request, verifier)
}

type Check = (claim: Claim, request: SignedRequest, verifier: Verifier) => S3Error | undefined

function judge(claim: Claim, request: SignedRequest, verifier: Verifier): Verdict {
  const checks: readonly Check[] = [
    scopeFault,
    regionFault,
    credentialFault,
    tokenFault,
    timeFault,
    unsignedHeaderFault,
    payloadFault,
    signatureFault,
  ]
  for (const check of checks) {
    const error = check(claim, request, verifier)
    if (error !== undefined) {
      return { kind: 'refused', error, isWrongRegion: check === regionFault }
    }
  }
  return { kind: 'signed', accessKeyId: claim.accessKeyId }
}

function scopeFault(claim: Claim): S3Error | undefined {
  if (claim.service !== 's3') return malformed(claim, `incorrect service "${claim.service}"`)
  if (claim.terminator !== 'aws4_request') {
    return malformed(claim, `incorrect terminal "${claim.terminator}"`)
  }
  if (claim.day !== claim.amzDate.slice(0, 8)) {
    return malformed(claim, `Invalid credential date "${claim.day}"`)
  }
  return undefined
}

function regionFault(claim: Claim, _: SignedRequest, { region }: Verifier): S3Error | undefined {
  if (claim.region === region) return undefined
  const text = `the region '${claim.region}' is wrong; expecting '${region}'`
  return malformed(claim, text, { Region: region })
}

function malformed(claim: Claim, text: string, fields: Record<string, string> = {}): S3Error {
  return claim.form === 'header'
    ? createS3Error('AuthorizationHeaderMalformed', {
        message: `The authorization header is malformed; ${text}`,
        fields,
      })
    : createS3Error('AuthorizationQueryParametersError', {
        message: `Error parsing the X-Amz-Credential parameter; ${text}`,
        fields,
      })
}

function credentialFault(claim: Claim, _: SignedRequest, verifier: Verifier): S3Error | undefined {
  if (credentialOf(claim, verifier) !== undefined) return undefined
  return createS3Error('InvalidAccessKeyId', { fields: { AWSAccessKeyId: claim.accessKeyId } })
}

function tokenFault(claim: Claim, _: SignedRequest, verifier: Verifier): S3Error | undefined {
  const wanted = credentialOf(claim, verifier)?.sessionToken
  if (claim.token === wanted) return undefined
  // A temporary key without its token is, to AWS, a key that does not exist.
  return createS3Error(claim.token === undefined ? 'InvalidAccessKeyId' : 'InvalidToken')
}

function timeFault(claim: Claim, _: SignedRequest, { now }: Verifier): S3Error | undefined {
  const signedAt = parseAmzDate(claim.amzDate)
  if (signedAt === undefined) {
    return createS3Error('AccessDenied', {
      message: 'AWS authentication requires a valid Date or x-amz-date header',
    })
  }
  if (claim.form === 'header') {
    return Math.abs(now - signedAt) <= maxSkewMs ? undefined : createS3Error('RequestTimeTooSkewed')
  }
  if (signedAt - now > maxSkewMs) {
    return createS3Error('AccessDenied', { message: 'Request is not yet valid' })
  }
  if (now <= signedAt + claim.expiresSeconds * 1000) return undefined
  return createS3Error('AccessDenied', {
    message: 'Request has expired',
    fields: { 'X-Amz-Expires': String(claim.expiresSeconds) },
  })
}

function parseAmzDate(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour, minute, second] = match
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return Number.isNaN(at) ? undefined : at
}

/** `host` and every `x-amz-*` that arrived must be signed, or anyone on the way could change them. */
function unsignedHeaderFault(claim: Claim, request: SignedRequest): S3Error | undefined {
  const sorted = [...new Set(claim.signedHeaders)].sort()
  if (sorted.join(';') !== claim.signedHeaders.join(';')) {
    return malformed(claim, 'the SignedHeaders are not sorted')
  }
  const mustBeSigned = new Set(['host'])
  for (const [name] of request.headers) if (name.startsWith('x-amz-')) mustBeSigned.add(name)
  const missing = [...mustBeSigned].filter((name) => !claim.signedHeaders.includes(name))
  if (missing.length === 0) return undefined
  return createS3Error('AccessDenied', {
    message: 'There were headers present in the request which were not signed',
    fields: { HeadersNotSigned: missing.join(', ') },
  })
}

function payloadFault(claim: Claim, request: SignedRequest): S3Error | undefined {
  if (claim.payloadHash === undefined) {
    return createS3Error('InvalidRequest', {
      message: 'Missing required header for this request: x-amz-content-sha256',
    })
  }
  if (claim.payloadHash === 'UNSIGNED-PAYLOAD' || claim.payloadHash === request.bodySha256) {
    return undefined
  }
  return createS3Error('XAmzContentSHA256Mismatch', {
    fields: { ClientComputedContentSHA256: claim.payloadHash },
  })
}

function signatureFault(
  claim: Claim,
  request: SignedRequest,
  verifier: Verifier,
): S3Error | undefined {
  const secret = credentialOf(claim, verifier)?.secretAccessKey ?? ''
  const canonical = canonicalRequest(claim, request)
  const scope = [claim.day, claim.region, claim.service, claim.terminator]
  const stringToSign = [
    'AWS4-HMAC-SHA256',
    claim.amzDate,
    scope.join('/'),
    createHash('sha256').update(canonical, 'latin1').digest('hex'),
  ].join('\n')
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secret}`)
  if (hmac(key, stringToSign).toString('hex') === claim.signature) return undefined
  return createS3Error('SignatureDoesNotMatch', {
    fields: {
      AWSAccessKeyId: claim.accessKeyId,
      StringToSign: stringToSign,
      SignatureProvided: claim.signature,
      CanonicalRequest: canonical,
    },
  })
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest()
}

// Header values reach us as latin1 strings, one character a byte; the rest of the canonical
// request is ASCII. So the whole is hashed as latin1, and no byte is encoded twice.
function canonicalRequest(claim: Claim, request: SignedRequest): string {
  const headers = claim.signedHeaders.map((name) => {
    const value = headerValue(request.headers.map(trimmed), name) ?? ''
    return `${name}:${value}\n`
  })
  return [
    request.method,
    encodeS3(request.pathBytes, true),
    canonicalQuery(request),
    headers.join(''),
    claim.signedHeaders.join(';'),
    claim.payloadHash ?? '',
  ].join('\n')
}

function trimmed([name, value]: readonly [string, string]): [string, string] {
  return [name, value.trim().replace(/ +/g, ' ')]
}

function canonicalQuery(request: SignedRequest): string {
  const pairs = request.query
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]): [string, string] => [
      encodeS3(Buffer.from(name), false),
      encodeS3(Buffer.from(value), false),
    ])
  pairs.sort(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)))
  return pairs.map(([name, value]) => `${name}=${value}`).join('&')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

function credentialOf(claim: Claim, verifier: Verifier): Credential | undefined {
  return verifier.credentials.find(({ accessKeyId }) => accessKeyId === claim.accessKeyId)
}
