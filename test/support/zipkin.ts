// Stands in for Zipkin, and is stricter than it is: what is not of the model of its API, version 2, to the
// letter (api/v2, `ListOfSpans`) is refused.

import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ZipkinSpan {
  readonly traceId: string
  readonly id: string
  readonly parentId?: string
  readonly name: string
  readonly kind?: string
  readonly timestamp: number
  readonly duration: number
  readonly localEndpoint: { readonly serviceName: string }
  readonly tags: Readonly<Record<string, string>>
}

export interface Zipkin extends AsyncDisposable {
  readonly url: string
  readonly spans: ZipkinSpan[]
  /** What was wrong with what came. */
  readonly faults: string[]
}

export async function openZipkinStandIn(): Promise<Zipkin> {
  const spans: ZipkinSpan[] = []
  const faults: string[] = []
  const take = async (incoming: IncomingMessage): Promise<number> => {
    try {
      spans.push(...(await read(incoming)))
      return 202
    } catch (error) {
      faults.push(String(error))
      return 400
    }
  }
  const server = createServer((incoming, outgoing) => {
    void take(incoming).then((status) => outgoing.writeHead(status).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/api/v2/spans`,
    spans,
    faults,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function read(incoming: IncomingMessage): Promise<ZipkinSpan[]> {
  demand(incoming.method === 'POST' && incoming.url === '/api/v2/spans', 'the request')
  demand(incoming.headers['content-type'] === 'application/json', 'content-type')
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(Buffer.from(chunk))
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString())
  demand(Array.isArray(body) && body.length > 0, 'no list')
  for (const span of body) check(span)
  // Looked at field by field.
  return body as ZipkinSpan[]
}

const FIELDS = [
  'traceId parentId id name kind timestamp duration localEndpoint remoteEndpoint tags annotations',
  'debug shared',
].flatMap((names) => names.split(' '))

function check(span: unknown): void {
  demand(isObject(span), 'a span')
  const strange = Object.keys(span).filter((name) => !FIELDS.includes(name))
  demand(strange.length === 0, `fields ${strange.join()}`)
  const { traceId, id, parentId, kind, name, timestamp, duration, localEndpoint, tags } = span
  demand(isHex(traceId, 32), 'traceId')
  demand(isHex(id, 16), 'id')
  demand(parentId === undefined || isHex(parentId, 16), 'parentId')
  demand(kind === undefined || kind === 'SERVER' || kind === 'CLIENT', 'kind')
  demand(typeof name === 'string' && name !== '', 'name')
  demand(Number.isSafeInteger(timestamp) && Number(timestamp) > 1e15, 'timestamp')
  demand(Number.isSafeInteger(duration) && Number(duration) >= 0, 'duration')
  demand(isObject(localEndpoint) && typeof localEndpoint['serviceName'] === 'string', 'endpoint')
  demand(isObject(tags) && Object.values(tags).every((tag) => typeof tag === 'string'), 'tags')
}

function isHex(value: unknown, digits: number): boolean {
  return typeof value === 'string' && value.length === digits && /^[\da-f]+$/.test(value)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function demand(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Error(`not as Zipkin takes it: ${what}`)
}
