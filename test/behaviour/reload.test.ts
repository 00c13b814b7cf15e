// How a reload is asked for, what it answers, and how it says no.

import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'

import { TOKEN } from '../support/cached-front.ts'
import { createCertificate } from '../support/certificates.ts'
import { request } from '../support/http.ts'
import { leaksIn } from '../support/leaks.ts'
import { scrape } from '../support/metrics.ts'
import { openReloadable } from '../support/reloadable.ts'
import type { Reloadable } from '../support/reloadable.ts'
import { runSluice } from '../support/sluice.ts'
import type { ConfigObject } from '../support/sluice.ts'
import { SECRET } from '../support/tokens.ts'
import { until } from '../support/until.ts'

const VIEWER = 'Viewer-9qLwPz7_tYd2'
const PURGER = 'Purger-9qLwPz7_tYd2'

/** The bucket at `/files`, beside others. */
function filesAnd(front: Reloadable, ...names: string[]): ConfigObject {
  return { buckets: ['files', ...names].map((name) => front.bucket({ name })) }
}

const statusOf = (front: Reloadable, path: string): Promise<number> =>
  request(front.url + path).then(({ status }) => status)

const generationOf = async (front: Reloadable): Promise<number> =>
  (await scrape(front.opsUrl)).sum('sluice_config_generation')

for (const threads of [1, 2]) {
  test(`a configuration with several faults changes nothing, and each is told (threads ${threads})`, async () => {
    await using front = await openReloadable({ server: { threads } })
    front.put('a', 'hello')
    const before = (await front.call('GET', '/admin/config')).json
    const bad = { ...front.bucket({ name: 'more' }), path_prefx: '/x', max_concurrent_requests: -1 }
    front.write({ buckets: [bad], logging: { level: 'loud' } })
    const { status, json } = await front.reload()
    assert.equal(status, 400)
    assert.equal(json['status'], 'refused')
    // The cast: it is what is looked at.
    const problems = json['problems'] as { path: string; message: string }[]
    for (const path of [
      'buckets[0].path_prefx',
      'buckets[0].max_concurrent_requests',
      'logging.level',
    ]) {
      assert.ok(
        problems.some((problem) => problem.path === path && problem.message !== ''),
        `${path} in ${JSON.stringify(problems)}`,
      )
    }
    for (const problem of problems) assert.deepEqual(Object.keys(problem), ['path', 'message'])
    const line = await front.sluice.logLine(({ event }) => event === 'config-refused')
    assert.deepEqual([line['level'], line['trigger']], ['error', 'call'])
    assert.equal((line['problems'] as string[]).length, problems.length)
    assert.deepEqual((await front.call('GET', '/admin/config')).json, before)
    assert.equal((await request(`${front.url}/files/a`)).text, 'hello')
    assert.equal(await statusOf(front, '/more/a'), 404)
    const metrics = await scrape(front.opsUrl)
    assert.equal(metrics.sum('sluice_config_generation'), 1)
    assert.equal(metrics.sum('sluice_config_reloads_total', { outcome: 'refused' }), 1)
    assert.equal(metrics.sum('sluice_config_reloads_total', { outcome: 'reloaded' }), 0)
    front.writeText('buckets: [')
    assert.equal((await front.reload()).status, 400)
    rmSync(front.sluice.configFile)
    assert.equal((await front.reload()).status, 400)
    const good = { ...filesAnd(front, 'more'), logging: { level: 'info' } }
    assert.equal(await front.change(good), 2)
    assert.equal(await statusOf(front, '/more/a'), 200)
    assert.equal(front.sluice.stderr(), '')
  })
}

test('what needs a restart is told by its path, together with all else that does', async () => {
  const certificate = createCertificate()
  try {
    await using front = await openReloadable({
      server: { threads: 1, trusted_proxies: ['127.0.0.1'] },
      cache: { cache_layers: ['disk'], disk: { cache_dir: 'one' } },
    })
    const { certPath: cert_path, keyPath: key_path } = certificate
    front.write({
      server: {
        address: '127.0.0.1:1',
        threads: 2,
        http2: false,
        https: { enabled: true, cert_path, key_path },
        trusted_proxies: ['127.0.0.1'],
        proxy_protocol: true,
      },
      cache: { cache_layers: ['disk'], disk: { cache_dir: 'two' } },
      admin: { token: TOKEN, address: '127.0.0.1:2' },
    })
    const { status, json } = await front.reload()
    assert.equal(status, 400)
    // The cast: it is what is looked at.
    const problems = json['problems'] as { path: string; message: string }[]
    assert.deepEqual(
      problems.map(({ path }) => path),
      [
        'server.address',
        'server.threads',
        'server.https.enabled',
        'server.http2',
        'server.proxy_protocol',
        'cache.disk.cache_dir',
        'admin.address',
      ],
    )
    for (const { message } of problems) assert.match(message, /^needs a restart to change from /)
    assert.equal(await generationOf(front), 1)
  } finally {
    certificate[Symbol.dispose]()
  }
})

test('a certificate at another path is used by new connections, and one that cannot be is refused', async () => {
  const [one, other] = [createCertificate('one.example'), createCertificate('other.example')]
  try {
    const https = (certificate: typeof one): ConfigObject => ({
      server: {
        threads: 2,
        address: '127.0.0.1:0',
        https: { enabled: true, cert_path: certificate.certPath, key_path: certificate.keyPath },
      },
    })
    await using front = await openReloadable(https(one))
    const subject = async (): Promise<string> => {
      const { connect } = await import('node:tls')
      const socket = connect({ port: front.port, host: '127.0.0.1', rejectUnauthorized: false })
      await new Promise((resolve, reject) =>
        socket.once('secureConnect', resolve).once('error', reject),
      )
      const { CN } = socket.getPeerCertificate().subject
      socket.destroy()
      return String(CN)
    }
    const subjects = async (): Promise<string[]> => [
      ...new Set(await Promise.all(Array.from({ length: 8 }, subject))),
    ]
    assert.deepEqual(await subjects(), ['one.example'])
    await front.change(https(other))
    assert.deepEqual(await subjects(), ['other.example'])
    writeFileSync(one.keyPath, 'no key')
    front.write(https(one))
    const { status, json } = await front.reload()
    assert.equal(status, 400, JSON.stringify(json))
    assert.match(JSON.stringify(json), /"path":"server\.https"/)
    assert.deepEqual(await subjects(), ['other.example'])
  } finally {
    one[Symbol.dispose]()
    other[Symbol.dispose]()
  }
})

test('operators may reload, and nobody else; everybody with a role may look', async () => {
  const roles = { viewer: { token: VIEWER }, purger: { token: PURGER } }
  await using front = await openReloadable({ admin: { token: TOKEN, roles } })
  const post = async (token: string): Promise<number> =>
    (await front.call('POST', '/admin/reload', { token })).status
  assert.deepEqual(await Promise.all([post(VIEWER), post(PURGER), post('')]), [403, 403, 401])
  assert.equal(await generationOf(front), 1)
  assert.equal((await front.call('GET', '/admin/reload', { token: VIEWER })).status, 200)
  assert.equal((await front.call('POST', '/admin/reload?x=1')).status, 400)
  const { status, json } = await front.reload()
  assert.deepEqual([status, json], [200, { status: 'ok', config_generation: 2 }])
  const line = await front.sluice.logLine(
    (found) =>
      found['call'] === 'reload' &&
      found['rule'] === undefined &&
      found['status'] === 200 &&
      found['role'] === 'operator',
  )
  assert.deepEqual([line['outcome'], line['role']], ['done', 'operator'])
})

test('what the last reload changed is told by path, and of secrets only that they are others', async () => {
  const secrets = { old: 'Zt8Yp5Nc1Hb6Mf4Gd0Js', new: 'w7Lr2Zt8Yp5Nc1Hb6Mf4', jwt: SECRET }
  const bucket = (front: Reloadable, secret_key: string, ttl: number): object => {
    return front.bucket({ name: 'files', s3: { secret_key }, cache: { ttl } })
  }
  await using front = await openReloadable({ jwt: { secret: SECRET } })
  assert.deepEqual(
    [(await front.call('GET', '/admin/reload')).json['last'], await generationOf(front)],
    [null, 1],
  )
  await front.change({ buckets: [bucket(front, secrets.old, 60), front.bucket({ name: 'b' })] })
  await front.change({
    buckets: [front.bucket({ name: 'c' }), bucket(front, secrets.new, 120)],
    jwt: { secret: `${SECRET}x` },
    logging: { level: 'info', sample: 0.5 },
  })
  const { json, answer } = await front.call('GET', '/admin/reload')
  // The casts: it is what is looked at.
  const last = json['last'] as Record<string, unknown>
  const changes = last['changes'] as { path: string; before: unknown; after: unknown }[]
  const told = new Map(changes.map(({ path, before, after }) => [path, [before, after]]))
  assert.deepEqual([...told.keys()].toSorted(), [
    'buckets[b]',
    'buckets[c]',
    'buckets[files].cache.ttl',
    'buckets[files].s3.replicas[primary].secret_key',
    'jwt.secret',
    'logging.sample',
  ])
  assert.deepEqual(told.get('buckets[files].cache.ttl'), ['1m', '2m'])
  assert.deepEqual(told.get('jwt.secret'), ['***', '***'])
  assert.deepEqual(told.get('logging.sample'), [1, 0.5])
  assert.equal(told.get('buckets[b]')?.[1], null)
  assert.equal(told.get('buckets[c]')?.[0], null)
  assert.deepEqual(
    [last['trigger'], last['outcome'], last['config_generation'], last['problems']],
    ['call', 'reloaded', 3, []],
  )
  front.writeText('buckets: 7')
  await front.reload()
  const after = (await front.call('GET', '/admin/reload')).json
  assert.equal((after['last'] as Record<string, unknown>)['outcome'], 'refused')
  assert.deepEqual(after['last_reloaded'], last)
  assert.equal(after['config_generation'], 3)
  const places = [
    { name: 'the answer', text: answer.text },
    { name: 'the log', text: front.sluice.stdout() },
    { name: 'the configuration', text: (await front.call('GET', '/admin/config')).answer.text },
  ]
  assert.deepEqual(leaksIn(places, secrets), [])
  const line = await front.sluice.logLine(
    (found) => found['event'] === 'config-reloaded' && found['generation'] === 3,
  )
  assert.deepEqual([line['level'], line['changes'], line['trigger']], ['info', 6, 'call'])
})

test('SIGHUP reloads', async () => {
  await using front = await openReloadable({ server: { threads: 2 } })
  front.put('a', 'hello')
  front.write(filesAnd(front, 'more'))
  front.sluice.kill('SIGHUP')
  const line = await front.sluice.logLine(({ event }) => event === 'config-reloaded')
  assert.deepEqual([line['trigger'], line['generation']], ['signal', 2])
  assert.equal(await statusOf(front, '/more/a'), 200)
})

test('many who ask at once have all what was written before they asked', async () => {
  await using front = await openReloadable({ server: { threads: 2 } })
  front.put('a', 'hello')
  for (let n = 0; n < 5; n += 1) {
    const before = await generationOf(front)
    const early = front.reload()
    front.write(filesAnd(front, `more${n}`))
    const all = await Promise.all(Array.from({ length: 20 }, () => front.reload()))
    await early
    assert.ok(all.every(({ status }) => status === 200))
    assert.equal(await statusOf(front, `/more${n}/a`), 200)
    const generations = all.map(({ json }) => Number(json['config_generation']))
    assert.ok(Math.max(...generations) - before < 20, 'they share reloads')
    assert.equal(await generationOf(front), Math.max(...generations))
  }
})

test('sluice reload asks a running Sluice, and prints every problem', async () => {
  await using front = await openReloadable()
  const env = { SLUICE_ADMIN_TOKEN: TOKEN }
  const run = (...args: string[]): ReturnType<typeof runSluice> =>
    runSluice(['reload', '--admin', front.opsUrl, ...args], { env })
  front.write(filesAnd(front, 'more'))
  const done = await run()
  assert.deepEqual(
    [done.code, JSON.parse(done.stdout)],
    [0, { status: 'ok', config_generation: 2 }],
  )
  front.write({ logging: { level: 'loud' }, metrics: { prt: 1 } })
  const refused = await run()
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /^sluice: the configuration is refused\n/)
  assert.match(refused.stderr, /^logging\.level: .+$/m)
  assert.match(refused.stderr, /^metrics\.prt: unknown setting \(did you mean port\?\)$/m)
  assert.equal((await run('--bucket', 'x')).code, 1)
  assert.equal((await run('--token', 'another-token-of-it')).code, 1)
})

/** That nothing comes of a change can only be told by letting the watch look a few times. */
const SEVERAL_LOOKS_MS = 1500
const WATCHED = { server: { threads: 1, reload: { watch: true } } }

const reloadedTo = (front: Reloadable, generation: number): Promise<unknown> =>
  front.sluice.logLine(
    (line) => line['event'] === 'config-reloaded' && line['generation'] === generation,
  )

test('with watch, a file that another is put in place of is read, once it stands still', async () => {
  await using front = await openReloadable(WATCHED)
  front.put('a', 'hello')
  front.write(filesAnd(front, 'more'))
  await reloadedTo(front, 2)
  assert.equal(await statusOf(front, '/more/a'), 200)
  // Written in place, too; and touched is not changed.
  utimesSync(front.sluice.configFile, new Date(), new Date())
  writeFileSync(join(dirname(front.sluice.configFile), '.config.yaml.swp'), 'x')
  await delay(SEVERAL_LOOKS_MS)
  assert.equal(await generationOf(front), 2)
  writeFileSync(
    front.sluice.configFile,
    JSON.stringify({ ...front.config, ...filesAnd(front, 'other') }),
  )
  await reloadedTo(front, 3)
  assert.equal(await statusOf(front, '/other/a'), 200)
  front.writeText('buckets: 7')
  const refused = await front.sluice.logLine(({ event }) => event === 'config-refused')
  assert.equal(refused['trigger'], 'watch')
  front.write({ ...filesAnd(front, 'last'), server: { threads: 1, address: '127.0.0.1:0' } })
  await reloadedTo(front, 4)
  assert.equal(
    front.sluice.logLines().filter(({ event }) => event === 'config-refused').length,
    1,
    'a bad file is told once',
  )
  // It says that it is not to be watched any more.
  front.write(filesAnd(front, 'unwatched'))
  await delay(SEVERAL_LOOKS_MS)
  assert.equal(await generationOf(front), 4)
  await front.change({ server: { ...WATCHED.server, address: '127.0.0.1:0' } })
  front.write(filesAnd(front, 'again'))
  await reloadedTo(front, 6)
})

test('with watch, a ConfigMap whose link is swapped is read, and so are files that are included', async () => {
  await using front = await openReloadable(WATCHED)
  front.put('a', 'hello')
  const folder = dirname(front.sluice.configFile)
  const version = (name: string, ...buckets: string[]): void => {
    mkdirSync(join(folder, name))
    const { buckets: _, ...others } = front.config
    const [files, ...more] = ['files', ...buckets].map((one) => front.bucket({ name: one }))
    const main = { ...others, buckets: [files], include: 'conf.d/*.yaml' }
    writeFileSync(join(folder, name, 'config.yaml'), JSON.stringify(main))
    writeFileSync(join(folder, name, 'more.yaml'), JSON.stringify({ buckets: more }))
    symlinkSync(name, join(folder, '..tmp'))
    renameSync(join(folder, '..tmp'), join(folder, '..data'))
  }
  // As the kubelet lays them out.
  version('..one', 'one')
  mkdirSync(join(folder, 'conf.d'))
  symlinkSync('../..data/more.yaml', join(folder, 'conf.d', 'more.yaml'))
  symlinkSync('..data/config.yaml', join(folder, 'config.new'))
  renameSync(join(folder, 'config.new'), front.sluice.configFile)
  await reloadedTo(front, 2)
  assert.equal(await statusOf(front, '/one/a'), 200)
  version('..two', 'two')
  await reloadedTo(front, 3)
  assert.deepEqual(
    await Promise.all([statusOf(front, '/one/a'), statusOf(front, '/two/a')]),
    [404, 200],
  )
  // One that comes to match what is included, and one that goes.
  const third = join(folder, 'conf.d', 'third.yaml')
  writeFileSync(third, JSON.stringify({ buckets: [front.bucket({ name: 'third' })] }))
  await reloadedTo(front, 4)
  assert.equal(await statusOf(front, '/third/a'), 200)
  rmSync(third)
  await reloadedTo(front, 5)
  assert.equal(await statusOf(front, '/third/a'), 404)
})

test('without watch a changed file is left alone', async () => {
  await using front = await openReloadable()
  front.write(filesAnd(front, 'more'))
  await delay(SEVERAL_LOOKS_MS)
  assert.equal(await generationOf(front), 1)
  await until(
    'an ordered reload',
    () => front.reload(),
    ({ status }) => status === 200,
  )
})
