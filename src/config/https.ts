// TLS of the main listener: where certificate and key lie, and whether they are what they claim to be.

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'

import { field, flag, text, textOf } from './fields.ts'
import type { Problem } from './problem.ts'
import { section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import type { z } from './zod.ts'

export interface HttpsConfig {
  readonly certPath: string
  readonly keyPath: string
  readonly minTlsVersion: 'TLSv1.2' | 'TLSv1.3'
}

const tlsVersions = { '1.2': 'TLSv1.2', '1.3': 'TLSv1.3' } as const

export const httpsSchema = section(
  {
    enabled: flag().prefault(false),
    cert_path: text({ wanted: 'the path of a PEM certificate chain' }).optional(),
    key_path: text({ wanted: 'the path of a PEM private key' }).optional(),
    min_tls_version: field({
      wanted: '"1.2" or "1.3"',
      json: { enum: ['1.2', '1.3', 1.2, 1.3] },
      // Without quotes YAML reads 1.2 as a number; there is only one thing it can mean.
      read: (input) => {
        const version = typeof input === 'number' ? String(input) : textOf(input)
        return version === '1.2' || version === '1.3' ? tlsVersions[version] : undefined
      },
    }).prefault('1.2'),
  },
  bothPaths,
)

export type HttpsSettings = z.output<typeof httpsSchema>

function bothPaths(settings: Loose): RuleProblem[] {
  if (settings['enabled'] !== true) return []
  return ['cert_path', 'key_path']
    .filter((name) => settings[name] === undefined)
    .map((name) => ({ path: [name], message: 'is missing; https is enabled and needs it' }))
}

/** `folder` is the configuration file's: relative paths start there. */
export function toHttps(
  settings: HttpsSettings | undefined,
  folder: string,
): HttpsConfig | undefined {
  const { enabled, cert_path: cert, key_path: key, min_tls_version } = settings ?? {}
  if (enabled !== true || cert === undefined || key === undefined) return undefined
  return {
    certPath: resolve(folder, cert),
    keyPath: resolve(folder, key),
    minTlsVersion: min_tls_version ?? 'TLSv1.2',
  }
}

export function printHttps(https: HttpsConfig | undefined): object {
  if (https === undefined) return { enabled: false }
  return {
    enabled: true,
    cert_path: https.certPath,
    key_path: https.keyPath,
    min_tls_version: https.minTlsVersion.slice('TLSv'.length),
  }
}

/** What is wrong with the files themselves. */
export function certificateProblems(https: HttpsConfig): readonly Problem[] {
  const cert = readPem(https.certPath)
  const key = readPem(https.keyPath)
  const unreadable = [
    ...(typeof cert === 'string' ? [{ path: 'server.https.cert_path', message: cert }] : []),
    ...(typeof key === 'string' ? [{ path: 'server.https.key_path', message: key }] : []),
  ]
  if (typeof cert === 'string' || typeof key === 'string') return unreadable
  return pairProblems(https, cert, key)
}

function pairProblems(https: HttpsConfig, cert: Buffer, key: Buffer): readonly Problem[] {
  try {
    createSecureContext({ cert, key, minVersion: https.minTlsVersion })
    return []
  } catch (error) {
    // OpenSSL names the fault in its code; its message may carry file contents.
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    const message = code.includes('KEY_VALUES_MISMATCH')
      ? `the key ${https.keyPath} is not the key of the certificate ${https.certPath}`
      : `certificate ${https.certPath} and key ${https.keyPath} cannot be used (${code})`
    return [
      { path: 'server.https', message, hint: 'both must be PEM, the key without a passphrase' },
    ]
  }
}

function readPem(path: string): Buffer | string {
  try {
    return readFileSync(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason'
    return `${path} cannot be read (${code})`
  }
}
