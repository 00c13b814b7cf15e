// AWS Signature Version 4, above all for requests without a body. Made here and not taken from a
// package because it is walked once per delivered miss and the day's key can be kept: a few times
// cheaper. The steps carry the specification's names, and the tests hold them against the
// published vectors, @smithy/signature-v4 and botocore.

import { createHmac, hash } from 'node:crypto'

import { encodeQueryValue } from './encode.ts'

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
}

export interface UnsignedRequest {
  readonly method: string
  /** As sent: with the port when it is not the scheme's own. */
  readonly host: string
  /** As sent: already in S3's encoding, beginning with '/'. */
  readonly path: string
  /** As sent and canonical: encoded, sorted, without '?'. */
  readonly query: string
  /** Further `x-amz-*` headers as they are sent: S3 wants every one of them signed. */
  readonly amzHeaders?: CanonicalHeaders
  /** SHA-256 of the body, in hex; undefined: there is none. */
  readonly payloadHash?: string
}

/** The headers to add, as a flat list of names and values. */
export type Signer = (request: UnsignedRequest, credentials: Credentials, now: number) => string[]

/** Lower-case names and trimmed values, sorted by name. */
export type CanonicalHeaders = readonly (readonly [name: string, value: string])[]

/** Names and values that are the same in all requests of one kind for a second. */
interface Frame {
  readonly credentials: Credentials
  readonly host: string
  readonly payloadHash: string
  readonly timestamp: string
  readonly key: DayKey
  /** Of the canonical request, all behind its query. */
  readonly tail: string
  readonly added: readonly string[]
  /** All before the signature. */
  readonly authorization: string
}

type FrameFor = (request: UnsignedRequest, credentials: Credentials, timestamp: string) => Frame

interface DayKey {
  readonly date: string
  readonly scope: string
  readonly prove: (text: string) => string
}

const algorithm = 'AWS4-HMAC-SHA256'
const NO_HEADERS: CanonicalHeaders = []
const emptyPayloadHash = hash('sha256', '', 'hex')
// One signer sees one set of credentials at a time, two while they rotate; the rest is room.
const keptDayKeys = 8
/** Of SHA-256. */
const BLOCK_BYTES = 64

export function createSigner(region: string, service = 's3'): Signer {
  const clock = createTimestamp()
  const frameFor = createFrames(createDayKeys(region, service))

  return (request, credentials, now) => {
    const { tail, key, timestamp, added, authorization } = frameFor(
      request,
      credentials,
      clock(now),
    )
    const canonical = `${request.method}\n${request.path}\n${request.query}\n${tail}`
    const proof = key.prove(stringToSign(timestamp, key.scope, canonical))
    return [...added, 'authorization', `${authorization}${proof}`]
  }
}

/** Names and values encoded, sorted by name and then by value. */
export function canonicalQuery(parameters: readonly (readonly [string, string])[]): string {
  return parameters
    .map(([name, value]) => [encodeQueryValue(name), encodeQueryValue(value)] as const)
    .sort(([nameA, valueA], [nameB, valueB]) => order(nameA, nameB) || order(valueA, valueB))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

export function canonicalRequest(
  request: Pick<UnsignedRequest, 'method' | 'path' | 'query'>,
  headers: CanonicalHeaders,
  payloadHash: string,
): string {
  const { method, path, query } = request
  return `${method}\n${path}\n${query}\n${canonicalTail(headers, payloadHash)}`
}

function canonicalTail(headers: CanonicalHeaders, payloadHash: string): string {
  let text = ''
  for (const [name, value] of headers) text += `${name}:${value}\n`
  return `${text}\n${signedHeaders(headers)}\n${payloadHash}`
}

export function signedHeaders(headers: CanonicalHeaders): string {
  let names = ''
  for (const [name] of headers) names += names === '' ? name : `;${name}`
  return names
}

export function credentialScope(date: string, region: string, service: string): string {
  return `${date}/${region}/${service}/aws4_request`
}

export function stringToSign(timestamp: string, scope: string, canonical: string): string {
  return `${algorithm}\n${timestamp}\n${scope}\n${hash('sha256', canonical, 'hex')}`
}

export function signingKey(secret: string, date: string, region: string, service: string): Buffer {
  const dateKey = hmac(`AWS4${secret}`, date)
  return hmac(hmac(hmac(dateKey, region), service), 'aws4_request')
}

export function signature(key: Buffer, text: string): string {
  return createHmac('sha256', key).update(text).digest('hex')
}

/**
 * `signature` for one day's key, whose texts are all equally long: HMAC written out (RFC 2104) with
 * its padded keys kept. Two one-shot hashes cost half of what making an Hmac object does.
 */
function createProver(key: Buffer, scope: string): DayKey['prove'] {
  const textBytes = Buffer.byteLength(stringToSign('20130524T000000Z', scope, ''))
  const inner = Buffer.alloc(BLOCK_BYTES + textBytes, 0x36)
  const outer = Buffer.alloc(BLOCK_BYTES + key.length, 0x5c)
  for (const [index, byte] of key.entries()) {
    inner[index] = byte ^ 0x36
    outer[index] = byte ^ 0x5c
  }
  return (text) => {
    inner.write(text, BLOCK_BYTES)
    outer.write(hash('sha256', inner, 'latin1'), BLOCK_BYTES, 'latin1')
    return hash('sha256', outer, 'hex')
  }
}

function headersToSign(
  {
    host,
    payloadHash,
    timestamp,
    credentials,
  }: Omit<Frame, 'key' | 'tail' | 'added' | 'authorization'>,
  amzHeaders: CanonicalHeaders,
): CanonicalHeaders {
  const headers: (readonly [string, string])[] = [
    ['host', host],
    ...amzHeaders,
    ['x-amz-content-sha256', payloadHash],
    ['x-amz-date', timestamp],
  ]
  const { sessionToken } = credentials
  if (sessionToken !== undefined) headers.push(['x-amz-security-token', sessionToken])
  return headers.sort(([a], [b]) => order(a, b))
}

/** The last frame of each list of headers: who asks again and again does so with the same list. */
function createFrames(dayKeyOf: (secret: string, date: string) => DayKey): FrameFor {
  const frames = new WeakMap<CanonicalHeaders, Frame>()

  return (request, credentials, timestamp) => {
    const { host, amzHeaders = NO_HEADERS, payloadHash = emptyPayloadHash } = request
    const held = frames.get(amzHeaders)
    if (
      held?.timestamp === timestamp &&
      held.host === host &&
      held.payloadHash === payloadHash &&
      isSame(held.credentials, credentials)
    ) {
      return held
    }
    const key = dayKeyOf(credentials.secretAccessKey, timestamp.slice(0, 8))
    const made = frameOf({ credentials, host, payloadHash, timestamp, key }, amzHeaders)
    frames.set(amzHeaders, made)
    return made
  }
}

function frameOf(
  given: Pick<Frame, 'credentials' | 'host' | 'payloadHash' | 'timestamp' | 'key'>,
  amzHeaders: CanonicalHeaders,
): Frame {
  const { credentials, payloadHash, timestamp, key } = given
  const { accessKeyId, sessionToken } = credentials
  const headers = headersToSign(given, amzHeaders)
  const added = ['x-amz-date', timestamp, 'x-amz-content-sha256', payloadHash]
  if (sessionToken !== undefined) added.push('x-amz-security-token', sessionToken)
  return {
    ...given,
    tail: canonicalTail(headers, payloadHash),
    added,
    authorization: `${algorithm} Credential=${accessKeyId}/${key.scope}, SignedHeaders=${signedHeaders(headers)}, Signature=`,
  }
}

function isSame(one: Credentials, other: Credentials): boolean {
  return (
    one.secretAccessKey === other.secretAccessKey &&
    one.accessKeyId === other.accessKeyId &&
    one.sessionToken === other.sessionToken
  )
}

function createDayKeys(region: string, service: string) {
  const keys = new Map<string, DayKey>()

  return (secret: string, date: string): DayKey => {
    const held = keys.get(secret)
    if (held?.date === date) return held

    const scope = credentialScope(date, region, service)
    const prove = createProver(signingKey(secret, date, region, service), scope)
    const made: DayKey = { date, scope, prove }
    keys.delete(secret)
    keys.set(secret, made)
    for (const oldest of keys.keys()) {
      if (keys.size <= keptDayKeys) break
      keys.delete(oldest)
    }
    return made
  }
}

/** Epoch milliseconds as '20130524T000000Z', written at most once a second. */
function createTimestamp(): (now: number) => string {
  let second = Number.NaN
  let text = ''

  return (now) => {
    const current = Math.floor(now / 1000)
    if (current !== second) {
      second = current
      text = new Date(current * 1000).toISOString().replace(/[-:]|\.000/g, '')
    }
    return text
  }
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function order(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
