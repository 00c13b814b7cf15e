// One question to a server before it is measured: a benchmark of wrong answers is worth nothing.

import { get } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { get as getSecurely } from 'node:https'

import type { Ask } from './roads.ts'

export interface Head {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[]
}

/** Throws where the answer is not the one that is asked for. Reads it to its end. */
export async function probe(server: string, url: string, ask: Ask): Promise<Head> {
  const { head, bytes } = await fetchOnce(url + ask.path, ask.headers)
  if (head.status === ask.status && bytes === ask.bodyBytes) return head
  const wanted = `${ask.status} with ${ask.bodyBytes} bytes`
  throw new Error(`${server} answers ${head.status} with ${bytes} bytes and not ${wanted}`)
}

export function fetchOnce(
  url: string,
  headers: readonly string[] = [],
): Promise<{ head: Head; bytes: number; text: string }> {
  const ask = url.startsWith('https:') ? getSecurely : get
  const fields = Object.fromEntries(headers.map(splitField))
  return new Promise((resolve, reject) => {
    // The certificate is one of ours, made for this run.
    const options = { headers: fields, agent: false, rejectUnauthorized: false }
    const request = ask(url, options, (response) => {
      readAll(response).then(resolve, (cause) => reject(new Error(`${url} breaks off`, { cause })))
    })
    request.once('error', (cause) => reject(new Error(`${url}: ${cause.message}`, { cause })))
  })
}

async function readAll(response: IncomingMessage) {
  const { statusCode = 0, headers, rawHeaders } = response
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  const head = { status: statusCode, headers, rawHeaders }
  return { head, bytes: body.length, text: body.toString('latin1', 0, 1000) }
}

function splitField(field: string): [name: string, value: string] {
  const colon = field.indexOf(':')
  return [field.slice(0, colon), field.slice(colon + 1).trim()]
}
