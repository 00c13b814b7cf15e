// One object put where a configuration says, whole and signed. For what Sluice itself has to keep; what
// it serves it only reads.

import { createHash, hash } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'

import { now } from '../primitives/clock.ts'
import type { CredentialsConfig, ReplicaConfig } from '../config/s3.ts'
import { addressFor } from './address.ts'
import { createCredentialSource } from './credentials.ts'
import { encodeKey } from './encode.ts'
import { parseS3Error } from './s3-error.ts'
import { createSigner } from './sign.ts'
import type { Credentials } from './sign.ts'

export interface PutPlace extends Pick<ReplicaConfig, 'bucket' | 'endpoint' | 'addressing'> {
  readonly region: string
  readonly credentials: CredentialsConfig
}

/** Rejects, with S3's own code where there is one, unless the object is certain to be there. */
export type PutObject = (key: string, bytes: Uint8Array, signal: AbortSignal) => Promise<void>

/** How long S3 may take for an object, and how long to say nothing. */
const WHOLE_MS = 120_000
const SILENCE_MS = 30_000
const ERROR_BYTES = 64 * 1024
const WRONG_REGION = new Set([301, 307, 400])

interface Answer {
  readonly status: number
  readonly region: string | undefined
  readonly text: string
}

export function createPut(place: PutPlace): PutObject {
  const source = createCredentialSource(place.credentials, place.region)
  let { region } = place
  let sign = createSigner(region)

  const send = async (key: string, bytes: Uint8Array, signal: AbortSignal): Promise<Answer> => {
    const { origin, host, basePath } = addressFor(place, region)
    const path = `${basePath}/${encodeKey(key)}`
    const credentials = await source.get(now())
    const headers = headersFor(host, bytes)
    if (credentials !== undefined) headers.push(...signed(path, host, bytes, credentials))
    return exchange(origin, { path, headers, bytes, signal })
  }
  const signed = (
    path: string,
    host: string,
    bytes: Uint8Array,
    credentials: Credentials,
  ): string[] => {
    const payloadHash = hash('sha256', bytes, 'hex')
    return sign({ method: 'PUT', host, path, query: '', payloadHash }, credentials, now())
  }

  return async (key, bytes, signal) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(WHOLE_MS)])
    let answer = await send(key, bytes, limit)
    const named = answer.region ?? parseS3Error(answer.text).region
    if (WRONG_REGION.has(answer.status) && named !== undefined && named !== region) {
      region = named
      sign = createSigner(region)
      answer = await send(key, bytes, limit)
    }
    if (answer.status >= 200 && answer.status < 300) return
    const { code } = parseS3Error(answer.text)
    if (answer.status === 401 || answer.status === 403) source.invalidate()
    throw new Error(`S3 did not take it: ${answer.status} ${code ?? ''}`.trimEnd())
  }
}

/** Buckets that lock objects want to be told what they get. */
function headersFor(host: string, bytes: Uint8Array): string[] {
  const digest = createHash('md5').update(bytes).digest('base64')
  const length = String(bytes.byteLength)
  return ['host', host, 'content-length', length, 'content-md5', digest]
}

interface Outgoing {
  readonly path: string
  readonly headers: string[]
  readonly bytes: Uint8Array
  readonly signal: AbortSignal
}

function exchange(origin: string, { path, headers, bytes, signal }: Outgoing): Promise<Answer> {
  const { protocol, hostname, port } = new URL(origin)
  const request = protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const host = hostname.replaceAll(/[[\]]/g, '')
    const options = { method: 'PUT', host, port, path, headers, signal, agent: false as const }
    const outgoing = request(options, (response) => void readAnswer(response).then(resolve, reject))
    outgoing.setTimeout(SILENCE_MS, () => {
      outgoing.destroy(new Error(`S3 said nothing for ${SILENCE_MS / 1000} s`))
    })
    outgoing.on('error', reject)
    outgoing.end(bytes)
  })
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const { statusCode: status = 0, headers } = response
  let text = ''
  response.setEncoding('utf8')
  for await (const part of response) if (text.length < ERROR_BYTES) text += String(part)
  const region = headers['x-amz-bucket-region']
  return { status, region: typeof region === 'string' ? region : undefined, text }
}
