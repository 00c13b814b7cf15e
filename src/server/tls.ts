// The certificate: read, checked, and read again when its files change. A new one that cannot be
// used is reported and the old one stays.

import { readFileSync, statSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { SecureContextOptions } from 'node:tls'

import type { HttpsConfig } from '../config/server.ts'
import type { Emit } from '../exchange/event.ts'

/** Renewed files are often swapped behind a link, which no file watcher reports everywhere. */
const POLL_MS = 1000

export function readCertificate(config: HttpsConfig): SecureContextOptions {
  const options: SecureContextOptions = {
    cert: readFileSync(config.certPath),
    key: readFileSync(config.keyPath),
    minVersion: config.minTlsVersion,
  }
  // Throws when the two do not belong together.
  createSecureContext(options)
  return options
}

export function watchCertificate(
  config: HttpsConfig,
  use: (options: SecureContextOptions) => void,
  emit: Emit,
): { close(): void } {
  const { certPath } = config
  let seen = fingerprint(config)
  const look = (): void => {
    const found = fingerprint(config)
    if (found === seen) return
    seen = found
    try {
      use(readCertificate(config))
      emit({ kind: 'certificate-reloaded', certPath })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      emit({ kind: 'certificate-rejected', certPath, reason })
    }
  }
  const timer = setInterval(look, POLL_MS)
  timer.unref()
  return { close: () => clearInterval(timer) }
}

function fingerprint({ certPath, keyPath }: HttpsConfig): string {
  return [certPath, keyPath].map(fileFingerprint).join(' ')
}

function fileFingerprint(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat === undefined ? 'absent' : `${stat.ino}:${stat.size}:${stat.mtimeMs}`
}
