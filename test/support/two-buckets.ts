// Two buckets side by side, one of which no request may reach by accident, and what every refusal
// has in common.

import assert from 'node:assert/strict'

import { openS3Server } from '../../dev/s3-server.ts'
import type { S3Server } from '../../dev/s3-server.ts'
import { request } from './http.ts'
import { connect, soon } from './peer.ts'
import { openSluice } from './sluice.ts'

export interface TwoBuckets extends AsyncDisposable {
  readonly s3: S3Server
  readonly url: string
  readonly port: number
  /** All that came until the server closed. */
  exchange(bytes: string): Promise<string>
  /** The target goes out as it is. */
  get(target: string, method?: string): Promise<string>
}

const KEYS = { accessKeyId: 'AKIDHOSTILE', secretAccessKey: 'a secret of the tests' }

/** `/products` holds the keys, each with `products:<key>` in it, and `/private` one secret. */
export async function openTwoBuckets(keys: readonly string[]): Promise<TwoBuckets> {
  const s3 = await openS3Server({ credentials: [KEYS] })
  for (const key of keys) s3.putObject('origin-products', key, `products:${key}`)
  s3.putObject('origin-private', 'secret.txt', 'private:secret.txt')
  const buckets = ['products', 'private'].map((name) => bucketConfig(name, s3.endpoint))
  const sluice = await openSluice({ buckets }).catch(async (error: unknown) => {
    await s3.close()
    throw error
  })
  const port = Number(new URL(sluice.url).port)
  const exchange = (bytes: string): Promise<string> => exchangeAt(port, bytes)
  return {
    s3,
    url: sluice.url,
    port,
    exchange,
    get: (target, method = 'GET') =>
      exchange(`${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
    [Symbol.asyncDispose]: async () => {
      await sluice.close()
      await s3.close()
    },
  }
}

function bucketConfig(name: string, endpoint: string): object {
  const credentials = { access_key: KEYS.accessKeyId, secret_key: KEYS.secretAccessKey }
  const s3 = {
    bucket: `origin-${name}`,
    endpoint,
    ...credentials,
    health_check: { enabled: false },
  }
  return { name, path_prefix: `/${name}`, s3 }
}

async function exchangeAt(port: number, bytes: string): Promise<string> {
  const peer = await connect(port)
  peer.send(bytes)
  try {
    await soon(peer.closed, `the server closes after ${JSON.stringify(bytes.slice(0, 100))}`)
    return peer.text
  } finally {
    peer.destroy()
  }
}

/** Exactly one answer, in the one shape. */
export function assertRefusal(text: string, status: number, code: string): void {
  assert.equal(text.split('HTTP/1.1 ').length, 2, `one answer: ${text}`)
  const [head = '', body = ''] = text.split('\r\n\r\n')
  assert.match(head, new RegExp(`^HTTP/1.1 ${status} `))
  const id = /\r\nX-Request-ID: ([\w-]{1,128})(?:\r\n|$)/.exec(head)?.[1]
  assert.match(head, /\r\nContent-Type: application\/json(?:\r\n|$)/)
  assert.match(head, /\r\nCache-Control: no-store(?:\r\n|$)/)
  const { message, ...rest } = JSON.parse(body)
  assert.deepEqual(rest, { error: code, status, request_id: id })
  assert.match(message, /^[A-Z][^\n]{5,100}\.$/)
  assertNothingLeaks(text)
}

export function assertNothingLeaks(text: string): void {
  assert.doesNotMatch(text, /origin-|AKID|secret of|private:|127\.0\.0\.1|\.ts:\d|node:|at \w+ \(/)
}

export async function assertServes(front: TwoBuckets): Promise<void> {
  const answer = await request(`${front.url}/products/a.txt`)
  assert.deepEqual([answer.status, answer.text], [200, 'products:a.txt'])
}
