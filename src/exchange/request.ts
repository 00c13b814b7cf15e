// A request as the steps read it: understood once, believed afterwards.

import type { IncomingHttpHeaders } from 'node:http'

export interface Request {
  readonly method: 'GET' | 'HEAD' | 'OPTIONS'
  /** Decoded once; begins with '/', except the '*' of an `OPTIONS *`. */
  readonly path: string
  /** Raw, without '?'. */
  readonly query: string
  /** Lower case, without port; undefined for an HTTP/1.0 request that names none. */
  readonly host: string | undefined
  readonly headers: IncomingHttpHeaders
  /** A request with a body is answered and its connection closed. */
  readonly hasBody: boolean
}
