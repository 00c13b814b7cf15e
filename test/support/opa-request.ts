// The one shape in which Sluice may ask a policy. Whoever stands in for OPA in a test is stricter than
// OPA is, which takes any input.

import type { IncomingMessage } from 'node:http'

export interface PolicyInput {
  readonly jwt_claims: Readonly<Record<string, unknown>> | null
  readonly bucket: string
  readonly path: string
  readonly method: string
  readonly client_ip: string
  readonly key?: string
  readonly time?: string
  /** Null where an object is asked for. */
  readonly listing?: { readonly prefix: string; readonly recursive: boolean } | null
  readonly headers?: Readonly<Record<string, string>>
}

const ALWAYS = ['bucket', 'client_ip', 'jwt_claims', 'method', 'path']
const MAY_BE = ['headers', 'key', 'listing', 'time']

/** Throws with what is wrong. */
export async function readPolicyRequest(incoming: IncomingMessage): Promise<PolicyInput> {
  const { method, headers, url = '' } = incoming
  demand(method === 'POST', `method ${method}`)
  demand(/^\/v1\/data\/[\w/-]+$/.test(url), `path ${url}`)
  demand(headers['content-type'] === 'application/json', 'content-type')
  demand(headers['transfer-encoding'] === undefined, 'a body of unknown length')
  for (const name of ['authorization', 'cookie', 'user-agent']) {
    demand(headers[name] === undefined, `header ${name}`)
  }
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(Buffer.from(chunk))
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString())
  demand(isObject(body) && Object.keys(body).join() === 'input', 'a body that is not { input }')
  return inputOf(body['input'])
}

function inputOf(input: unknown): PolicyInput {
  demand(isObject(input), 'input')
  const names = Object.keys(input).filter((name) => !MAY_BE.includes(name))
  demand(names.toSorted().join() === ALWAYS.join(), `fields ${Object.keys(input).join()}`)
  const { jwt_claims: claims, time, headers = {} } = input
  demand(claims === null || isObject(claims), 'jwt_claims')
  for (const name of ['bucket', 'path', 'method', 'client_ip']) {
    demand(typeof input[name] === 'string' && input[name] !== '', name)
  }
  demand(isText(input['path']) && input['path'].startsWith('/'), 'path')
  const isMinute = isText(time) && /^[\d-]+T\d\d:\d\d:00Z$/.test(time)
  demand(time === undefined || isMinute, 'time')
  demand(isObject(headers), 'headers')
  demand(
    Object.entries(headers).every(([name, value]) => /^[a-z-]+$/.test(name) && isText(value)),
    'headers',
  )
  // Looked at field by field.
  return input as unknown as PolicyInput
}

function demand(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Error(`not as Sluice asks: ${what}`)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
