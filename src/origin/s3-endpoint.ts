// One bucket at one endpoint, spoken to in S3: signs a question, sends it, and reads the answer as
// S3 meant it. Follows S3 to another region once and remembers it.

import type { CancelSignal } from '../primitives/cancel.ts'
import { monotonic, now } from '../primitives/clock.ts'
import type { ReplicaConfig } from '../config/s3.ts'
import { formatRange } from '../http/range.ts'
import { addressFor } from './address.ts'
import type { Address } from './address.ts'
import { createCredentialSource } from './credentials.ts'
import type { CredentialSource } from './credentials.ts'
import { encodeKey } from './encode.ts'
import { OriginFailure } from './failure.ts'
import { listQuery } from './list-query.ts'
import { readCaching, readHead, readObjectAnswer } from './object-answer.ts'
import type { AskLimits, ObjectAnswer, ObjectQuestion } from './question.ts'
import { meaningOf, parseS3Error } from './s3-error.ts'
import type { AnswerMeaning, S3Error } from './s3-error.ts'
import { canonicalQuery, createSigner } from './sign.ts'
import type { CanonicalHeaders, Credentials, Signer } from './sign.ts'
import { readText, Transport } from './transport.ts'
import type { Answer } from './transport.ts'

const ERROR_BYTES = 64 * 1024
const RETIRED_AFTER_MS = 60_000
/** A HEAD with one of these has more than one meaning, and no body to tell which. */
const MUTE_STATUSES = new Set([301, 307, 400, 403, 404])

const NO_CREDENTIALS = 'there are no credentials to sign with'
const CHECKSUM_MODE: CanonicalHeaders = [['x-amz-checksum-mode', 'ENABLED']]
const NO_HEADERS: CanonicalHeaders = []

/** One limit for all that an attempt may have to ask. */
interface Patience {
  readonly until: number
  readonly signal: CancelSignal | undefined
}

interface Place {
  readonly region: string
  readonly address: Address
  readonly transport: Transport
  readonly sign: Signer
}

export class S3Endpoint {
  readonly #config: ReplicaConfig
  readonly #credentials: CredentialSource
  readonly #onRegion: (region: string) => void
  #place: Place
  #isRetired = false

  constructor(config: ReplicaConfig, onRegion: (region: string) => void) {
    this.#config = config
    this.#credentials = createCredentialSource(config.credentials, config.region)
    this.#onRegion = onRegion
    this.#place = openPlace(config, config.region)
  }

  async ask(question: ObjectQuestion, { timeoutMs, signal }: AskLimits): Promise<ObjectAnswer> {
    const patience: Patience = { until: monotonic() + timeoutMs, signal }
    const from = this.#place.region
    const answer = await this.#send(question, patience)
    if (isObject(answer)) return objectFrom(answer, question)
    if (answer.status === 304 && isConditional(question)) return notModified(answer)
    const error = await this.#explain(answer, question, patience)
    const meaning = meaningOf(answer.status, error)
    if (meaning !== 'wrong-region' || !this.#moveTo(error.region ?? regionOf(answer), from)) {
      return this.#understand(meaning, answer, error)
    }
    // Once: a second redirect would lead in circles.
    const moved = await this.#send(question, patience)
    if (isObject(moved)) return objectFrom(moved, question)
    const movedError = await this.#explain(moved, question, patience)
    return this.#understand(meaningOf(moved.status, movedError), moved, movedError)
  }

  async close(): Promise<void> {
    await this.#place.transport.close()
  }

  /** Nobody is to ask any more; who does all the same, or still reads an answer, is not disturbed. */
  retire(): void {
    this.#isRetired = true
    this.#place.transport.retire()
  }

  #send(question: ObjectQuestion, patience: Patience): Promise<Answer> {
    const known = this.#credentials.get(now())
    if (!(known instanceof Promise)) return this.#sendSigned(question, patience, known)
    return inTime(known, patience).then((credentials) =>
      this.#sendSigned(question, patience, credentials),
    )
  }

  #sendSigned(
    question: ObjectQuestion,
    patience: Patience,
    credentials: Credentials | undefined,
  ): Promise<Answer> {
    const { method } = question
    const { address, transport, sign } = this.#place
    const path = this.#pathOf(question.key)
    const { listing } = question
    const query = listing === undefined ? queryOf(question) : listQuery(listing, this.#config)
    // A checksum is of the whole object, so only the whole asks for it.
    const isWhole = question.range === undefined && listing === undefined
    const amzHeaders = isWhole ? CHECKSUM_MODE : NO_HEADERS
    const headers = ['host', address.host]
    for (const [name, value] of amzHeaders) headers.push(name, value)
    if (credentials !== undefined) {
      const unsigned = { method, host: address.host, path, query, amzHeaders }
      headers.push(...sign(unsigned, credentials, now()))
    }
    if (question.range !== undefined) headers.push('range', formatRange(question.range))
    addConditions(question, headers)
    const target = query === '' ? path : `${path}?${query}`
    const timeoutMs = msLeft(patience)
    return transport.send({ method, path: target, headers, timeoutMs }, patience.signal)
  }

  #pathOf(key: string): string {
    const { basePath } = this.#place.address
    if (key === '') return basePath === '' ? '/' : basePath
    return `${basePath}/${encodeKey(this.#config.keyPrefix + key)}`
  }

  /** S3's reason. A HEAD has no body to give it, so the same is asked with a GET for one byte. */
  async #explain(answer: Answer, question: ObjectQuestion, patience: Patience): Promise<S3Error> {
    const read = ({ body }: Answer): Promise<string> =>
      readText(body, { limitBytes: ERROR_BYTES, timeoutMs: msLeft(patience) })
    if (question.method === 'GET') return parseS3Error(await read(answer))
    answer.body.discard()
    if (!MUTE_STATUSES.has(answer.status)) return parseS3Error('')
    const oneByte = { kind: 'bounded', first: 0, last: 0 } as const
    const range = question.key === '' || question.partNumber !== undefined ? undefined : oneByte
    const spoken = await this.#send({ ...question, method: 'GET', range }, patience)
    const text = await read(spoken)
    return parseS3Error(spoken.status === answer.status ? text : '')
  }

  /** False when that is where was asked already. Others may have moved there in the meantime. */
  #moveTo(region: string | undefined, from: string): boolean {
    if (region === undefined || region === from) return false
    if (region === this.#place.region) return true
    const left = this.#place.transport
    this.#place = openPlace(this.#config, region, this.#place)
    if (this.#isRetired) this.#place.transport.retire()
    // What is still on its way at the old place is let finish.
    if (left !== this.#place.transport) {
      setTimeout(() => void left.close(), RETIRED_AFTER_MS).unref()
    }
    this.#onRegion(region)
    return true
  }

  #understand(meaning: AnswerMeaning, { status, headers }: Answer, error: S3Error): ObjectAnswer {
    if (meaning === 'misconfigured') this.#credentials.invalidate()
    if (meaning === 'not-found') return { kind: meaning, caching: readCaching(headers) }
    return answerFor(meaning, status, error)
  }
}

function msLeft({ until }: Patience): number {
  return Math.max(1, Math.ceil(until - monotonic()))
}

function openPlace(config: ReplicaConfig, region: string, previous?: Place): Place {
  const address = addressFor(config, region)
  const sign = createSigner(region)
  if (previous?.address.origin === address.origin) {
    return { region, address, sign, transport: previous.transport }
  }
  const transport = new Transport(address.origin, {
    connectTimeoutMs: config.connectTimeoutMs,
    stallTimeoutMs: config.stallTimeoutMs,
    keptConnections: config.connectionPoolSize,
  })
  return { region, address, sign, transport }
}

function queryOf({ versionId, partNumber }: ObjectQuestion): string {
  if (versionId === undefined && partNumber === undefined) return ''
  const parameters: [string, string][] = []
  if (partNumber !== undefined) parameters.push(['partNumber', partNumber])
  if (versionId !== undefined) parameters.push(['versionId', versionId])
  return canonicalQuery(parameters)
}

function addConditions(question: ObjectQuestion, headers: string[]): void {
  const { ifMatch, ifNoneMatch, ifModifiedSince } = question
  if (ifMatch !== undefined) headers.push('if-match', ifMatch)
  if (ifNoneMatch !== undefined) headers.push('if-none-match', ifNoneMatch)
  if (ifModifiedSince !== undefined) headers.push('if-modified-since', ifModifiedSince)
}

function isConditional({ ifNoneMatch, ifModifiedSince }: ObjectQuestion): boolean {
  return ifNoneMatch !== undefined || ifModifiedSince !== undefined
}

function notModified(answer: Answer): ObjectAnswer {
  answer.body.discard()
  return { kind: 'not-modified', head: readHead(answer.headers, undefined) }
}

function regionOf(answer: Answer): string | undefined {
  const region = answer.headers['x-amz-bucket-region']
  return typeof region === 'string' && /^[a-z0-9-]{1,64}$/.test(region) ? region : undefined
}

function isObject({ status }: Answer): boolean {
  return status === 200 || status === 206
}

function objectFrom(answer: Answer, question: ObjectQuestion): ObjectAnswer {
  const asked = { range: question.range, isPart: question.partNumber !== undefined }
  try {
    const facts = readObjectAnswer(answer.status, answer.headers, asked)
    const { body, status } = answer
    return { kind: 'object', ...facts, body, status, isChunked: isChunked(answer) }
  } catch (error) {
    answer.body.discard()
    throw error
  }
}

function isChunked({ headers }: Answer): boolean {
  const coding = headers['transfer-encoding']
  return typeof coding === 'string' && coding.toLowerCase() === 'chunked'
}

function answerFor(
  meaning: Exclude<AnswerMeaning, 'not-found'>,
  status: number,
  error: S3Error,
): ObjectAnswer {
  const details = { status, code: error.code }
  const said = `${status} ${error.code ?? ''}`.trimEnd()
  switch (meaning) {
    case 'forbidden':
    case 'invalid':
      return { kind: meaning }
    case 'archived':
      return { kind: 'forbidden' }
    case 'precondition-failed':
      return { kind: 'changed' }
    case 'range-unsatisfiable':
      return { kind: 'unsatisfiable', size: error.actualSize }
    case 'misconfigured':
    case 'wrong-region':
      throw new OriginFailure('misconfigured', `S3 refuses the set-up: ${said}`, details)
    case 'throttled':
      throw new OriginFailure('throttled', `S3 asks to slow down: ${said}`, details)
    case 'server-error':
      throw new OriginFailure('server-error', `S3 failed: ${said}`, details)
    case 'ok':
    case 'not-modified':
      throw new OriginFailure('protocol', `an answer to another question: ${said}`, details)
  }
}

/** Credentials may have to be fetched; the attempt's own limit covers that too. */
function inTime<T>(promise: Promise<T>, patience: Patience): Promise<T> {
  const { signal } = patience
  return new Promise((resolve, reject) => {
    const settle = (conclude: () => void): void => {
      clearTimeout(timer)
      signal?.offCancel(leave)
      conclude()
    }
    const fail = (cause: unknown): void =>
      settle(() => reject(new OriginFailure('credentials', NO_CREDENTIALS, { cause })))
    const leave = (): void =>
      settle(() => reject(new OriginFailure('cancelled', 'the caller left')))
    const timer = setTimeout(() => fail(new Error('they took too long')), msLeft(patience))
    signal?.onCancel(leave)
    promise.then((value) => settle(() => resolve(value)), fail)
  })
}
