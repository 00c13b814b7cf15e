// Who comes, and whose pages may read, over HTTP/2 and in every thread as anywhere.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { createCertificate } from '../support/certificates.ts'
import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { ask, openSession } from '../support/http2.ts'
import type { StreamAnswer } from '../support/http2.ts'

const APP = 'https://app.example.com'
const SESSIONS = 6
const certificate = createCertificate()
const https = { enabled: true, cert_path: certificate.certPath, key_path: certificate.keyPath }
let front: Front

before(async () => {
  front = await openFront(
    { server: { https, threads: 2, trusted_proxies: ['127.0.0.1', '10.0.0.0/8'] } },
    {
      buckets: (endpoint) => [
        bucketAt(endpoint, {
          name: 'guarded',
          ip_filter: { blocklist: ['192.0.2.0/24'] },
          cors: { origins: [APP] },
          response_headers: { set: { Vary: 'Accept-Encoding' } },
        }),
      ],
    },
  )
  front.put('a', 'body')
})
after(async () => {
  await front?.[Symbol.asyncDispose]()
  certificate[Symbol.dispose]()
})

/** By several connections, so that both threads are asked. */
async function askAll(headers: Record<string, string>): Promise<StreamAnswer[]> {
  const sessions = Array.from({ length: SESSIONS }, () => openSession(front.port))
  try {
    const asked = { ':path': '/guarded/a', ...headers }
    return await Promise.all(sessions.map((session) => ask(session, asked)))
  } finally {
    for (const session of sessions) session.destroy()
  }
}

test('a blocked client is denied, and its page may read why', async () => {
  const from = { 'x-forwarded-for': '192.0.2.1, 10.0.0.1', origin: APP }
  for (const { status, headers } of await askAll(from)) {
    assert.equal(status, 403)
    assert.equal(headers['access-control-allow-origin'], APP)
  }
})

test('another is admitted, and all the answer differs by is said', async () => {
  const from = { 'x-forwarded-for': '192.0.3.1, 10.0.0.1', origin: APP }
  for (const { status, headers } of await askAll(from)) {
    assert.equal(status, 200)
    assert.equal(headers['access-control-allow-origin'], APP)
    assert.equal(headers['vary'], 'Accept-Encoding, Origin')
  }
})

test('a preflight is granted', async () => {
  const asked = { ':method': 'OPTIONS', origin: APP, 'access-control-request-method': 'GET' }
  for (const { status, headers } of await askAll(asked)) {
    assert.equal(status, 204)
    assert.equal(headers['access-control-allow-methods'], 'GET, HEAD')
  }
})
