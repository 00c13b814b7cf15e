// The main listener: where it listens, how much a client may send, how long it may take.

import { address, formatAddress, isWrittenAddress } from './address.ts'
import type { Address, WrittenAddress } from './address.ts'
import { cidr, duration, field, flag, integer, size, textOf } from './fields.ts'
import { httpsSchema, printHttps, toHttps } from './https.ts'
import type { HttpsConfig } from './https.ts'
import {
  printProxyProtocol,
  proxyProtocolHasPeers,
  proxyProtocolSchema,
  toProxyProtocol,
} from './proxy-protocol.ts'
import type { ProxyProtocolConfig } from './proxy-protocol.ts'
import { serverRateLimitSchema } from './rate-limiting.ts'
import { documentedDefault, section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { FromEnv, isMapping } from './tree.ts'
import { formatCidr } from '../primitives/cidr.ts'
import type { Cidr } from '../primitives/cidr.ts'
import { formatDuration, formatSize } from '../primitives/units.ts'
import { z } from './zod.ts'

export type { Address } from './address.ts'
export type { HttpsConfig } from './https.ts'
export type { ProxyProtocolConfig } from './proxy-protocol.ts'

export interface ServerConfig {
  readonly address: Address
  readonly threads: number | 'auto'
  readonly https: HttpsConfig | undefined
  readonly http2: boolean
  /** Whose word on where a request came from is taken. */
  readonly trustedProxies: readonly Cidr[]
  /** Undefined: a connection begins with HTTP or TLS. */
  readonly proxyProtocol: ProxyProtocolConfig | undefined
  readonly maxConcurrentRequests: number
  readonly limits: LimitsConfig
  readonly shutdown: { readonly drainMs: number; readonly lameDuckMs: number }
  readonly securityHeaders: boolean
  /** Answers say what took how long. */
  readonly serverTiming: boolean
  /** The configuration is read again when its files change. */
  readonly isWatched: boolean
}

export interface LimitsConfig {
  readonly maxHeaderBytes: number
  readonly maxUriLength: number
  readonly headerTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  readonly stallTimeoutMs: number
  /** 0: however late it comes. */
  readonly maxEventLoopDelayMs: number
}

const standard: Address = { host: '0.0.0.0', port: 8080 }
const standardLimits = { max_header_size: '16KB', max_uri_length: 8192 }

const threads = field<number | 'auto'>({
  wanted: 'auto or a whole number from 1 to 1024',
  json: { anyOf: [{ const: 'auto' }, { type: 'integer', minimum: 1, maximum: 1024 }] },
  read: (input) => {
    if (textOf(input) === 'auto') return 'auto'
    const count = input instanceof FromEnv ? Number(input.text) : input
    const isCount = typeof count === 'number' && Number.isInteger(count)
    return isCount && count >= 1 && count <= 1024 ? count : undefined
  },
})

const maxHeaderSize = size(1024, 1024 * 1024)
const maxUriLength = integer(64, 1024 * 1024)

const limitsSchema = section({
  max_header_size: documentedDefault(maxHeaderSize, standardLimits.max_header_size),
  max_uri_length: documentedDefault(maxUriLength, standardLimits.max_uri_length),
  header_timeout: duration().prefault('10s'),
  keep_alive_timeout: duration().prefault('65s'),
  stall_timeout: duration().prefault('60s'),
  max_event_loop_delay: duration({ min: 0, max: 60_000 }).prefault('2s'),
})

export const serverSchema = section(
  {
    address: documentedDefault(address(), formatAddress(standard)),
    port: integer(0, 65_535).optional(),
    threads: threads.prefault('auto'),
    https: httpsSchema.optional(),
    http2: flag().prefault(true),
    trusted_proxies: z.array(cidr()).prefault([]),
    proxy_protocol: proxyProtocolSchema,
    max_concurrent_requests: integer(1, 1_000_000).prefault(10_000),
    limits: limitsSchema.prefault({}),
    security_limits: section({
      max_header_size: maxHeaderSize.optional(),
      max_uri_length: maxUriLength.optional(),
    }).optional(),
    rate_limit: serverRateLimitSchema.optional(),
    shutdown: section({
      drain: duration({ min: 0 }).prefault('30s'),
      lame_duck: duration({ min: 0 }).prefault('0s'),
    }).prefault({}),
    security_headers: flag().prefault(true),
    server_timing: flag().prefault(false),
    reload: section({ watch: flag().prefault(false) }).prefault({}),
  },
  onePort,
  oneSpelling,
  proxyProtocolHasPeers,
)

export type ServerSettings = z.output<typeof serverSchema>

function onePort({ address, port }: Loose): RuleProblem[] {
  if (!isWrittenAddress(address) || address.port === undefined || typeof port !== 'number')
    return []
  if (address.port === port) return []
  const message = `contradicts server.address, which names port ${address.port}`
  return [{ path: ['port'], message, hint: 'name the port once' }]
}

function oneSpelling({ limits, security_limits: alias }: Loose): RuleProblem[] {
  if (!isMapping(limits) || !isMapping(alias)) return []
  return Object.keys(standardLimits)
    .filter((name) => limits[name] !== undefined && alias[name] !== undefined)
    .map((name) => ({
      path: ['security_limits', name],
      message: `is given twice: server.limits.${name} is the same setting`,
      hint: 'keep server.limits',
    }))
}

export function serverAddress(written: WrittenAddress | undefined, port?: number): Address {
  return {
    host: written?.host ?? standard.host,
    port: written?.port ?? port ?? standard.port,
  }
}

export function toServer(settings: ServerSettings, folder: string): ServerConfig {
  const { drain, lame_duck } = settings.shutdown
  return {
    address: serverAddress(settings.address, settings.port),
    threads: settings.threads,
    https: toHttps(settings.https, folder),
    http2: settings.http2,
    trustedProxies: settings.trusted_proxies,
    proxyProtocol: toProxyProtocol(settings.proxy_protocol, settings.trusted_proxies),
    maxConcurrentRequests: settings.max_concurrent_requests,
    limits: toLimits(settings),
    shutdown: { drainMs: drain, lameDuckMs: lame_duck },
    securityHeaders: settings.security_headers,
    serverTiming: settings.server_timing,
    isWatched: settings.reload.watch,
  }
}

function toLimits({ limits, security_limits: alias }: ServerSettings): LimitsConfig {
  return {
    maxHeaderBytes: limits.max_header_size ?? alias?.max_header_size ?? 16 * 1024,
    maxUriLength: limits.max_uri_length ?? alias?.max_uri_length ?? standardLimits.max_uri_length,
    headerTimeoutMs: limits.header_timeout,
    keepAliveTimeoutMs: limits.keep_alive_timeout,
    stallTimeoutMs: limits.stall_timeout,
    maxEventLoopDelayMs: limits.max_event_loop_delay,
  }
}

export function printServer(server: ServerConfig): object {
  const { limits, shutdown } = server
  return {
    address: formatAddress(server.address),
    threads: server.threads,
    https: printHttps(server.https),
    http2: server.http2,
    trusted_proxies: server.trustedProxies.map(formatCidr),
    proxy_protocol: printProxyProtocol(server.proxyProtocol),
    max_concurrent_requests: server.maxConcurrentRequests,
    limits: {
      max_header_size: formatSize(limits.maxHeaderBytes),
      max_uri_length: limits.maxUriLength,
      header_timeout: formatDuration(limits.headerTimeoutMs),
      keep_alive_timeout: formatDuration(limits.keepAliveTimeoutMs),
      stall_timeout: formatDuration(limits.stallTimeoutMs),
      max_event_loop_delay: formatDuration(limits.maxEventLoopDelayMs),
    },
    shutdown: {
      drain: formatDuration(shutdown.drainMs),
      lame_duck: formatDuration(shutdown.lameDuckMs),
    },
    security_headers: server.securityHeaders,
    server_timing: server.serverTiming,
    reload: { watch: server.isWatched },
  }
}
