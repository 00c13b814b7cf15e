import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'

import { loadConfig } from './config.ts'
import { configOf, folder, load } from './loaded.contract.ts'

const minimal = 'buckets: [{name: a, path_prefix: /a, s3: {bucket: b}}]'
const bucket = (name: string, more = '') =>
  `{name: ${name}, path_prefix: /${name}, s3: {bucket: b${more}}}`

test('a bucket with a name, a prefix and an S3 bucket is a whole configuration', () => {
  const { loaded, home } = load({ 'config.yaml': minimal })
  assert.ok(loaded.kind === 'loaded')
  // What is observed of requests has a test of its own.
  const { observability: _, ...config } = loaded.config
  assert.deepEqual(config, {
    server: {
      address: { host: '0.0.0.0', port: 8080 },
      threads: 'auto',
      https: undefined,
      http2: true,
      trustedProxies: [],
      proxyProtocol: undefined,
      maxConcurrentRequests: 10_000,
      limits: {
        maxHeaderBytes: 16_384,
        maxUriLength: 8192,
        headerTimeoutMs: 10_000,
        keepAliveTimeoutMs: 65_000,
        stallTimeoutMs: 60_000,
        maxEventLoopDelayMs: 2000,
      },
      shutdown: { drainMs: 30_000, lameDuckMs: 0 },
      securityHeaders: true,
      serverTiming: false,
      isWatched: false,
    },
    jwt: undefined,
    buckets: [
      {
        name: 'a',
        pathPrefix: '/a',
        hosts: [],
        s3: {
          replicas: [
            {
              name: 'primary',
              bucket: 'b',
              region: 'us-east-1',
              endpoint: undefined,
              addressing: 'auto',
              credentials: { kind: 'default' },
              keyPrefix: '',
              timeoutMs: 20_000,
              connectTimeoutMs: 5000,
              stallTimeoutMs: 30_000,
              connectionPoolSize: 50,
              priority: 1,
              weight: 1,
            },
          ],
          keyTemplate: '',
          balance: 'priority',
          circuitBreaker: {
            failureThreshold: 5,
            successThreshold: 2,
            openMs: 30_000,
            halfOpenMaxRequests: 3,
          },
          retry: { maxAttempts: 3, initialBackoffMs: 50, maxBackoffMs: 1000, budgetPercent: 20 },
          healthCheck: {
            intervalMs: 10_000,
            timeoutMs: 3000,
            healthyThreshold: 2,
            unhealthyThreshold: 3,
            key: '',
          },
          hedge: undefined,
          failoverOnNotFound: false,
          firstByteBudgetMs: 30_000,
          slots: undefined,
        },
        ipFilter: { allowlist: [], blocklist: [] },
        rateLimit: [],
        cors: undefined,
        maxConcurrentRequests: undefined,
        bandwidth: undefined,
        auth: { enabled: false, jwt: undefined },
        authorization: undefined,
        signedUrls: { enabled: false, keys: [], allowNetworks: false, revoked: [] },
        cache: {
          enabled: true,
          ttlMs: 3_600_000,
          minTtlMs: 0,
          maxTtlMs: 30 * 86_400_000,
          negativeTtlMs: 10_000,
          maxItemBytes: 1024 ** 3,
          maxBytes: undefined,
          staleWhileRevalidateMs: 60_000,
          staleIfErrorMs: 86_400_000,
          staleIfSlowMs: 0,
          vary: [],
          tags: { metadata: [], pattern: undefined },
          respectOrigin: true,
        },
        responseHeaders: { set: {}, remove: [] },
        metadataHeaders: true,
        hideForbidden: false,
        allowVersions: false,
        indexDocument: undefined,
        redirectSlash: true,
        errorDocument: new Map(),
        spa: false,
        listing: 'off',
      },
    ],
    rateLimiting: {
      enabled: true,
      store: 'local',
      limits: [],
      headers: false,
      maxKeys: 1_000_000,
      ipv6Prefix: 64,
      fleetSize: undefined,
    },
    cache: {
      enabled: true,
      layers: ['memory', 'disk'],
      sliceBytes: 1_048_576,
      fetchSpanBytes: 67_108_864,
      fillMemoryBytes: 268_435_456,
      memory: { maxBytes: 268_435_456, maxItemBytes: 10_485_760 },
      disk: { folder: join(home, '.cache'), maxBytes: 10 * 1024 ** 3 },
      redis: undefined,
      warming: { concurrency: 10, perSecond: 100 },
    },
    logging: { level: 'info', format: 'json', accessLog: true, sample: 1 },
    admin: {
      address: { host: '127.0.0.1', port: 9090 },
      isDefaultAddress: true,
      token: undefined,
      roles: {},
    },
    metrics: { enabled: true },
    auditLog: undefined,
  })
})

const addresses: readonly [server: string, host: string, port: number][] = [
  ['address: "0.0.0.0", port: 8081', '0.0.0.0', 8081],
  ['port: 8081', '0.0.0.0', 8081],
  ['address: "127.0.0.1:0"', '127.0.0.1', 0],
  ['address: ":81"', '0.0.0.0', 81],
  ['address: "[::]:81"', '::', 81],
  ['address: "::1"', '::1', 8080],
  ['address: "localhost:81", port: 81', 'localhost', 81],
]

for (const [server, host, port] of addresses) {
  test(`{${server}} listens on ${host}, port ${port}`, () => {
    assert.deepEqual(configOf(`server: {${server}}\n${minimal}`).server.address, { host, port })
  })
}

test('what the fields beside the list say holds for every replica that does not say otherwise', () => {
  const { s3 } = only(`buckets: [{name: a, path_prefix: /, s3: {
    bucket: b, region: eu-west-1, endpoint: "HTTP://Minio:80/", access_key: k, secret_key: s, timeout: 5s,
    replicas: [{name: one}, {name: two, bucket: c, credentials: anonymous, timeout: 1, priority: 1}]}}]`)
  const [one, two] = s3.replicas
  assert.deepEqual(
    [one?.bucket, one?.region, one?.endpoint, one?.timeoutMs, one?.priority, one?.credentials.kind],
    ['b', 'eu-west-1', 'http://minio', 5000, 1, 'static'],
  )
  assert.deepEqual(
    [two?.bucket, two?.region, two?.endpoint, two?.timeoutMs, two?.priority, two?.credentials],
    ['c', 'eu-west-1', 'http://minio', 1000, 1, { kind: 'anonymous' }],
  )
})

function only(yaml: string) {
  const [first] = configOf(yaml).buckets
  if (first === undefined) throw new Error('no bucket')
  return first
}

test("a replica's credentials replace the inherited ones as a whole", () => {
  const { s3 } = only(`buckets: [{name: a, path_prefix: /, s3: {
    bucket: b, access_key: k, secret_key: s, session_token: t,
    replicas: [{name: one, access_key: k2, secret_key: s2}]}}]`)
  const credentials = s3.replicas[0]?.credentials
  assert.equal(credentials?.kind === 'static' && credentials.secretKey.reveal(), 's2')
  assert.equal(credentials?.kind === 'static' && credentials.sessionToken, undefined)
})

test('every way of naming credentials is understood', () => {
  const given = [
    'credentials: environment',
    'credentials: container',
    'credentials: instance',
    'credentials: profile, profile: p',
    'credentials: web_identity, role_arn: "arn:aws:iam::1:role/r", web_identity_token_file: /t',
    'credentials: assume_role, role_arn: "arn:aws:iam::1:role/r", external_id: x',
  ]
  const found = given.map(
    (fields) => only(`buckets: [${bucket('a', `, ${fields}`)}]`).s3.replicas[0]?.credentials,
  )
  const roleArn = 'arn:aws:iam::1:role/r'
  assert.deepEqual(found, [
    { kind: 'environment' },
    { kind: 'container' },
    { kind: 'instance' },
    { kind: 'profile', profile: 'p' },
    { kind: 'web_identity', roleArn, tokenFile: '/t' },
    { kind: 'assume_role', roleArn, externalId: 'x' },
  ])
})

test('the older spellings of limits and breaker timeout mean the same', () => {
  const config = configOf(
    `server: {security_limits: {max_header_size: 64KB, max_uri_length: 100}}
buckets: [${bucket('a', ', circuit_breaker: {timeout: 7s}')}]`,
  )
  assert.equal(config.server.limits.maxHeaderBytes, 65_536)
  assert.equal(config.server.limits.maxUriLength, 100)
  assert.equal(config.buckets[0]?.s3.circuitBreaker.openMs, 7000)
})

test('a hedge starts after a percentile or after a time', () => {
  const after = (text: string) =>
    only(`buckets: [${bucket('a', `, hedge: {after: ${text}}`)}]`).s3.hedge?.after
  assert.deepEqual(after('p99.9'), { kind: 'percentile', percentile: 99.9 })
  assert.deepEqual(after('50ms'), { kind: 'fixed', ms: 50 })
  assert.deepEqual(after('0.05'), { kind: 'fixed', ms: 50 })
})

test('a health check that is not enabled is absent', () => {
  const { s3 } = only(`buckets: [${bucket('a', ', health_check: {enabled: false}')}]`)
  assert.equal(s3.healthCheck, undefined)
})

test('prefixes lose their trailing slash and hosts their capitals', () => {
  const found = only(
    'buckets: [{name: a, path_prefix: /a/, hosts: ["*.Example.COM"], s3: {bucket: b}}]',
  )
  assert.equal(found.pathPrefix, '/a')
  assert.deepEqual(found.hosts, ['*.example.com'])
})

test('one prefix may serve different hosts', () => {
  const { buckets } = configOf(`buckets:
  - {name: a, path_prefix: /, hosts: [a.example.com], s3: {bucket: b}}
  - {name: b, path_prefix: /, hosts: ["*.b.example.com"], s3: {bucket: b}}`)
  assert.equal(buckets.length, 2)
})

test('an environment variable may be any part of any value, and of any kind', () => {
  const env = { PORT: '8081', YES: 'true', HALF: '0.5', WAIT: '5', NAME: '12345', LEVEL: 'warn' }
  const config = configOf(
    `server: {address: "127.0.0.1:\${PORT}", http2: "\${YES}", limits: {header_timeout: "\${WAIT}"}}
logging: {sample: "\${HALF}", level: "\${LEVEL}"}
buckets: [{name: "\${NAME}", path_prefix: "/\${GONE:-x}", s3: {bucket: "\${EMPTY:-b}", key_prefix: "$\${PORT}", connection_pool_size: "\${WAIT}"}}] # \${NOT_READ}`,
    { ...env, EMPTY: '' },
  )
  assert.equal(config.server.address.port, 8081)
  assert.equal(config.server.limits.headerTimeoutMs, 5000)
  assert.deepEqual([config.logging.sample, config.logging.level], [0.5, 'warn'])
  const [first] = config.buckets
  assert.deepEqual([first?.name, first?.pathPrefix], ['12345', '/x'])
  const replica = first?.s3.replicas[0]
  assert.deepEqual(
    [replica?.bucket, replica?.keyPrefix, replica?.connectionPoolSize],
    ['b', '${PORT}', 5],
  )
})

test('a reference may stand without quotes among values in braces', () => {
  const yaml =
    'buckets: [ { name: a, path_prefix: ${PREFIX}, hosts: [${HOST:-x.test},y.test], s3: {bucket: ${B}} } ]'
  const [bucket] = configOf(yaml, { PREFIX: '/a', B: 'b' }).buckets
  assert.deepEqual(
    [bucket?.pathPrefix, bucket?.hosts, bucket?.s3.replicas[0]?.bucket],
    ['/a', ['x.test', 'y.test'], 'b'],
  )
})

test('a number in quotes is text unless it comes from the environment', () => {
  const { lines } = load({ 'config.yaml': `logging: {sample: "1"}\n${minimal}` })
  assert.deepEqual(lines, ['config.yaml: logging.sample: wanted a number from 0 to 1, found "1"'])
})

test('a variable that is not set is one problem, as is a reference that is none', () => {
  const yaml = 'buckets: [{name: a, path_prefix: "${TOP}", s3: {bucket: "${a b}"}}]'
  assert.deepEqual(load({ 'config.yaml': yaml }).lines, [
    'config.yaml: buckets[0].path_prefix: the environment variable TOP is not set (set TOP, or write ${TOP:-default})',
    'config.yaml: buckets[0].s3.bucket: holds "${" that begins no variable reference (write ${NAME} or ${NAME:-default}; a literal "${" is written "$${")',
  ])
})

test('a value from the environment is never shown', () => {
  const yaml = `logging: {level: "\${KEY}"}\nbuckets: [${bucket('a', ', region: "${KEY}"')}]`
  const { lines } = load({ 'config.yaml': yaml }, { KEY: 'hunter2 hunter2' })
  assert.equal(lines.length, 2)
  assert.doesNotMatch(lines.join(), /hunter2/)
})

test('included files add their buckets in the order of their names, and merge their settings', () => {
  const { loaded, lines, home } = load({
    'config.yaml': `include: [conf.d/*.yaml, log.yaml]\nlogging: {level: warn}\nbuckets: [${bucket('m')}]`,
    'conf.d/b.yaml': `buckets: [${bucket('b')}]`,
    'conf.d/a.yaml': `include: ../more/*.yaml\nbuckets: [${bucket('a')}]`,
    'conf.d/.hidden.yaml': 'nonsense: 1',
    'conf.d/c.txt': 'nonsense: 1',
    'more/x.yaml': `buckets: [${bucket('x')}]`,
    'log.yaml': 'logging: {level: warn, format: text}',
  })
  assert.deepEqual(lines, [])
  if (loaded.kind === 'refused') throw new Error('refused')
  assert.deepEqual(
    loaded.config.buckets.map(({ name }) => name),
    ['m', 'a', 'x', 'b'],
  )
  assert.deepEqual([loaded.config.logging.level, loaded.config.logging.format], ['warn', 'text'])
  assert.deepEqual(
    loaded.files.map((file) => file.replace(`${home}/`, '')),
    ['config.yaml', 'conf.d/a.yaml', 'more/x.yaml', 'conf.d/b.yaml', 'log.yaml'],
  )
})

test('a problem names the file it stands in', () => {
  const { lines } = load({
    'config.yaml': `include: conf.d/*.yaml\nbuckets: [${bucket('m')}]`,
    'conf.d/a.yaml': `buckets: [${bucket('a', ', regoin: x')}]\nlogging: {level: x}`,
  })
  assert.deepEqual(lines, [
    'conf.d/a.yaml: buckets[1].s3.regoin: unknown setting (did you mean region?)',
    'conf.d/a.yaml: logging.level: wanted one of debug, info, warn, error, silent, found "x"',
  ])
})

test('a setting that two files give differently is a problem that names both', () => {
  const { lines } = load({
    'config.yaml': `include: a.yaml\nlogging: {level: warn}\n${minimal}`,
    'a.yaml': 'logging: {level: info, format: text}\nserver: {port: 81}',
  })
  assert.deepEqual(lines, [
    'a.yaml: logging.level: is given twice with different values, in config.yaml and in a.yaml (keep one of them)',
  ])
})

test('a file that cannot be read is its only problem', () => {
  assert.deepEqual(loadConfig(join(folder, 'gone.yaml'), {}), {
    kind: 'refused',
    problems: [
      {
        path: '',
        file: join(folder, 'gone.yaml'),
        message: 'cannot be read: no such file',
      },
    ],
  })
  const { lines } = load({ 'config.yaml': `include: a.yaml\n`, 'a.yaml': 'a: "' })
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /^a\.yaml: .* at line 1, column \d+$/)
})

test('nothing of a configuration can be changed', () => {
  const config = configOf(minimal)
  assert.throws(() => Object.assign(config.server.address, { port: 1 }), TypeError)
  assert.throws(() => Object.assign(config.buckets, { 0: undefined }), TypeError)
})

test('what is legal and yet probably not meant is a warning', () => {
  const yaml = `buckets:
  - {name: a, path_prefix: /ready, error_document: {401: a, 404: b}, s3: {bucket: b, key_prefix: /x, hedge: {after: p95}, balance: random}}`
  const { loaded, lines } = load({ 'config.yaml': yaml })
  assert.equal(loaded.kind, 'loaded')
  assert.deepEqual(lines, [
    'config.yaml: buckets[0].path_prefix: /ready itself is answered by Sluice, only what is below it by the bucket',
    'config.yaml: buckets[0].error_document.401: is never served: S3 is not asked where the answer is 401',
    'config.yaml: buckets[0].s3.hedge: does nothing with one replica: a hedge asks another',
    'config.yaml: buckets[0].s3.key_prefix: begins with "/", so every key asked for does too',
    'config.yaml: buckets[0].s3.balance: random does nothing: it chooses among replicas of equal priority (give several replicas the same priority)',
  ])
})

test('replicas come in the order of the list, and share work when told one priority', () => {
  const priorities = (replicas: string) => {
    const yaml = `buckets: [${bucket('a', `, balance: random, replicas: [${replicas}]`)}]`
    const { loaded, lines } = load({ 'config.yaml': yaml })
    const found = loaded.kind === 'loaded' ? loaded.config.buckets[0]?.s3.replicas : undefined
    return { priorities: found?.map(({ priority }) => priority), warnings: lines.length }
  }
  assert.deepEqual(priorities('{name: x}, {name: y}'), { priorities: [1, 2], warnings: 1 })
  assert.deepEqual(priorities('{name: x}, {name: y, priority: 1}'), {
    priorities: [1, 1],
    warnings: 0,
  })
})
