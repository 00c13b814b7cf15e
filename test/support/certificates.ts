// Self-signed certificates made for a test, in a folder that goes with it.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Certificate extends Disposable {
  readonly certPath: string
  readonly keyPath: string
}

export function createCertificate(commonName = 'localhost'): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'certificate-'))
  const certPath = join(folder, 'cert.pem')
  const keyPath = join(folder, 'key.pem')
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = ['-subj', `/CN=${commonName}`, '-days', '2']
  const files = ['-keyout', keyPath, '-out', certPath]
  execFileSync('openssl', ['req', '-x509', ...key, ...names, ...files], { stdio: 'ignore' })
  return {
    certPath,
    keyPath,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}
