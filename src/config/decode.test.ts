// Broken configurations, each with the exact words an operator reads.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import * as fc from 'fast-check'

import { loadConfig } from './config.ts'
import { decode } from './decode.ts'
import { formatProblem } from './problem.ts'
import { emptyMapping, FromEnv } from './tree.ts'
import type { Tree } from './tree.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-decode-'))
after(() => rmSync(folder, { recursive: true }))

function problemsOf(yaml: string): readonly string[] {
  const file = join(folder, 'config.yaml')
  writeFileSync(file, yaml)
  const loaded = loadConfig(file, { ZERO: '', WORD: 'word' })
  if (loaded.kind === 'loaded') return []
  return loaded.problems.map((problem) => formatProblem(problem).replace(`${file}: `, ''))
}

const s3 = 's3: {bucket: b}'
const one = (settings: string) => `buckets: [{name: a, path_prefix: /a, ${settings}}]`
const inS3 = (settings: string) => one(`s3: {bucket: b, ${settings}}`)
const withServer = (settings: string) => `server: {${settings}}\n${one(s3)}`
const two = (first: string, second: string) =>
  `buckets: [{name: a, ${first}, ${s3}}, {name: b, ${second}, ${s3}}]`

const broken: readonly [yaml: string, ...problems: string[]][] = [
  // The file as a whole
  ['', 'buckets: is missing; wanted a list'],
  ['# nothing', 'buckets: is missing; wanted a list'],
  ['- a', 'wanted a mapping of settings, found a list'],
  ['a text', 'wanted a mapping of settings, found a text'],
  ['a: [', 'unexpected end of the stream within a flow collection at line 1, column 5'],
  ['a: 1\na: 2', 'duplicated mapping key at line 2, column 1'],
  ['a: 1\n---\nb: 2', 'holds several YAML documents; wanted one (remove the "---" lines)'],
  [
    'a: !thing 1',
    'unknown scalar tag at line 1, column 4 (a text that begins with "*", "&" or "!" stands in quotes)',
  ],
  ['a: &a [*a]', `a${'[0]'.repeat(64)}: is nested more than 64 levels deep`],
  // Sections and kinds
  ['buckets: []', 'buckets: is an empty list; wanted at least one'],
  ['buckets:', 'buckets: is empty; wanted a list, or nothing at all'],
  ['buckets: {a: 1}', 'buckets: wanted a list, found a mapping'],
  ['buckets: [7]', 'buckets[0]: wanted a mapping of settings, found 7'],
  [`logging:\n${one(s3)}`, 'logging: is empty; wanted a mapping of settings, or nothing at all'],
  [`logging: [a]\n${one(s3)}`, 'logging: wanted a mapping of settings, found a list'],
  [`server: text\n${one(s3)}`, 'server: wanted a mapping of settings, found a text'],
  [
    `server: \${WORD}\n${one(s3)}`,
    'server: wanted a mapping of settings, found the value of ${WORD}',
  ],
  [one('s3: "${WORD}"'), 'buckets[0].s3: wanted a mapping of settings, found the value of ${WORD}'],
  ['buckets: ${WORD}', 'buckets: wanted a list, found the value of ${WORD}'],
  // Unknown settings
  [`cash: {enabled: true}\n${one(s3)}`, 'cash: unknown setting'],
  [one(`${s3}, authz: {enabled: true}`), 'buckets[0].authz: unknown setting (did you mean auth?)'],
  [inS3('acess_key: k'), 'buckets[0].s3.acess_key: unknown setting (did you mean access_key?)'],
  [inS3('keyPrefix: k'), 'buckets[0].s3.keyPrefix: unknown setting (did you mean key_prefix?)'],
  [withServer('Address: ":1"'), 'server.Address: unknown setting (did you mean address?)'],
  [withServer('adress: ":1"'), 'server.adress: unknown setting (did you mean address?)'],
  [
    withServer('header_timeout: 1s'),
    'server.header_timeout: unknown setting (did you mean server.limits.header_timeout?)',
  ],
  [
    one(`${s3}, failover-on-not-found: true`),
    'buckets[0].failover-on-not-found: unknown setting (did you mean buckets[].s3.failover_on_not_found?)',
  ],
  [withServer('__proto__: {polluted: 1}'), 'server.__proto__: unknown setting'],
  [withServer('constructor: 1'), 'server.constructor: unknown setting'],
  [
    one(`${s3}, response_headers: {set: {__proto__: x}}`),
    'buckets[0].response_headers.set.__proto__: unknown setting',
  ],
  [withServer('"a b\\n": 1'), 'server."a b\\n": unknown setting'],
  // server
  [
    withServer('address: "nowhere:99999"'),
    'server.address: wanted an address such as "0.0.0.0:8080", ":8080" or "[::1]:8080", found "nowhere:99999"',
  ],
  [
    withServer('address: 8080'),
    'server.address: wanted an address such as "0.0.0.0:8080", ":8080" or "[::1]:8080", found 8080 (write ":8080")',
  ],
  [
    withServer('address: ":1", port: 2'),
    'server.port: contradicts server.address, which names port 1 (name the port once)',
  ],
  [withServer('port: 65536'), 'server.port: wanted a whole number from 0 to 65535, found 65536'],
  [
    withServer('threads: 0'),
    'server.threads: wanted auto or a whole number from 1 to 1024, found 0',
  ],
  [withServer('http2: yes'), 'server.http2: wanted true or false, found "yes"'],
  [
    withServer('limits: {max_header_size: 1}'),
    'server.limits.max_header_size: wanted a size such as 64KB or 1MiB, from 1KiB to 1MiB, found 1',
  ],
  [
    withServer('limits: {header_timeout: soon}'),
    'server.limits.header_timeout: wanted a duration such as 30s or 250ms, from 1ms to 1d, found "soon"',
  ],
  [
    withServer('limits: {max_uri_length: 100}, security_limits: {max_uri_length: 100}'),
    'server.security_limits.max_uri_length: is given twice: server.limits.max_uri_length is the same setting (keep server.limits)',
  ],
  [
    withServer('shutdown: {drain: -1}'),
    'server.shutdown.drain: wanted a duration such as 30s or 250ms, from 0s to 1d, found -1',
  ],
  [
    withServer('https: {enabled: true}'),
    'server.https.cert_path: is missing; https is enabled and needs it',
    'server.https.key_path: is missing; https is enabled and needs it',
  ],
  [
    withServer('https: {min_tls_version: "1.1"}'),
    'server.https.min_tls_version: wanted "1.2" or "1.3", found "1.1"',
  ],
  // logging and admin
  [
    `logging: {level: loud}\n${one(s3)}`,
    'logging.level: wanted one of debug, info, warn, error, silent, found "loud"',
  ],
  [`logging: {sample: 2}\n${one(s3)}`, 'logging.sample: wanted a number from 0 to 1, found 2'],
  [`logging: {sample: .nan}\n${one(s3)}`, 'logging.sample: wanted a number from 0 to 1, found NaN'],
  [
    `server: {address: "127.0.0.1:7000"}\nadmin: {address: "localhost:7000"}\n${one(s3)}`,
    'admin.address: is the port of server.address too; two listeners need two (its default is 127.0.0.1:9090)',
  ],
  [
    `server: {address: 7}\nadmin: {address: ":8080"}\n${one(s3)}`,
    'server.address: wanted an address such as "0.0.0.0:8080", ":8080" or "[::1]:8080", found 7 (write ":7")',
  ],
  [
    withServer('port: 9090'),
    'admin.address: is the port of server.address too; two listeners need two (its default is 127.0.0.1:9090)',
  ],
  // buckets
  [
    `buckets: [{path_prefix: /a, ${s3}}]`,
    'buckets[0].name: is missing; wanted a name of letters, digits, "-", "_" and "."',
  ],
  [
    `buckets: [{name: 7, path_prefix: /a, ${s3}}]`,
    'buckets[0].name: wanted a name of letters, digits, "-", "_" and ".", found 7 (put it in quotes)',
  ],
  [
    'buckets: [{name: a, path_prefix: /a}]',
    'buckets[0].s3: is missing; wanted a mapping of settings',
  ],
  ...['images', '/a//b', '/a/../b', '/.', '/a?b', '/a#b'].map((prefix): [string, string] => {
    const hint = prefix === 'images' ? ' (write /images)' : ''
    return [
      `buckets: [{name: a, path_prefix: "${prefix}", ${s3}}]`,
      `buckets[0].path_prefix: wanted a path such as /images: it begins with "/", has no "//", "." or ".." segment, "%", "?" or "#", found "${prefix}"${hint}`,
    ]
  }),
  [
    `buckets: [{name: a, path_prefix: /a%20b, ${s3}}]`,
    'buckets[0].path_prefix: wanted a path such as /images: it begins with "/", has no "//", "." or ".." segment, "%", "?" or "#", found "/a%20b" (write the characters themselves: prefixes match the decoded path)',
  ],
  [
    one(`${s3}, hosts: ["cdn.example.com:80"]`),
    'buckets[0].hosts[0]: wanted a host name such as cdn.example.com or *.example.com, without a port, found "cdn.example.com:80"',
  ],
  [one(`${s3}, hosts: []`), 'buckets[0].hosts: is an empty list; wanted at least one'],
  [one(`${s3}, hosts: a.example`), 'buckets[0].hosts: wanted a list, found a text'],
  [
    one(`${s3}, listing: htm`),
    'buckets[0].listing: wanted one of off, html, json, s3, found "htm"',
  ],
  [
    one(`${s3}, listing: true`),
    'buckets[0].listing: wanted one of off, html, json, s3, found true',
  ],
  [
    one(`${s3}, spa: true`),
    'buckets[0].spa: needs index_document: it is what navigation falls back to (add index_document: index.html)',
  ],
  [
    one(`${s3}, index_document: a/b`),
    'buckets[0].index_document: wanted a file name such as index.html, without "/", found "a/b"',
  ],
  [
    one(`${s3}, error_document: {200: a}`),
    'buckets[0].error_document.200: is not an error status; wanted a number from 400 to 599',
  ],
  [
    one(`${s3}, error_document: {404: /a}`),
    'buckets[0].error_document.404: wanted the key of an object, without a leading "/", found "/a"',
  ],
  [
    one(`${s3}, response_headers: {set: {Content-Length: 1}}`),
    'buckets[0].response_headers.set.Content-Length: Content-Length is a header that Sluice itself answers for',
  ],
  [
    one(`${s3}, response_headers: {set: {Age: 1}}`),
    'buckets[0].response_headers.set.Age: Age is a header that Sluice itself answers for',
  ],
  [
    one(`${s3}, response_headers: {remove: [date]}`),
    'buckets[0].response_headers.remove[0]: date is a header that Sluice itself answers for',
  ],
  [
    one(`${s3}, response_headers: {set: {"a b": x}}`),
    'buckets[0].response_headers.set."a b": is not a header name',
  ],
  [
    one(`${s3}, response_headers: {set: {a: "x\\r\\ny"}}`),
    'buckets[0].response_headers.set.a: wanted a header value: one line of Latin-1 text, found "x\\r\\ny"',
  ],
  [
    one(`${s3}, response_headers: {set: {a: 1}, remove: [A]}`),
    'buckets[0].response_headers.remove[0]: A is set and removed',
  ],
  [
    one(`${s3}, response_headers: {set: {a: 1, A: 2}}`),
    'buckets[0].response_headers.set.A: is set twice; case makes no difference',
  ],
  [
    two('path_prefix: /a', 'path_prefix: /a/'),
    'buckets[1].path_prefix: /a is the prefix of buckets[0] too, for the same hosts (give each its own hosts)',
  ],
  [
    one(`${s3}, response_headers: {remove: [Connection]}`),
    'buckets[0].response_headers.remove[0]: Connection is a header that Sluice itself answers for',
  ],
  [
    two('path_prefix: /a, hosts: ["*.example.com"]', 'path_prefix: /a, hosts: [x.example.com]'),
    'buckets[1].path_prefix: /a is the prefix of buckets[0] too, for the same hosts (give each its own hosts)',
  ],
  [
    two('path_prefix: /a, hosts: [x.EXAMPLE.com]', 'path_prefix: /a, hosts: ["*.example.com"]'),
    'buckets[1].path_prefix: /a is the prefix of buckets[0] too, for the same hosts (give each its own hosts)',
  ],
  [
    `buckets: [{name: a, path_prefix: /a, ${s3}}, {name: a, path_prefix: /b, ${s3}}]`,
    'buckets[1].name: is "a", the name of buckets[0] too',
  ],
  // s3
  [one('s3: {}'), 'buckets[0].s3.bucket: is missing; wanted the name of an S3 bucket'],
  [one('s3: {bucket: a/b}'), 'buckets[0].s3.bucket: wanted the name of an S3 bucket, found "a/b"'],
  [
    inS3('endpoint: "minio:9000"'),
    'buckets[0].s3.endpoint: wanted an http or https URL without a path, such as http://minio:9000, found a text (begin it with http:// or https://)',
  ],
  [
    inS3('endpoint: "http://minio/bucket"'),
    'buckets[0].s3.endpoint: wanted an http or https URL without a path, such as http://minio:9000, found a text (the bucket goes into bucket, a prefix into key_prefix)',
  ],
  [
    inS3('endpoint: "http://me:hunter2@minio"'),
    'buckets[0].s3.endpoint: wanted an http or https URL without a path, such as http://minio:9000, found a text (credentials go into access_key and secret_key)',
  ],
  [inS3('access_key: k'), 'buckets[0].s3.secret_key: is missing; access_key is given without it'],
  [inS3('secret_key: k'), 'buckets[0].s3.access_key: is missing; secret_key is given without it'],
  [
    inS3('access_key: k, secret_key: [hunter2]'),
    'buckets[0].s3.secret_key: wanted a secret access key, found a list',
  ],
  [
    inS3('access_key: k, secret_key: 12345678'),
    'buckets[0].s3.secret_key: wanted a secret access key, found a number (put it in quotes)',
  ],
  [
    inS3('access_key: k, secret_key: "${ZERO}"'),
    'buckets[0].s3.secret_key: wanted a secret access key, found the value of ${ZERO}',
  ],
  [
    inS3('access_key: k, secret_key: s, credentials: anonymous'),
    'buckets[0].s3.credentials: contradicts access_key and secret_key; give one or the other',
  ],
  [
    inS3('session_token: t'),
    'buckets[0].s3.session_token: means nothing without access_key and secret_key',
  ],
  [
    inS3('credentials: assume_role'),
    'buckets[0].s3.role_arn: is missing; credentials: assume_role needs it',
  ],
  [
    inS3('profile: p'),
    'buckets[0].s3.profile: means nothing here; it belongs to credentials: profile',
  ],
  [
    inS3('timeout: 0'),
    'buckets[0].s3.timeout: wanted a duration such as 30s or 250ms, from 1ms to 1d, found 0',
  ],
  [
    inS3('retry: {initial_backoff_ms: 2000}'),
    'buckets[0].s3.retry.initial_backoff_ms: is above max_backoff_ms (2000 > 1000)',
  ],
  [
    inS3('retry: {max_attempts: 2.5}'),
    'buckets[0].s3.retry.max_attempts: wanted a whole number from 1 to 10, found 2.5',
  ],
  [
    inS3('circuit_breaker: {timeout: 3s, timeout_seconds: 3}'),
    'buckets[0].s3.circuit_breaker.timeout: is given twice: timeout_seconds is the same setting',
  ],
  [
    inS3('hedge: {after: p100}'),
    'buckets[0].s3.hedge.after: wanted a percentile such as p95, or a duration such as 50ms, found "p100"',
  ],
  [
    inS3('hedge: {}'),
    'buckets[0].s3.hedge.after: is missing; wanted a percentile such as p95, or a duration such as 50ms',
  ],
  [
    inS3('hedge: {after: p0}'),
    'buckets[0].s3.hedge.after: wanted a percentile such as p95, or a duration such as 50ms, found "p0"',
  ],
  [
    inS3('credentials: profile, profile: "a\\u0007b"'),
    'buckets[0].s3.profile: wanted the name of a profile, found "a\\u0007b"',
  ],
  [inS3('replicas: []'), 'buckets[0].s3.replicas: is an empty list; wanted at least one'],
  [
    one('s3: {replicas: [{name: r}]}'),
    'buckets[0].s3.replicas[0].bucket: is missing; s3.bucket gives no default',
  ],
  [
    inS3('replicas: [{name: r}, {name: r}]'),
    'buckets[0].s3.replicas[1].name: is "r", the name of replicas[0] too',
  ],
  [
    inS3('replicas: [{name: r, weight: 0}]'),
    'buckets[0].s3.replicas[0].weight: wanted a whole number from 1 to 1000, found 0',
  ],
  [
    inS3('replicas: [{name: r, access_key: k}]'),
    'buckets[0].s3.replicas[0].secret_key: is missing; access_key is given without it',
  ],
  // Many at once, rules between settings included
  [
    'buckets: [{name: a, path_prefix: x, spa: true, spaa: 1, s3: {access_key: k, timeout: no}}]\nadmin: {address: 1}',
    'admin.address: wanted an address such as "0.0.0.0:8080", ":8080" or "[::1]:8080", found 1 (write ":1")',
    'buckets[0].path_prefix: wanted a path such as /images: it begins with "/", has no "//", "." or ".." segment, "%", "?" or "#", found "x" (write /x)',
    'buckets[0].s3.bucket: is missing; wanted the name of an S3 bucket',
    'buckets[0].s3.secret_key: is missing; access_key is given without it',
    'buckets[0].s3.timeout: wanted a duration such as 30s or 250ms, from 1ms to 1d, found "no"',
    'buckets[0].spa: needs index_document: it is what navigation falls back to (add index_document: index.html)',
    'buckets[0].spaa: unknown setting (did you mean spa?)',
  ],
]

for (const [yaml, ...problems] of broken) {
  test(`${JSON.stringify(yaml).slice(0, 150)} is refused in plain words`, () => {
    assert.deepEqual([...problemsOf(yaml)].sort(), problems)
  })
}

test('no tree, however odd, makes decoding throw', () => {
  const known = [
    'server',
    'buckets',
    's3',
    'replicas',
    'name',
    'hosts',
    'endpoint',
    'https',
    'hedge',
  ]
  const keys = fc.oneof(
    fc.constantFrom(...known, 'limits', 'path_prefix', 'constructor'),
    fc.string(),
  )
  const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'large' },
      fc.oneof(fc.string(), fc.double(), fc.integer(), fc.boolean(), fc.constant(null)),
      fc.string().map((text) => new FromEnv(text, ['NAME'])),
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(keys, tie('tree'), { maxKeys: 6, noNullPrototype: false }),
    ),
  }))
  fc.assert(
    fc.property(fc.dictionary(keys, tree), (mapping) => {
      const decoded = decode(Object.assign(emptyMapping(), mapping), new Set())
      assert.equal(decoded.kind === 'decoded' || decoded.problems.length > 0, true)
    }),
    { seed: 1, numRuns: 1000 },
  )
})
