// The listening socket with its limits: HTTP/1, TLS, and with TLS HTTP/2 on the same port.

import { createServer } from 'node:http'
import type { Server as HttpServer, ServerOptions } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { Http2SecureServer } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { Server as HttpsServer } from 'node:https'

import type { ServerConfig } from '../config/server.ts'
import { HeadedResponse } from './response.ts'
import { readCertificate } from './tls.ts'

export type Listener = HttpServer | HttpsServer | Http2SecureServer

type ListenerConfig = Pick<ServerConfig, 'limits' | 'https' | 'http2'>

/** As nginx allows: a client may not make one connection do the work of thousands. */
const MAX_STREAMS = 128

/** Node reads these at each connection. */
function tunedBy(limits: ServerConfig['limits']) {
  return {
    // A target that is too long has a code of its own, so the parser must let it through.
    maxHeaderSize: limits.maxHeaderBytes + limits.maxUriLength + 1024,
    headersTimeout: limits.headerTimeoutMs,
    requestTimeout: limits.headerTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
  }
}

/** For connections from now on. */
export function retuneListener(listener: Listener, limits: ServerConfig['limits']): void {
  const tuned = tunedBy(limits)
  Object.assign(listener, tuned)
  if ('updateSettings' in listener) listener.updateSettings(settingsBy(tuned.maxHeaderSize))
}

function settingsBy(maxHeaderSize: number) {
  return { maxHeaderListSize: maxHeaderSize, maxConcurrentStreams: MAX_STREAMS }
}

export function createListener({ limits, https, http2 }: ListenerConfig): Listener {
  const http = {
    ...tunedBy(limits),
    requireHostHeader: false,
    connectionsCheckingInterval: Math.min(500, limits.headerTimeoutMs / 2),
    noDelay: true,
    // A request without a body is no stream that has to be read to its end.
    optimizeEmptyRequests: true,
    ServerResponse: HeadedResponse,
    // What waits for a slow client is held by the source, and not by thousands of sockets.
    highWaterMark: 16 * 1024,
  }
  const listener = createAny(http, { limits, https, http2 })
  // Bounded by their size; a bound by number would drop the rest in silence.
  Object.assign(listener, { maxHeadersCount: 0 })
  return listener
}

function createAny(http: ServerOptions, { limits, https, http2 }: ListenerConfig): Listener {
  if (https === undefined) return createServer(http)
  const tls = { ...readCertificate(https), handshakeTimeout: limits.headerTimeoutMs }
  if (!http2) return createHttpsServer({ ...http, ...tls })
  const { maxHeaderSize = 0 } = http
  const settings = settingsBy(maxHeaderSize)
  return createSecureServer({ ...http, ...tls, allowHTTP1: true, settings })
}
