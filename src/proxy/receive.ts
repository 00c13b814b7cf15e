// What the parser let through, understood or refused: method, size, host and path. After this
// step nobody looks at the raw request again.

import type { IncomingHttpHeaders } from 'node:http'

import { Refusal } from '../exchange/refusal.ts'
import type { Request } from '../exchange/request.ts'
import { parseHost } from '../http/host.ts'
import { parseTarget } from '../http/path.ts'
import type { RequestLimits } from './snapshot.ts'

/** The part of Node's request that is read, in HTTP/1 and HTTP/2 alike. */
export interface RawRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly rawHeaders: readonly string[]
  readonly headers: IncomingHttpHeaders
  readonly httpVersionMajor: number
  readonly httpVersionMinor: number
}

const ALLOW = ['Allow', 'GET, HEAD, OPTIONS']

export function receive(raw: RawRequest, limits: RequestLimits): Request {
  const method = methodOf(raw)
  const target = raw.url ?? ''
  if (target.length > limits.maxUriLength) throw new Refusal('uri_too_long')
  checkHeaders(raw, limits)
  const { path, query, authority } = pathOf(target, method)
  return {
    method,
    path,
    query,
    host: hostOf(raw, authority),
    headers: raw.headers,
    hasBody: hasBody(raw),
  }
}

function methodOf({ method }: RawRequest): Request['method'] {
  if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') return method
  throw new Refusal('method_not_allowed', { headers: ALLOW })
}

function pathOf(
  target: string,
  method: string,
): { path: string; query: string; authority: string | undefined } {
  const parsed = parseTarget(target)
  switch (parsed.kind) {
    case 'path':
      return parsed
    case 'asterisk':
      if (method === 'OPTIONS') return { path: '*', query: '', authority: undefined }
      throw new Refusal('invalid_path')
    case 'invalid':
      throw new Refusal('invalid_path', { cause: parsed.reason })
  }
}

function checkHeaders({ rawHeaders, httpVersionMajor }: RawRequest, limits: RequestLimits): void {
  let size = 0
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    // Each field costs its colon, its space and its line end too.
    size += name.length + (rawHeaders[i + 1] ?? '').length + 4
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1
  }
  if (size > limits.maxHeaderBytes) throw new Refusal('headers_too_large')
  // Two hosts are one request to us and another to whoever stands before us.
  if (hosts > 1 && httpVersionMajor === 1) throw new Refusal('invalid_request')
}

function hostOf(raw: RawRequest, authority: string | undefined): string | undefined {
  const { headers, httpVersionMajor, httpVersionMinor } = raw
  const pseudo = httpVersionMajor === 2 ? headers[':authority'] : undefined
  const named = typeof pseudo === 'string' ? pseudo : headers.host
  if (named === undefined) {
    if (httpVersionMajor === 1 && httpVersionMinor === 0) return undefined
    throw new Refusal('invalid_request', { cause: 'no Host' })
  }
  const own = parseHost(named)
  // RFC 9112 §3.2.2: an absolute target's authority stands before Host.
  const host = own === undefined || authority === undefined ? own : parseHost(authority)
  if (host === undefined) throw new Refusal('invalid_request', { cause: 'not a host' })
  return host
}

function hasBody({ headers, httpVersionMajor }: RawRequest): boolean {
  if (httpVersionMajor === 2) return false
  const { 'content-length': length, 'transfer-encoding': coding } = headers
  // RFC 9112 §6.3: nobody can tell where such a body ends.
  if (coding !== undefined && !/(?:^|,)[ \t]*chunked[ \t]*$/i.test(coding)) {
    throw new Refusal('invalid_request', { cause: 'a body that is not chunked' })
  }
  return coding !== undefined || (length !== undefined && length !== '0')
}
