// An issuer of tokens: its key set and its discovery document over HTTP, and what was asked of it.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Issuer extends AsyncDisposable {
  readonly url: string
  /** What it answers by path: an object as JSON, a number as a status, undefined not at all. */
  readonly answers: Map<string, object | number | undefined>
  /** Paths, in the order in which they were asked for. */
  readonly asked: string[]
  close(): Promise<void>
}

/** `port` 0 takes a free one. */
export async function openIssuer(port = 0): Promise<Issuer> {
  const answers: Issuer['answers'] = new Map()
  const asked: string[] = []
  const server = createServer(({ url = '' }, response) => {
    asked.push(url)
    const answer = answers.has(url) ? answers.get(url) : 404
    if (typeof answer === 'number') response.writeHead(answer).end()
    else if (answer !== undefined) response.end(JSON.stringify(answer))
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  // A listening server has one.
  const at = server.address() as AddressInfo
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url: `http://127.0.0.1:${at.port}`, answers, asked, close, [Symbol.asyncDispose]: close }
}
