// S3's errors: the codes this server uses, their status and sentence, and the XML they travel in.

import type { Quirks } from './quirks.ts'
import { document, element, parent } from './xml.ts'

const table = {
  AccessDenied: [403, 'Access Denied'],
  AuthorizationHeaderMalformed: [400, 'The authorization header is malformed'],
  AuthorizationQueryParametersError: [400, 'Error parsing the X-Amz-Credential parameter'],
  InternalError: [500, 'We encountered an internal error. Please try again.'],
  InvalidAccessKeyId: [403, 'The AWS Access Key Id you provided does not exist in our records.'],
  InvalidArgument: [400, 'Invalid Argument'],
  InvalidPartNumber: [416, 'The requested partnumber is not satisfiable'],
  InvalidRange: [416, 'The requested range is not satisfiable'],
  InvalidRequest: [400, 'Invalid Request'],
  InvalidToken: [400, 'The provided token is malformed or otherwise invalid.'],
  InvalidURI: [400, "Couldn't parse the specified URI."],
  KeyTooLongError: [400, 'Your key is too long'],
  MethodNotAllowed: [405, 'The specified method is not allowed against this resource.'],
  NoSuchBucket: [404, 'The specified bucket does not exist'],
  NoSuchKey: [404, 'The specified key does not exist.'],
  NoSuchVersion: [404, 'The specified version does not exist.'],
  NotImplemented: [501, 'A header or query you provided implies functionality not implemented'],
  PermanentRedirect: [
    301,
    'The bucket you are attempting to access must be addressed using the specified endpoint. ' +
      'Please send all future requests to this endpoint.',
  ],
  PreconditionFailed: [412, 'At least one of the pre-conditions you specified did not hold'],
  RequestTimeTooSkewed: [
    403,
    'The difference between the request time and the current time is too large.',
  ],
  SignatureDoesNotMatch: [
    403,
    'The request signature we calculated does not match the signature you provided. ' +
      'Check your key and signing method.',
  ],
  SlowDown: [503, 'Please reduce your request rate.'],
  TooManyRequests: [429, 'Please reduce your request rate.'],
  XAmzContentSHA256Mismatch: [
    400,
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
  ],
} as const

export type S3Code = keyof typeof table

export interface S3Error {
  readonly status: number
  readonly code: string
  readonly message: string
  /** Further elements of the XML, such as `Region`. */
  readonly fields: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
}

export type S3ErrorDetail = Partial<Pick<S3Error, 'message' | 'fields' | 'headers'>>

export function createS3Error(code: S3Code, detail: S3ErrorDetail = {}): S3Error {
  const [status, message] = table[code]
  return { status, code, message, fields: {}, headers: {}, ...detail }
}

/** A code for a status that a test asks for without naming one. */
export function codeOfStatus(status: number): string {
  if (status === 503) return 'SlowDown'
  const known = Object.entries(table).find(([, [candidate]]) => candidate === status)
  return known?.[0] ?? 'UnknownError'
}

export interface ErrorPlace {
  readonly resource: string
  readonly requestId: string
  readonly hostId: string
  readonly quirks: Quirks
}

export function renderS3Error(error: S3Error, place: ErrorPlace): string {
  const isCeph = place.quirks === 'ceph'
  return document(
    parent(
      'Error',
      element('Code', error.code),
      element('Message', isCeph ? '' : error.message),
      ...Object.entries(error.fields).map(([name, text]) => element(name, text)),
      isCeph ? '' : element('Resource', place.resource),
      element('RequestId', place.requestId),
      element('HostId', place.hostId),
    ),
  )
}
