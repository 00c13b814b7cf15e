// The least a Node server can do: every answer lies ready in memory, with the status and the headers
// that Sluice sends. What Sluice needs beyond this is what Sluice costs.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'

interface Plan {
  readonly port: number
  readonly answers: readonly Answer[]
  /** Files; over TLS alone. */
  readonly tls?: { readonly certPath: string; readonly keyPath: string }
}

interface Answer {
  readonly path: string
  readonly status: number
  readonly headers: string[]
  readonly bodyBytes: number
}

const [, , file = ''] = process.argv
const { port, answers, tls }: Plan = JSON.parse(readFileSync(file, 'utf8'))
const ready = new Map(
  answers.map(({ path, bodyBytes, ...head }) => {
    return [path, { ...head, body: Buffer.alloc(bodyBytes, 'x') }]
  }),
)

const listener: RequestListener = (request, response) => {
  const answer = ready.get(request.url ?? '')
  response.writeHead(answer?.status ?? 404, answer?.headers)
  response.end(answer?.body)
}

const server =
  tls === undefined
    ? createServer(listener)
    : createSecureServer(
        { cert: readFileSync(tls.certPath), key: readFileSync(tls.keyPath) },
        listener,
      )
server.listen(port, '127.0.0.1')
