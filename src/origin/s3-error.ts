// S3's XML error reduced to the few facts that decide what happens next. The body comes from
// outside and may be anything (an HTML page of a proxy in between), so nothing here throws and
// only words of the expected shape are believed.

export interface S3Error {
  readonly code: string | undefined
  /** The region S3 says the bucket or the signature belongs to. */
  readonly region: string | undefined
  readonly endpoint: string | undefined
  /** The size of the object a range did not fit. */
  readonly actualSize: number | undefined
}

export type AnswerMeaning =
  | 'ok'
  | 'not-modified'
  | 'not-found'
  | 'forbidden'
  | 'precondition-failed'
  | 'range-unsatisfiable'
  | 'misconfigured'
  | 'wrong-region'
  | 'throttled'
  | 'server-error'
  | 'archived'
  | 'invalid'

const mostCharacters = 64 * 1024

const isCode = /^[A-Za-z0-9.]{1,128}$/
const isRegion = /^[a-z0-9-]{1,64}$/
const isEndpoint = /^[A-Za-z0-9.:_-]{1,255}$/
const isSize = /^[0-9]{1,15}$/

export function parseS3Error(body: string): S3Error {
  const head = body.slice(0, mostCharacters)
  const start = head.search(/<Error[\s>]/)
  const xml = start < 0 ? '' : head.slice(start)
  const actualSize = element(xml, 'ActualObjectSize', isSize)
  return {
    code: element(xml, 'Code', isCode),
    region: element(xml, 'Region', isRegion),
    endpoint: element(xml, 'Endpoint', isEndpoint),
    actualSize: actualSize === undefined ? undefined : Number(actualSize),
  }
}

export function meaningOf(status: number, error: S3Error): AnswerMeaning {
  if (status >= 200 && status < 300) return 'ok'
  if (status === 304) return 'not-modified'
  // S3 redirects for one reason only: the bucket lives elsewhere.
  if (status >= 300 && status < 400) return 'wrong-region'

  const byCode = meaningOfCode(error)
  if (status >= 500) return byCode === 'throttled' ? 'throttled' : 'server-error'
  return byCode ?? meaningByStatus.get(status) ?? 'invalid'
}

const meaningByStatus: ReadonlyMap<number, AnswerMeaning> = new Map([
  [401, 'misconfigured'],
  [403, 'forbidden'],
  [404, 'not-found'],
  // The one 405 a GET or HEAD of an object gets: the version named is a delete marker.
  [405, 'not-found'],
  [408, 'server-error'],
  [412, 'precondition-failed'],
  [416, 'range-unsatisfiable'],
  [429, 'throttled'],
])

const codesByMeaning: readonly (readonly [AnswerMeaning, string])[] = [
  ['not-found', 'NoSuchKey NoSuchVersion'],
  ['forbidden', 'AccessDenied'],
  ['precondition-failed', 'PreconditionFailed'],
  ['range-unsatisfiable', 'InvalidRange'],
  ['archived', 'InvalidObjectState'],
  // Both are answered with a 4xx although trying again is right.
  ['server-error', 'InternalError ServiceUnavailable RequestTimeout'],
  ['throttled', 'SlowDown SlowDownRead SlowDownWrite Throttling ThrottlingException'],
  ['throttled', 'RequestLimitExceeded TooManyRequests BandwidthLimitExceeded'],
  ['wrong-region', 'PermanentRedirect TemporaryRedirect Redirect IncorrectEndpoint'],
  ['wrong-region', 'IllegalLocationConstraint IllegalLocationConstraintException'],
  // What is named.
  ['misconfigured', 'NoSuchBucket InvalidBucketName InvalidBucketState NoSuchAccessPoint'],
  // Who asks.
  ['misconfigured', 'InvalidAccessKeyId SignatureDoesNotMatch ExpiredToken InvalidToken'],
  ['misconfigured', 'TokenRefreshRequired RequestTimeTooSkewed RequestExpired'],
  ['misconfigured', 'CredentialsNotSupported MissingSecurityHeader InvalidSecurity'],
  ['misconfigured', 'AuthorizationHeaderMalformed InvalidClientTokenId'],
  // Whether the account may ask at all.
  ['misconfigured', 'AccountProblem AllAccessDisabled NotSignedUp InvalidPayer UserSuspended'],
]

const meaningByCode: ReadonlyMap<string, AnswerMeaning> = new Map(
  codesByMeaning.flatMap(([meaning, codes]) =>
    codes.split(' ').map((code): [string, AnswerMeaning] => [code, meaning]),
  ),
)

function meaningOfCode({ code, region }: S3Error): AnswerMeaning | undefined {
  if (code === undefined) return undefined
  if (code === 'AuthorizationHeaderMalformed' && region !== undefined) return 'wrong-region'
  // KMS.DisabledException and its family: the key of the object cannot be used.
  if (code.startsWith('KMS.')) return 'misconfigured'
  return meaningByCode.get(code)
}

function element(xml: string, name: string, shape: RegExp): string | undefined {
  const open = `<${name}>`
  const start = xml.indexOf(open)
  const end = xml.indexOf(`</${name}>`, start)
  if (start < 0 || end < 0) return undefined
  const text = xml.slice(start + open.length, end).trim()
  return shape.test(text) ? text : undefined
}
