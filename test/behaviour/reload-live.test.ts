// Each kind of change takes effect, and is undone again, in all threads of a Sluice that runs.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'

import { openS3Server } from '../../dev/s3-server.ts'
import type { S3Server } from '../../dev/s3-server.ts'
import { TOKEN } from '../support/cached-front.ts'
import { request, rawExchange } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { scrape } from '../support/metrics.ts'
import { connect } from '../support/peer.ts'
import type { Peer } from '../support/peer.ts'
import { openReloadable } from '../support/reloadable.ts'
import type { Reloadable } from '../support/reloadable.ts'
import type { ConfigObject } from '../support/sluice.ts'
import { bearer, hmac, SECRET, token } from '../support/tokens.ts'
import { until } from '../support/until.ts'

const OTHER_SECRET = 'q7Zt2Lr9Kx4Wv8Yp5Nc1Hb6Mf4Gd0Js3'
const KEYS = { accessKeyId: 'AKIDFRONT', secretAccessKey: 'a secret of the tests' }
/** Connections go to either thread: of so many, hardly all to one. */
const ASKED = 8

let front: Reloadable
let other: S3Server
let opa: ReturnType<typeof createServer>

before(async () => {
  front = await openReloadable({
    server: { threads: 2, trusted_proxies: [] },
    cache: { cache_layers: ['memory'] },
  })
  front.put('a', 'hello')
  front.put('big', 'x'.repeat(60_000))
  other = await openS3Server({ credentials: [KEYS] })
  other.putObject('elsewhere', 'a', 'from elsewhere')
  opa = createServer((incoming, outgoing) => {
    incoming.resume().on('end', () => outgoing.end(JSON.stringify({ result: false })))
  })
  await new Promise<void>((resolve) => opa.listen(0, '127.0.0.1', resolve))
})
after(async () => {
  opa.close()
  await front[Symbol.asyncDispose]()
  await other.close()
})

function get(path = '/files/a', headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return request(front.url + path, { headers })
}

/** What all threads say. */
async function each(look: () => Promise<unknown>): Promise<unknown> {
  const all = await Promise.all(Array.from({ length: ASKED }, look))
  for (const one of all) assert.deepEqual(one, all[0])
  return all[0]
}

const statusOf = (path?: string, headers?: Readonly<Record<string, string>>) => () =>
  get(path, headers).then(({ status }) => status)
const headerOf = (name: string, path?: string, headers?: Readonly<Record<string, string>>) => () =>
  get(path, headers).then((answer) => answer.headers[name])

/** The bucket at `/files`, with other settings. */
function files(settings: ConfigObject): ConfigObject {
  return { buckets: [front.bucket({ name: 'files', ...settings })] }
}

function server(settings: ConfigObject): ConfigObject {
  return { server: { threads: 2, address: '127.0.0.1:0', ...settings } }
}

interface Case {
  readonly what: string
  readonly change: () => ConfigObject
  readonly look: () => Promise<unknown>
  readonly before: unknown
  readonly after: unknown
}

const CASES: readonly Case[] = [
  {
    what: 'a bucket that is added',
    change: () => ({ buckets: [front.bucket({ name: 'files' }), front.bucket({ name: 'more' })] }),
    look: statusOf('/more/a'),
    before: 404,
    after: 200,
  },
  {
    what: 'a bucket that is removed',
    change: () => ({ buckets: [front.bucket({ name: 'more' })] }),
    look: statusOf(),
    before: 200,
    after: 404,
  },
  {
    what: 'hosts',
    change: () => files({ hosts: ['cdn.example.com'] }),
    look: statusOf(),
    before: 200,
    after: 404,
  },
  {
    what: 'another replica',
    change: () => files({ s3: { endpoint: other.endpoint, bucket: 'elsewhere' } }),
    look: () => get().then(({ text }) => text),
    before: 'hello',
    after: 'from elsewhere',
  },
  {
    what: 'credentials',
    change: () => files({ cache: { enabled: false }, s3: { secret_key: 'another secret of it' } }),
    look: () =>
      get('/files/big').then(({ status, text }) => (status === 200 ? 200 : JSON.parse(text).error)),
    before: 200,
    after: 'origin_misconfigured',
  },
  {
    what: 'cors',
    change: () => files({ cors: { origins: ['https://app.example.com'] } }),
    look: headerOf('access-control-allow-origin', '/files/a', {
      origin: 'https://app.example.com',
    }),
    before: undefined,
    after: 'https://app.example.com',
  },
  {
    what: 'response headers',
    change: () => files({ response_headers: { set: { 'X-New': 'yes' } } }),
    look: headerOf('x-new'),
    before: undefined,
    after: 'yes',
  },
  {
    what: 'an address filter',
    change: () => files({ ip_filter: { blocklist: ['127.0.0.0/8'] } }),
    look: statusOf(),
    before: 200,
    after: 403,
  },
  {
    what: 'signed addresses',
    change: () =>
      files({
        signed_urls: { enabled: true, keys: [{ id: 'k1', secret: OTHER_SECRET }] },
      }),
    look: statusOf(),
    before: 200,
    after: 403,
  },
  {
    what: 'tokens',
    change: () => files({ auth: { enabled: true, jwt: { secret: SECRET } } }),
    look: async () => [await statusOf()(), await statusOf('/files/a', bearer(token()))()],
    before: [200, 200],
    after: [401, 200],
  },
  {
    what: 'the secret of tokens',
    change: () => files({ auth: { enabled: true, jwt: { secret: OTHER_SECRET } } }),
    look: async () => [
      await statusOf('/files/a', bearer(token()))(),
      await statusOf('/files/a', bearer(token({ sign: hmac(OTHER_SECRET) })))(),
    ],
    before: [200, 200],
    after: [401, 200],
  },
  {
    what: 'a policy',
    change: () => {
      const at = opa.address()
      const port = typeof at === 'object' ? at?.port : 0
      const url = `http://127.0.0.1:${port}`
      return files({
        authorization: { type: 'opa', url, policy_path: 'a/allow', timeout_ms: 5000 },
      })
    },
    look: statusOf(),
    before: 200,
    after: 403,
  },
  {
    what: 'a rate limit',
    change: () =>
      files({ rate_limit: [{ name: 'none', key: 'global', requests: 1, window: '1h' }] }),
    look: async () => {
      await get()
      return (await get()).status
    },
    before: 200,
    after: 429,
  },
  {
    what: 'caching of a bucket',
    change: () => files({ cache: { enabled: false } }),
    look: async () => {
      await get()
      await get()
      return (await get()).headers['x-cache'] === 'BYPASS'
    },
    before: false,
    after: true,
  },
  {
    what: 'caching at all',
    change: () => ({ cache: { enabled: false } }),
    look: async () => {
      await get()
      return (await get()).headers['x-cache'] === 'BYPASS'
    },
    before: false,
    after: true,
  },
  {
    what: 'how long objects are fresh',
    change: () => files({ cache: { ttl: 1234 } }),
    look: async () => {
      const question = `path=${encodeURIComponent('/files/other')}`
      const { json } = await front.call('GET', `/admin/explain?${question}`)
      return JSON.stringify(json).includes('"ttl":1234')
    },
    before: false,
    after: true,
  },
  {
    what: 'bandwidth',
    change: () => files({ bandwidth: { per_request: '100KB', burst: '1KB' } }),
    look: async () => {
      const startedAt = performance.now()
      await get('/files/big')
      return performance.now() - startedAt > 400
    },
    before: false,
    after: true,
  },
  {
    what: 'an error document',
    change: () => files({ error_document: { 404: 'a' } }),
    look: () => get('/files/none').then(({ status, text }) => [status, text === 'hello']),
    before: [404, false],
    after: [404, true],
  },
  {
    what: 'security headers',
    change: () => server({ security_headers: false }),
    look: headerOf('x-content-type-options'),
    before: 'nosniff',
    after: undefined,
  },
  {
    what: 'the longest target',
    change: () => server({ limits: { max_uri_length: 100 } }),
    look: statusOf(`/files/${'a'.repeat(200)}`),
    before: 404,
    after: 414,
  },
  {
    what: 'a longer target than the parser took',
    change: () => server({ limits: { max_uri_length: 60_000 } }),
    look: () =>
      get(`/files/${'a'.repeat(40_000)}`).then(({ status }) => status === 414 || status === 431),
    before: true,
    after: false,
  },
  {
    what: 'the largest head',
    change: () => server({ limits: { max_header_size: '1KB' } }),
    look: statusOf('/files/a', { 'x-long': 'y'.repeat(4000) }),
    before: 200,
    after: 431,
  },
  {
    what: 'the time for a head',
    change: () => server({ limits: { header_timeout: '200ms' } }),
    look: () =>
      rawExchange(front.port, 'GET / HTTP/1.1\r\n', { timeoutMs: 1500 }).then(
        ({ closed }) => closed,
      ),
    before: false,
    after: true,
  },
  {
    what: 'the time for an idle connection',
    change: () => server({ limits: { keep_alive_timeout: '100ms' } }),
    look: () =>
      rawExchange(front.port, 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n', { timeoutMs: 2500 }).then(
        ({ closed }) => closed,
      ),
    before: false,
    after: true,
  },
  {
    what: 'trusted proxies',
    change: () => ({
      ...server({ trusted_proxies: ['127.0.0.0/8'] }),
      ...files({ ip_filter: { blocklist: ['192.0.2.0/24'] } }),
    }),
    look: statusOf('/files/a', { 'x-forwarded-for': '192.0.2.7' }),
    before: 200,
    after: 403,
  },
  {
    what: 'requests at one time',
    change: () => server({ max_concurrent_requests: 77 }),
    look: async () => {
      const { json } = await front.call('GET', '/admin/explain?path=/files/a')
      return JSON.stringify(json).includes('"limit":77')
    },
    before: false,
    after: true,
  },
  {
    what: 'the metrics',
    change: () => ({ metrics: { enabled: false } }),
    look: () => request(`${front.opsUrl}/metrics`).then(({ status }) => status),
    before: 200,
    after: 404,
  },
  {
    what: 'roles',
    change: () => ({
      admin: { token: TOKEN, roles: { viewer: { token: 'Viewer-9qLwPz7_tYd2' } } },
    }),
    look: () =>
      front
        .call('GET', '/admin/routes', { token: 'Viewer-9qLwPz7_tYd2' })
        .then(({ status }) => status),
    before: 401,
    after: 200,
  },
]

const BASE = (): ConfigObject => ({
  ...server({ trusted_proxies: [] }),
  ...files({}),
  cache: { cache_layers: ['memory'] },
  metrics: {},
  admin: { token: TOKEN, address: '127.0.0.1:0' },
  logging: { level: 'info' },
})

describe('without a restart, and in all threads', () => {
  for (const { what, change, look, before, after } of CASES) {
    test(what, async () => {
      assert.deepEqual(await each(look), before, 'before')
      const changed = change()
      const admin = changed['admin'] ?? {}
      const merged = { ...(typeof admin === 'object' ? admin : {}), address: '127.0.0.1:0' }
      await front.change({ ...changed, admin: { token: TOKEN, ...merged } })
      try {
        assert.deepEqual(await each(look), after, 'after')
      } finally {
        await front.change(BASE())
      }
      assert.deepEqual(await each(look), before, 'undone')
    })
  }

  test('but what an open connection was told holds', async () => {
    const ask = async (peer: Peer): Promise<string | undefined> => {
      const { length } = peer.text
      peer.send('GET /files/a HTTP/1.1\r\nHost: a\r\n\r\n')
      const text = await peer.until((all) => all.slice(length).includes('hello'))
      return /timeout=(\d+)/.exec(text.slice(length))?.[1]
    }
    const before = await connect(front.port)
    const told = await ask(before)
    await front.change(server({ limits: { keep_alive_timeout: '7s' } }))
    const after = await connect(front.port)
    assert.deepEqual([await ask(before), await ask(after)], [told, '7'])
    for (const peer of [before, after]) peer.destroy()
    await front.change(BASE())
  })

  test('what is written to the log', async () => {
    const count = async (): Promise<number> =>
      (await scrape(front.opsUrl)).sum('sluice_http_requests_total')
    const lineOf = (id: string): string | undefined =>
      front.sluice
        .stdout()
        .split('\n')
        .find((line) => line.includes(id))
    /** Until it is over for whoever might write of it. */
    const ask = async (id: string): Promise<void> => {
      const before = await count()
      await request(`${front.url}/files/a`, { headers: { 'X-Request-ID': id } })
      await until('it to be counted', count, (now) => now > before)
    }
    for (const [id, logging, pattern] of [
      ['json-line', {}, /^\{/],
      ['no-level', { level: 'error' }, undefined],
      ['no-access', { access_log: false }, undefined],
      ['no-sample', { sample: 0 }, undefined],
      ['text-line', { format: 'text' }, /^[^{].*text-line/],
      ['json-again', { level: 'info' }, /^\{.*json-again/],
    ] as const) {
      await front.change({ logging })
      await ask(id)
      if (pattern === undefined) continue
      const line = await until(`a line of ${id}`, async () => lineOf(id), Boolean)
      assert.match(line ?? '', pattern)
    }
    for (const id of ['no-level', 'no-access', 'no-sample']) assert.equal(lineOf(id), undefined)
  })

  test('the operator’s token', async () => {
    const other = 'Other-9qLwPz7_tYd2XcB'
    const can = async (token: string): Promise<number> =>
      (await front.call('GET', '/admin/config', { token })).status
    const purge = async (token: string): Promise<unknown> =>
      each(async () => {
        const headers = { authorization: `Bearer ${token}` }
        return (await request(`${front.url}/files/a`, { method: 'PURGE', headers })).status
      })
    assert.deepEqual([await can(TOKEN), await can(other)], [200, 401])
    await front.change({ admin: { token: other, address: '127.0.0.1:0' } })
    assert.deepEqual([await can(TOKEN), await can(other)], [401, 200])
    assert.deepEqual([await purge(TOKEN), await purge(other)], [401, 200])
    front.write({ admin: { token: TOKEN, address: '127.0.0.1:0' } })
    assert.equal((await front.call('POST', '/admin/reload', { token: other })).status, 200)
    assert.deepEqual([await can(TOKEN), await can(other)], [200, 401])
    // Where nobody may have a role there is no /admin, and PURGE is a method like any other.
    await front.change({ admin: { address: '127.0.0.1:0' } })
    assert.deepEqual([await can(TOKEN), await purge(TOKEN)], [404, 405])
    front.write({ admin: { token: TOKEN, address: '127.0.0.1:0' } })
    front.sluice.kill('SIGHUP')
    await front.sluice.logLine(({ trigger }) => trigger === 'signal')
    assert.equal(await can(TOKEN), 200)
  })

  test('times of the end', async () => {
    await front.change(server({ shutdown: { lame_duck: '1500ms', drain: '1s' } }))
    front.sluice.kill('SIGTERM')
    await front.sluice.logLine(({ event }) => event === 'draining')
    assert.equal(await each(statusOf()), 200, 'the port is open for a while')
    assert.equal((await request(`${front.opsUrl}/ready`)).status, 503)
    assert.deepEqual(await front.sluice.exited, { code: 0, signal: null })
    assert.equal(front.sluice.stderr(), '')
  })
})
