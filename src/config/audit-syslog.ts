// The audit log by syslog (RFC 5424): to whom, over what, and under which name.

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'

import { formatSize } from '../primitives/units.ts'
import { formatAddress, parseAddress } from './address.ts'
import type { Address } from './address.ts'
import { choice, field, size, text, textOf } from './fields.ts'
import { childPath } from './problem.ts'
import type { Problem } from './problem.ts'
import { documentedDefault, section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { isMapping } from './tree.ts'
import type { z } from './zod.ts'

export interface AuditSyslogConfig {
  readonly address: Address
  readonly protocol: 'udp' | 'tcp' | 'tls'
  /** Its number (RFC 5424 §6.2.1). */
  readonly facility: Facility
  readonly tls: SyslogTlsConfig | undefined
  /** Undefined: the machine's. */
  readonly hostname: string | undefined
  readonly appName: string
  /** Of one message, its header too. */
  readonly maxMessageBytes: number
  /** What waits for the receiver. */
  readonly bufferBytes: number
}

export interface SyslogTlsConfig {
  /** Undefined: those that Node trusts. */
  readonly caPath: string | undefined
  /** Of a client certificate. */
  readonly certPath: string | undefined
  readonly keyPath: string | undefined
  /** That the receiver's certificate is for; undefined: the host of the address. */
  readonly serverName: string | undefined
}

/** In the order of their numbers (RFC 5424 §6.2.1). */
export const FACILITIES = [
  'kern',
  'user',
  'mail',
  'daemon',
  'auth',
  'syslog',
  'lpr',
  'news',
  'uucp',
  'cron',
  'authpriv',
  'ftp',
  'ntp',
  'audit',
  'alert',
  'clock',
  'local0',
  'local1',
  'local2',
  'local3',
  'local4',
  'local5',
  'local6',
  'local7',
] as const
export type Facility = (typeof FACILITIES)[number]

const standardPorts = { udp: 514, tcp: 514, tls: 6514 } as const
const mib = 1024 * 1024
const path = (what: string) => text({ wanted: `the path of ${what}` }).optional()

const address = field({
  wanted: 'an address such as "127.0.0.1:514" or "logs.example.com:6514"',
  json: { type: 'string' },
  read: (input) => {
    const written = textOf(input)
    return written?.startsWith(':') === true ? undefined : parseAddress(written)
  },
  hintFor: (input) =>
    textOf(input)?.includes('://') === true ? 'how it is spoken to goes into protocol' : undefined,
})

export const auditSyslogSchema = section(
  {
    address,
    protocol: choice(['udp', 'tcp', 'tls']).prefault('udp'),
    facility: choice(FACILITIES).prefault('local0'),
    tls: section(
      {
        ca_path: path('PEM certificates'),
        cert_path: path('a PEM certificate chain'),
        key_path: path('a PEM private key'),
        server_name: text({ wanted: 'the name in a certificate', test: /^[\w.-]+$/ }).optional(),
      },
      certificateHasKey,
    ).optional(),
    hostname: text({
      wanted: 'a name of visible ASCII characters',
      test: /^[!-~]{1,255}$/,
    }).optional(),
    app_name: text({
      wanted: 'a name of visible ASCII characters',
      test: /^[!-~]{1,48}$/,
    }).prefault('sluice'),
    max_message_size: documentedDefault(size(1024, 65_000), '8KiB'),
    buffer_size: size(64 * 1024, 1024 * mib).prefault('16MiB'),
  },
  tlsIsSpoken,
)

function certificateHasKey({ cert_path: cert, key_path: key }: Loose): RuleProblem[] {
  if ((cert === undefined) === (key === undefined)) return []
  const missing = cert === undefined ? 'cert_path' : 'key_path'
  const message = `is missing; ${cert === undefined ? 'key_path' : 'cert_path'} is given without it`
  return [{ path: [missing], message }]
}

function tlsIsSpoken({ protocol, tls }: Loose): RuleProblem[] {
  if (!isMapping(tls) || protocol === 'tls' || typeof protocol !== 'string') return []
  return [{ path: ['tls'], message: 'means nothing here; it belongs to protocol: tls' }]
}

export function toSyslog(
  settings: z.output<typeof auditSyslogSchema>,
  folder: string,
): AuditSyslogConfig {
  const { address: at, protocol, facility, tls, hostname, app_name: appName } = settings
  const { ca_path, cert_path, key_path, server_name: serverName } = tls ?? {}
  const found = (file: string | undefined) => (file === undefined ? file : resolve(folder, file))
  const files = { caPath: found(ca_path), certPath: found(cert_path), keyPath: found(key_path) }
  return {
    address: { host: at.host, port: at.port ?? standardPorts[protocol] },
    protocol,
    facility,
    tls: protocol === 'tls' ? { ...files, serverName } : undefined,
    hostname,
    appName,
    maxMessageBytes: settings.max_message_size ?? 8192,
    bufferBytes: settings.buffer_size,
  }
}

/** What is wrong with the files of its TLS. */
export function syslogFileProblems({ tls }: AuditSyslogConfig, at: string): Problem[] {
  if (tls === undefined) return []
  const files = { ca_path: tls.caPath, cert_path: tls.certPath, key_path: tls.keyPath }
  const read: Record<string, Buffer> = {}
  const problems: Problem[] = []
  for (const [name, file] of Object.entries(files)) {
    if (file === undefined) continue
    try {
      const bytes = readFileSync(file)
      read[name] = bytes
      // OpenSSL takes anything for a list of certificates, and then trusts nobody.
      if (name !== 'ca_path' || bytes.includes('-----BEGIN CERTIFICATE-----')) continue
      problems.push({ path: `${at}.tls.ca_path`, message: `${file} holds no PEM certificate` })
    } catch (error) {
      const message = `${file} cannot be read (${codeOf(error)})`
      problems.push({ path: childPath(`${at}.tls`, name), message })
    }
  }
  if (problems.length > 0) return problems
  try {
    const { ca_path: ca, cert_path: cert, key_path: key } = read
    createSecureContext({ ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) })
    return []
  } catch (error) {
    // OpenSSL names the fault in its code; its message may carry file contents.
    const message = `its files cannot be used (${codeOf(error)})`
    return [{ path: `${at}.tls`, message, hint: 'all must be PEM, the key without a passphrase' }]
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason'
}

export function printAuditSyslog(syslog: AuditSyslogConfig): object {
  const { tls } = syslog
  return {
    address: formatAddress(syslog.address),
    protocol: syslog.protocol,
    facility: syslog.facility,
    ...(tls === undefined ? {} : { tls: printTls(tls) }),
    ...(syslog.hostname === undefined ? {} : { hostname: syslog.hostname }),
    app_name: syslog.appName,
    max_message_size: formatSize(syslog.maxMessageBytes),
    buffer_size: formatSize(syslog.bufferBytes),
  }
}

function printTls({ caPath, certPath, keyPath, serverName }: SyslogTlsConfig): object {
  return {
    ...(caPath === undefined ? {} : { ca_path: caPath }),
    ...(certPath === undefined ? {} : { cert_path: certPath }),
    ...(keyPath === undefined ? {} : { key_path: keyPath }),
    ...(serverName === undefined ? {} : { server_name: serverName }),
  }
}
