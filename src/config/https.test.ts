import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { formatProblem, loadConfig } from './config.ts'

// Two self-signed certificates without a use anywhere else; the second one only lends its key.
const certificate = `-----BEGIN CERTIFICATE-----
MIIBcDCCARWgAwIBAgIUT8MW/oZKLl8ArQ0OgBMwjX4f7FAwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBYTAgFw0yNjExMjAyMzM1NDBaGA8yMTI2MTAyNzIzMzU0MFow
DDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABDJraTRhmTDj
8oUEI30oa0uZlK8z67WioH+2DTA8DlszlXHXt2NhwrZGVJ9iP/EGccBKvQEM6Ktx
z+jXfPrG+t+jUzBRMB0GA1UdDgQWBBS+ekt3x2Tn5wKwV0XdPb1Px9s0KDAfBgNV
HSMEGDAWgBS+ekt3x2Tn5wKwV0XdPb1Px9s0KDAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0kAMEYCIQC0E6kHfFPt02zQOjhntVjNQZ/sX8YkZ80i5Lct6T57
JwIhAM2QW7GK0ton2w3IHtw6oQUmt/kLOXarKekwLZ8BSGV8
-----END CERTIFICATE-----`

const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgPIZQ8o2CS0uwWzxc
qD3v8c51zdkVtiIwDPS0JwVRf+WhRANCAAQya2k0YZkw4/KFBCN9KGtLmZSvM+u1
oqB/tg0wPA5bM5Vx17djYcK2RlSfYj/xBnHASr0BDOircc/o13z6xvrf
-----END PRIVATE KEY-----`

const otherKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgE73vl9fxaW7P0LuS
4b+bClIOWbMDMt2yT2VxMV33eOChRANCAASAlws2NMXnWveP7PKrEhZTr1oPVDAm
xe43j6duVmtvsZpmdUn/t8USv8LupxTVasVBo7R/6VfH1wp2uugIsliZ
-----END PRIVATE KEY-----`

const folder = mkdtempSync(join(tmpdir(), 'sluice-https-'))
after(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'cert.pem'), certificate)
writeFileSync(join(folder, 'key.pem'), key)
writeFileSync(join(folder, 'other.pem'), otherKey)
writeFileSync(join(folder, 'junk.pem'), 'junk')

function load(https: string) {
  const file = join(folder, 'config.yaml')
  const bucket = 'buckets: [{name: a, path_prefix: /, s3: {bucket: b}}]'
  writeFileSync(file, `server: {https: {${https}}}\n${bucket}`)
  return loadConfig(file, {})
}

function problemsOf(https: string): readonly string[] {
  const loaded = load(https)
  if (loaded.kind === 'loaded') return []
  return loaded.problems.map((problem) =>
    formatProblem(problem).replaceAll(`${folder}/`, '').replace('config.yaml: ', ''),
  )
}

test('certificate and key are found beside the configuration file', () => {
  const loaded = load('enabled: true, cert_path: cert.pem, key_path: key.pem, min_tls_version: 1.3')
  assert.equal(loaded.kind, 'loaded')
  assert.deepEqual(loaded.kind === 'loaded' && loaded.config.server.https, {
    certPath: join(folder, 'cert.pem'),
    keyPath: join(folder, 'key.pem'),
    minTlsVersion: 'TLSv1.3',
  })
})

test('https that is not enabled is absent, whatever else it says', () => {
  const loaded = load('enabled: false, cert_path: gone.pem, key_path: gone.pem')
  assert.equal(loaded.kind === 'loaded' ? loaded.config.server.https : 'refused', undefined)
})

test('a certificate that cannot be read is a problem', () => {
  assert.deepEqual(problemsOf('enabled: true, cert_path: gone.pem, key_path: key.pem'), [
    'server.https.cert_path: gone.pem cannot be read (ENOENT)',
  ])
})

test('a key of another certificate is a problem', () => {
  assert.deepEqual(problemsOf('enabled: true, cert_path: cert.pem, key_path: other.pem'), [
    'server.https: the key other.pem is not the key of the certificate cert.pem (both must be PEM, the key without a passphrase)',
  ])
})

test('a file that is no certificate is a problem', () => {
  const [problem, ...others] = problemsOf('enabled: true, cert_path: junk.pem, key_path: key.pem')
  assert.match(
    problem ?? '',
    /^server\.https: certificate junk\.pem and key key\.pem cannot be used/,
  )
  assert.deepEqual(others, [])
})

test('a bad certificate is told together with what else is wrong', () => {
  const https = 'enabled: true, cert_path: gone.pem, key_path: key.pem}, nonsense: {'
  assert.deepEqual(problemsOf(https), [
    'server.nonsense: unknown setting',
    'server.https.cert_path: gone.pem cannot be read (ENOENT)',
  ])
})
