// What a request says of itself: who signed it, when, for where, over which headers. Nothing is
// believed yet; verify-sigv4.ts checks it.

import { createS3Error } from './s3-error.ts'
import type { S3Error } from './s3-error.ts'
import { queryValue } from './target.ts'
import type { Pair } from './target.ts'

export interface SignedRequest {
  readonly method: string
  readonly pathBytes: Buffer
  readonly query: readonly Pair[]
  /** In the order of arrival, names in lower case. */
  readonly headers: readonly Pair[]
  /** Of the body, in hex. */
  readonly bodySha256: string
}

export interface Claim {
  readonly form: 'header' | 'query'
  readonly accessKeyId: string
  readonly day: string
  readonly region: string
  readonly service: string
  readonly terminator: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
  /** `YYYYMMDDTHHMMSSZ`, possibly malformed. */
  readonly amzDate: string
  readonly expiresSeconds: number
  readonly payloadHash: string | undefined
  readonly token: string | undefined
}

export type ClaimReading =
  | { readonly kind: 'none' }
  | { readonly kind: 'claim'; readonly claim: Claim }
  | { readonly kind: 'refused'; readonly error: S3Error }

export function readClaim(request: SignedRequest): ClaimReading {
  const authorizations = request.headers.filter(([name]) => name === 'authorization')
  const queryForms = ['X-Amz-Algorithm', 'X-Amz-Signature', 'Signature'].filter(
    (name) => queryValue(request.query, name) !== undefined,
  )
  const isPresigned = queryForms.length > 0
  if (authorizations.length > 1 || (authorizations.length === 1 && isPresigned)) {
    return refuse('InvalidArgument', 'Only one auth mechanism allowed')
  }
  const value = authorizations[0]?.[1]
  if (value !== undefined) return readHeader(value, request)
  if (queryForms.includes('Signature')) return unsupported()
  return isPresigned ? readQuery(request) : { kind: 'none' }
}

/** All values of a header, joined as one, or undefined when it is absent. */
export function headerValue(headers: readonly Pair[], name: string): string | undefined {
  const values = headers.filter(([candidate]) => candidate === name).map(([, value]) => value)
  return values.length === 0 ? undefined : values.join(',')
}

function readHeader(value: string, request: SignedRequest): ClaimReading {
  const parts = /^AWS4-HMAC-SHA256 +(.+)$/.exec(value)?.[1]
  if (parts === undefined) {
    return value.startsWith('AWS ')
      ? unsupported()
      : refuse('InvalidArgument', 'Unsupported Authorization Type')
  }
  const fields = new Map(parts.split(',').map(splitField))
  const credential = splitCredential(fields.get('Credential'))
  const signedHeaders = fields.get('SignedHeaders')
  const signature = fields.get('Signature')
  if (credential === undefined || !signedHeaders || !signature || fields.size !== 3) {
    return refuse('AuthorizationHeaderMalformed', 'The authorization header is malformed')
  }
  const amzDate = headerValue(request.headers, 'x-amz-date')
  if (amzDate === undefined) {
    return refuse('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header')
  }
  const claim: Claim = {
    form: 'header',
    ...credential,
    signedHeaders: signedHeaders.split(';'),
    signature,
    amzDate,
    expiresSeconds: 0,
    payloadHash: headerValue(request.headers, 'x-amz-content-sha256'),
    token: headerValue(request.headers, 'x-amz-security-token'),
  }
  return { kind: 'claim', claim }
}

function readQuery(request: SignedRequest): ClaimReading {
  const field = (name: string): string | undefined => queryValue(request.query, `X-Amz-${name}`)
  const credential = splitCredential(field('Credential'))
  const [amzDate, signedHeaders, signature] = [
    field('Date'),
    field('SignedHeaders'),
    field('Signature'),
  ]
  const expires = field('Expires') ?? ''
  const isWhole = /^\d+$/.test(expires) && Number(expires) >= 1 && Number(expires) <= 604800
  const isSigV4 = field('Algorithm') === 'AWS4-HMAC-SHA256'
  if (!isSigV4 || !credential || !amzDate || !signedHeaders || !signature || !isWhole) {
    return refuse(
      'AuthorizationQueryParametersError',
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, ' +
        'X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    )
  }
  const claim: Claim = {
    form: 'query',
    ...credential,
    signedHeaders: signedHeaders.split(';'),
    signature,
    amzDate,
    expiresSeconds: Number(expires),
    payloadHash:
      headerValue(request.headers, 'x-amz-content-sha256') ??
      field('Content-Sha256') ??
      'UNSIGNED-PAYLOAD',
    token: field('Security-Token'),
  }
  return { kind: 'claim', claim }
}

function splitField(field: string): [string, string] {
  const equals = field.indexOf('=')
  return [field.slice(0, equals).trim(), field.slice(equals + 1).trim()]
}

type Credential = Pick<Claim, 'accessKeyId' | 'day' | 'region' | 'service' | 'terminator'>

function splitCredential(text: string | undefined): Credential | undefined {
  const [accessKeyId, day, region, service, terminator, ...rest] = text?.split('/') ?? []
  if (!accessKeyId || !day || !region || !service || !terminator || rest.length > 0) {
    return undefined
  }
  return { accessKeyId, day, region, service, terminator }
}

function refuse(code: Parameters<typeof createS3Error>[0], message: string): ClaimReading {
  return { kind: 'refused', error: createS3Error(code, { message }) }
}

function unsupported(): ClaimReading {
  return refuse(
    'InvalidRequest',
    'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
  )
}
