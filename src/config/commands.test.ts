import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { checkCommand, configCommand } from './commands.ts'
import { loadConfig } from './config.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-commands-'))
after(() => rmSync(folder, { recursive: true }))

function fileWith(yaml: string): string {
  const file = join(folder, 'config.yaml')
  writeFileSync(file, yaml)
  return file
}

function run(command: (out: (line: string) => void) => number) {
  const lines: string[] = []
  const exitCode = command((line) => lines.push(line.replaceAll(`${folder}/`, '')))
  return { exitCode, text: lines.join('\n') }
}

const check = (yaml: string) => run((out) => checkCommand(fileWith(yaml), {}, out))

test('check tells that all is well, and how many buckets there are', () => {
  const yaml = 'buckets: [{name: a, path_prefix: /, s3: {bucket: b}}]'
  assert.deepEqual(check(yaml), { exitCode: 0, text: 'config.yaml: ok, 1 bucket' })
})

test('check tells warnings and is still content', () => {
  const yaml = 'include: "*.yml"\nbuckets: [{name: a, path_prefix: /, s3: {bucket: b}}]'
  assert.deepEqual(check(yaml), {
    exitCode: 0,
    text: 'warning: config.yaml: include: *.yml matches no file\nconfig.yaml: ok, 1 bucket',
  })
})

test('check tells every problem on a line of its own', () => {
  const { exitCode, text } = check('buckets: [{name: a, path_prefix: a, s3: {bukcet: b}}]')
  assert.equal(exitCode, 1)
  assert.deepEqual(text.split('\n'), [
    'config.yaml: buckets[0].path_prefix: wanted a path such as /images: it begins with "/", has no "//", "." or ".." segment, "%", "?" or "#", found "a" (write /a)',
    'config.yaml: buckets[0].s3.bukcet: unknown setting (did you mean bucket?)',
    'config.yaml: buckets[0].s3.bucket: is missing; wanted the name of an S3 bucket',
  ])
})

const everything = `
server: {address: "[::1]:8081", threads: 3, http2: false, shutdown: {drain: 90s, lame_duck: 250ms},
  security_headers: false, limits: {max_header_size: 20000, max_uri_length: 99, header_timeout: 1.5s}}
logging: {level: debug, format: text, access_log: false, sample: 0.25}
admin: {address: ":9999"}
cache:
  cache_layers: [redis, memory]
  slice_size: 128KiB
  fetch_span: 1MiB
  fill_memory: 3MiB
  memory: {max_capacity: 1.5MiB, max_item_size_mb: 1, ttl_seconds: 5}
  disk: {cache_dir: elsewhere, max_disk_cache_size_mb: 7}
  warming: {concurrency: 3, rate_limit: 0.5}
  redis: {enabled: true, redis_url: "rediss://me:hunter4@cache:1/2", redis_key_prefix: "x:", redis_ttl_seconds: 1, max_item_size: 2KB, timeout: 1s, lease_wait: 0}
buckets:
  - name: a
    path_prefix: /a b/
    hosts: [A.example.com, "*.b.example.com"]
    index_document: "yes"
    spa: true
    redirect_slash: false
    listing: json
    cache: {ttl: 5s, min_ttl: 1s, max_ttl: 1h, negative_ttl: 0, max_item_size: 0, max_size: 5MiB, stale_while_revalidate: 2s,
      stale_if_error: 3s, stale_if_slow: 250ms, vary: [Accept], tags: {metadata: [Tag], pattern: "^([^/]+)/"}, respect_origin: false}
    hide_forbidden: true
    allow_versions: true
    metadata_headers: false
    error_document: {404: "404.html", 503: "$\${sorry}"}
    response_headers: {set: {X-Number: 007, X-Text: "a: b # c"}, remove: [x-amz-meta-a]}
    s3:
      bucket: b
      key_prefix: "$$$\${odd}: "
      access_key: AKID
      secret_key: hunter2
      session_token: hunter3
      balance: peak_ewma
      hedge: {after: p99.5, budget_percent: 7.5}
      health_check: {enabled: false}
      circuit_breaker: {timeout: 1ms}
      retry: {max_attempts: 1, initial_backoff_ms: 0, max_backoff_ms: 0, budget_percent: 0}
      failover_on_not_found: true
      first_byte_budget: 1m
      replicas:
        - {name: one, weight: 1000, endpoint: "https://s3.example.com:9000/", addressing: virtual}
        - {name: two, priority: 1, timeout: 100ms, credentials: anonymous}
        - {name: three, credentials: profile, profile: p}
        - {name: four, credentials: assume_role, role_arn: "arn:a:b", external_id: x}
        - {name: five, credentials: web_identity, web_identity_token_file: /t}
  - {name: b, path_prefix: /, s3: {bucket: c, hedge: {after: 50ms}, health_check: {key: k}}, cache: {enabled: false}}
`

test('the printed configuration masks secrets and loads again to the same', () => {
  const file = fileWith(everything)
  const first = loadConfig(file, {})
  const { exitCode, text } = run((out) => configCommand(file, {}, { schema: false }, out))
  assert.equal(exitCode, 0)
  assert.doesNotMatch(text, /hunter/)
  assert.match(text, /secret_key: '\*\*\*'/)

  const again = loadConfig(fileWith(text.replaceAll("'***'", 'hunter2')), {})
  assert.equal(first.kind, 'loaded')
  assert.deepEqual(again, first)
})

test('printing what is refused prints the problems', () => {
  const print = run((out) => configCommand(fileWith('a: 1'), {}, { schema: false }, out))
  assert.deepEqual(print, {
    exitCode: 1,
    text: 'config.yaml: buckets: is missing; wanted a list\nconfig.yaml: a: unknown setting',
  })
})

test('the JSON Schema is told without a configuration', () => {
  const { exitCode, text } = run((out) => configCommand('gone.yaml', {}, { schema: true }, out))
  const schema = JSON.parse(text)
  assert.equal(exitCode, 0)
  assert.equal(schema.additionalProperties, false)
  assert.deepEqual(schema.required, ['buckets'])
  assert.equal(schema.properties.server.properties.address.default, '0.0.0.0:8080')
  const { s3 } = schema.properties.buckets.items.properties
  assert.deepEqual(s3.properties.connect_timeout, { type: ['string', 'number'], default: '5s' })
  assert.deepEqual(s3.properties.replicas.items.required, ['name'])
})
