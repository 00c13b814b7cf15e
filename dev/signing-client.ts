// A client for the tests: raw requests with a path sent as it is given, signed by AWS's own signer.

import { createHash, createHmac } from 'node:crypto'
import type { Hash, Hmac } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'

import { SignatureV4 } from '@smithy/signature-v4'

import type { Credential } from './verify-sigv4.ts'

export interface Sent {
  readonly method?: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly host?: string
  readonly isUnsigned?: boolean
  readonly signal?: AbortSignal
}

export interface Received {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** Whether the body came to its announced or proper end. */
  readonly isComplete: boolean
}

export class Sha256 {
  readonly #hash: Hash | Hmac

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
  }

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk)
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest())
  }

  reset(): void {
    throw new Error('a digest is taken once')
  }
}

function bytesOf(secret: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof secret === 'string') return Buffer.from(secret)
  if (secret instanceof ArrayBuffer) return Buffer.from(secret)
  return Buffer.from(secret.buffer, secret.byteOffset, secret.byteLength)
}

export class SigningClient {
  readonly #signer: SignatureV4
  readonly #port: number

  constructor(port: number, credential: Credential, region = 'us-east-1') {
    this.#port = port
    this.#signer = new SignatureV4({
      service: 's3',
      region,
      credentials: credential,
      sha256: Sha256,
      uriEscapePath: false,
    })
  }

  /** The answer, read to its end or to where it breaks; rejects when there is none. */
  async fetch(path: string, sent: Sent = {}): Promise<Received> {
    const response = await this.open(path, sent)
    const pieces: Buffer[] = []
    try {
      for await (const piece of response) pieces.push(piece)
    } catch {
      // Told by `isComplete`.
    }
    return {
      status: response.statusCode ?? 0,
      headers: Object.fromEntries(
        Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
      ),
      body: Buffer.concat(pieces),
      isComplete: response.complete,
    }
  }

  /** The answer with its body unread. */
  async open(path: string, sent: Sent = {}): Promise<IncomingMessage> {
    const { method = 'GET', query = {}, host = `127.0.0.1:${this.#port}`, signal } = sent
    const plain = { host, ...sent.headers }
    const target = { method, protocol: 'http:', hostname: '127.0.0.1', path, query, headers: plain }
    const headers = sent.isUnsigned ? plain : (await this.#signer.sign(target)).headers
    const search = new URLSearchParams(query).toString().replaceAll('+', '%20')
    const request = httpRequest({
      method,
      port: this.#port,
      host: '127.0.0.1',
      path: search === '' ? path : `${path}?${search}`,
      headers,
      agent: false,
      ...(signal === undefined ? {} : { signal }),
    })
    const answered = once(request, 'response')
    request.end()
    const [response] = await answered
    // A connection that breaks later ends the body too, and `isComplete` tells of it.
    request.on('error', () => undefined)
    return response
  }
}
