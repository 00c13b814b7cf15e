import assert from 'node:assert/strict'
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { test } from 'node:test'

import { SignatureV4 } from '@smithy/signature-v4'

import { encodeKey } from '../../src/origin/encode.ts'
import { ourAuthorization, requestsToSign, type RequestToSign } from './sigv4-requests.ts'

test('1,000 requests get the authorization that @smithy/signature-v4 gives them', async () => {
  for (const asked of requestsToSign) {
    assert.equal(ourAuthorization(asked), await theirAuthorization(asked), JSON.stringify(asked))
  }
})

async function theirAuthorization(asked: RequestToSign): Promise<string | undefined> {
  const { accessKeyId, secretAccessKey, sessionToken, region, method, host, key, at } = asked
  const signer = new SignatureV4({
    service: 's3',
    region,
    credentials: {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken !== null && { sessionToken }),
    },
    sha256: Sha256,
    uriEscapePath: false,
  })
  const request = {
    method,
    protocol: 'https:',
    hostname: host,
    path: `/${encodeKey(key)}`,
    query: gathered(asked.query),
    headers: { host, ...Object.fromEntries(asked.amzHeaders) },
  }
  const signed = await signer.sign(request, { signingDate: new Date(at * 1000) })
  return signed.headers['authorization']
}

function gathered(query: RequestToSign['query']): Record<string, string[]> {
  const byName = Map.groupBy(query, ([name]) => name)
  return Object.fromEntries(
    [...byName].map(([name, pairs]) => [name, pairs.map(([, value]) => value)]),
  )
}

class Sha256 {
  #hash: Hash | Hmac

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytes(secret))
  }

  update(data: Uint8Array): void {
    this.#hash.update(data)
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest())
  }

  reset(): void {
    this.#hash = createHash('sha256')
  }
}

function bytes(secret: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof secret === 'string') return Buffer.from(secret)
  if (secret instanceof ArrayBuffer) return Buffer.from(secret)
  return Buffer.from(secret.buffer, secret.byteOffset, secret.byteLength)
}
