import assert from 'node:assert/strict'
import { createHash, hash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'

import { Secret } from '../primitives/secret.ts'
import { createPut } from './put-object.ts'
import type { PutObject } from './put-object.ts'

interface Heard {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

interface World extends AsyncDisposable {
  readonly put: PutObject
  readonly heard: Heard[]
}

const never = new AbortController().signal
const KEYS = { accessKey: 'AKID', secretKey: new Secret('secret'), sessionToken: undefined }

/** Answers with these, one after the other; the last again and again; '' hangs. */
async function openWorld(...answers: readonly (readonly [number, string])[]): Promise<World> {
  const heard: Heard[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => (body += part))
    request.on('end', () => {
      const [status, text] = answers[Math.min(heard.length, answers.length - 1)] ?? [200, '']
      heard.push({ method: request.method, url: request.url, headers: request.headers, body })
      if (status !== 0) response.writeHead(status).end(text)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const put = createPut({
    bucket: 'b',
    endpoint: `http://127.0.0.1:${port}`,
    addressing: 'auto',
    region: 'us-east-1',
    credentials: { kind: 'static', ...KEYS },
  })
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { put, heard, [Symbol.asyncDispose]: close }
}

test('an object is put whole, signed over its bytes, with a digest of them', async () => {
  await using world = await openWorld([200, ''])
  await world.put('a b/c+1', Buffer.from('the bytes'), never)
  const [{ method, url, headers, body } = assert.fail()] = world.heard
  assert.deepEqual([method, url, body], ['PUT', '/b/a%20b/c%2B1', 'the bytes'])
  assert.equal(headers['x-amz-content-sha256'], hash('sha256', 'the bytes'))
  assert.equal(headers['content-md5'], createHash('md5').update('the bytes').digest('base64'))
  assert.equal(headers['content-length'], '9')
  assert.match(headers.authorization ?? '', /Credential=AKID\/\d{8}\/us-east-1\/s3\/aws4_request/)
})

test('where S3 names another region the object is put there, and so are the next', async () => {
  const moved = '<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>'
  await using world = await openWorld([400, moved], [200, ''])
  await world.put('k', Buffer.from('x'), never)
  await world.put('k', Buffer.from('x'), never)
  const regions = world.heard.map(({ headers }) => headers.authorization?.split('/')[2])
  assert.deepEqual(regions, ['us-east-1', 'eu-west-3', 'eu-west-3'])
})

test('whatever is not taken rejects, in the words of S3', async () => {
  const denied = '<Error><Code>AccessDenied</Code><Message>secret</Message></Error>'
  await using world = await openWorld([403, denied], [500, ''], [200, ''])
  const put = (): Promise<void> => world.put('k', Buffer.from('x'), never)
  await assert.rejects(put(), { message: 'S3 did not take it: 403 AccessDenied' })
  await assert.rejects(put(), { message: 'S3 did not take it: 500' })
  await put()
})

test('an answer that does not come is not waited for when nobody wants it any more', async () => {
  await using world = await openWorld([0, ''])
  await assert.rejects(world.put('k', Buffer.from('x'), AbortSignal.timeout(50)))
})
