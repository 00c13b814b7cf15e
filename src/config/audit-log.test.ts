import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { printConfig } from './config.ts'
import { configOf, folder, load } from './loaded.contract.ts'

const minimal = 'buckets: [{name: a, path_prefix: /a, s3: {bucket: b}}]\n'
const FILE = 'outputs: [file], file: { path: a.log }'
const SYSLOG = 'outputs: [syslog], syslog: { address: "127.0.0.1" '
const S3 = 'outputs: [s3], s3_export: { bucket: b'
const key = join(folder, 'no-pem')
writeFileSync(key, 'hunter2')

/** What stands in `audit_log`, and what is said of it. */
const BROKEN: readonly (readonly [settings: string, ...lines: string[]])[] = [
  [
    'outputs: []',
    'outputs: is an empty list: nothing would be kept (name some of file, syslog, s3)',
  ],
  ['', 'outputs: is an empty list: nothing would be kept (name some of file, syslog, s3)'],
  ['outputs: [file]', 'file: is missing; outputs names file'],
  [
    'outputs: [syslog, s3]',
    'syslog: is missing; outputs names syslog',
    's3_export: is missing; outputs names s3',
  ],
  ['outputs: [stdout]', 'outputs[0]: wanted one of file, syslog, s3, found "stdout"'],
  ['outputs: [file, file], file: { path: a }', 'outputs[1]: is "file", as outputs[0] is'],
  ['outputs: [file], file: {}', 'file.path: is missing; wanted the path of a file'],
  ['outputs: [file], file: { path: a/ }', 'file.path: wanted the path of a file, found "a/"'],
  [`${FILE}, log_level: loud`, 'log_level: wanted one of debug, info, warn, error, found "loud"'],
  [
    'outputs: [file], file: { path: a, max_file_size_mb: 0, max_backup_files: 0, rotation_policy: hourly, fsync: yes, buffer_size: 1 }',
    'file.max_file_size_mb: wanted a whole number from 1 to 1048576, found 0',
    'file.max_backup_files: wanted a whole number from 1 to 10000, found 0',
    'file.rotation_policy: wanted one of size, daily, found "hourly"',
    'file.fsync: wanted one of always, interval, never, found "yes"',
    'file.buffer_size: wanted a size such as 64KB or 1MiB, from 64KiB to 1GiB, found 1',
  ],
  [
    'outputs: [file], file: { path: a, fsync: never, fsync_interval: 2s }',
    'file.fsync_interval: means nothing here; it belongs to fsync: interval',
  ],
  ['outputs: [file], file: { path: a, max_file_size: 1 }', 'file.max_file_size: unknown setting'],
  [
    'outputs: [syslog], syslog: { address: "udp://h:514" }',
    'syslog.address: wanted an address such as "127.0.0.1:514" or "logs.example.com:6514", found "udp://h:514" (how it is spoken to goes into protocol)',
  ],
  [
    `${SYSLOG}, protocol: http, hostname: "a b", app_name: "" }`,
    'syslog.protocol: wanted one of udp, tcp, tls, found "http"',
    'syslog.hostname: wanted a name of visible ASCII characters, found "a b"',
    'syslog.app_name: wanted a name of visible ASCII characters, found ""',
  ],
  [
    `${SYSLOG}, max_message_size: 480 }`,
    'syslog.max_message_size: wanted a size such as 64KB or 1MiB, from 1KiB to 65000B, found 480',
  ],
  [
    `${SYSLOG}, protocol: tcp, tls: { ca_path: x } }`,
    'syslog.tls: means nothing here; it belongs to protocol: tls',
  ],
  [
    `${SYSLOG}, protocol: tls, tls: { cert_path: x } }`,
    'syslog.tls.key_path: is missing; cert_path is given without it',
  ],
  [
    `${SYSLOG}, protocol: tls, tls: { ca_path: none.pem } }`,
    'syslog.tls.ca_path: HOME/none.pem cannot be read (ENOENT)',
  ],
  [
    `${SYSLOG}, protocol: tls, tls: { ca_path: ${key} } }`,
    `syslog.tls.ca_path: ${key} holds no PEM certificate`,
  ],
  [
    `${SYSLOG}, protocol: tls, tls: { cert_path: ${key}, key_path: ${key} } }`,
    'syslog.tls: its files cannot be used (ERR_OSSL_PEM_NO_START_LINE) (all must be PEM, the key without a passphrase)',
  ],
  [
    `${S3}, secret_key: hunter2 }`,
    's3_export.access_key: is missing; secret_key is given without it',
  ],
  [
    `${S3}, endpoint: "http://h/p", export_interval_seconds: 0, compression: zip, max_spool_size_mb: 0 }`,
    's3_export.endpoint: wanted an http or https URL without a path, such as http://minio:9000, found a text (the bucket goes into bucket, a prefix into key_prefix)',
    's3_export.export_interval_seconds: wanted a whole number from 1 to 86400, found 0',
    's3_export.compression: wanted one of gzip, none, found "zip"',
    's3_export.max_spool_size_mb: wanted a whole number from 1 to 1048576, found 0',
  ],
  [`outputs: [s3], s3_export: {}`, 's3_export.bucket: is missing; wanted the name of an S3 bucket'],
]

for (const [settings, ...wanted] of BROKEN) {
  test(`audit_log: { ${settings} } is told to be wrong`, () => {
    const yaml = `${minimal}audit_log: { enabled: true${settings === '' ? '' : `, ${settings}`} }`
    const { loaded, lines, home } = load({ 'config.yaml': yaml })
    assert.equal(loaded.kind, 'refused')
    const said = lines.map((line) => line.replace('config.yaml: audit_log.', ''))
    assert.deepEqual(
      said,
      wanted.map((line) => line.replace('HOME', home).replaceAll(`${home}/`, '')),
    )
    assert.ok(!lines.join('').includes('hunter2'))
  })
}

test('what is off may be half written, and is nothing', () => {
  assert.equal(configOf(`${minimal}audit_log: { outputs: [file] }`).auditLog, undefined)
  assert.equal(configOf(minimal).auditLog, undefined)
})

test('a section that is not listed is a warning, and is not written to', () => {
  const yaml = `${minimal}audit_log: { enabled: true, ${FILE}, syslog: { address: 'h' } }`
  const { loaded, lines } = load({ 'config.yaml': yaml })
  const idle = 'audit_log.syslog: is written to by nobody (add syslog to outputs)'
  assert.deepEqual(lines, [`config.yaml: ${idle}`])
  assert.ok(loaded.kind === 'loaded' && loaded.config.auditLog?.syslog === undefined)
})

test('ports that are not named are those of the protocol', () => {
  const portOf = (protocol: string): number | undefined =>
    configOf(`${minimal}audit_log: { enabled: true, ${SYSLOG}, protocol: ${protocol} } }`).auditLog
      ?.syslog?.address.port
  assert.deepEqual(['udp', 'tcp', 'tls'].map(portOf), [514, 514, 6514])
})

test('what is printed loads again to the same', () => {
  const yaml = `${minimal}audit_log: { enabled: true, outputs: [file, syslog, s3], file: { path: /a.log },
    syslog: { address: 'h:1', protocol: tls, tls: { server_name: x } }, s3_export: { bucket: b, profile: p, credentials: profile } }`
  const config = configOf(yaml)
  const printed = configOf(JSON.stringify(printConfig(config)))
  assert.deepEqual(printed.auditLog, config.auditLog)
})
