// The least a Node server can do: every answer lies ready in memory, with the headers that Sluice
// sends. What Sluice needs beyond this is what Sluice costs.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

interface Answer {
  readonly path: string
  readonly headers: string[]
  readonly bytes: number
}

const [, , port, file = ''] = process.argv
const prepared: readonly Answer[] = JSON.parse(readFileSync(file, 'utf8'))
const answers = new Map(
  prepared.map(({ path, headers, bytes }) => [path, { headers, body: Buffer.alloc(bytes, 'x') }]),
)

createServer((request, response) => {
  const answer = answers.get(request.url ?? '')
  response.writeHead(answer === undefined ? 404 : 200, answer?.headers)
  response.end(answer?.body)
}).listen(Number(port), '127.0.0.1')
