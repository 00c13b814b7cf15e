import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { loadConfig } from '../config/config.ts'
import type { Config } from '../config/config.ts'
import { Holdings } from '../primitives/commons.ts'
import { WrittenFields } from '../proxy/proxy.ts'
import type { Route } from '../proxy/proxy.ts'
import { compile } from './compile.ts'
import { createSharedMemory, Shared } from './shared.ts'
import type { Compiled } from './compile.ts'
import { LiveStore } from './store.ts'

const folder = mkdtempSync(join(tmpdir(), 'compile-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function configOf(server: object, ...buckets: object[]): Config {
  const file = join(folder, 'config.yaml')
  const s3 = { bucket: 'bucket', endpoint: 'http://127.0.0.1:1', credentials: 'anonymous' }
  const all = buckets.map((settings, index) => ({
    name: `b${index}`,
    path_prefix: `/b${index}`,
    s3,
    ...settings,
  }))
  writeFileSync(file, JSON.stringify({ server, buckets: all }))
  const loaded = loadConfig(file, {})
  assert.ok(loaded.kind === 'loaded', JSON.stringify(loaded))
  return loaded.config
}

async function compiled(config: Config, look: (compiled: Compiled) => void): Promise<void> {
  const shared = new Shared(createSharedMemory(config, 1), 0)
  const result = compile({
    config,
    cache: undefined,
    limits: undefined,
    store: new LiveStore({ random: Math.random, emit: () => undefined, shared }),
    holdings: new Holdings(),
    shared,
    random: () => 0,
    emit: () => undefined,
  })
  try {
    look(result)
  } finally {
    await Promise.all([...result.origins.values()].map((origin) => origin.close()))
  }
}

function routeAt(path: string, { snapshot }: Compiled): Route {
  const match = snapshot.routes.match(undefined, path)
  assert.ok(match !== undefined, `no route at ${path}`)
  return match.value
}

test('a bucket becomes a route, with what its settings say and an origin of its own', async () => {
  const config = configOf(
    {},
    {},
    {
      allow_versions: true,
      hide_forbidden: true,
      metadata_headers: false,
      index_document: 'index.html',
      redirect_slash: false,
      error_document: { 404: 'missing.html' },
      spa: true,
      listing: 'json',
      max_concurrent_requests: 5,
      response_headers: { set: { 'X-Own': '1' }, remove: ['ETag'] },
    },
  )
  await compiled(config, (result) => {
    const first = routeAt('/b0/x', result)
    const second = routeAt('/b1/x', result)
    assert.deepEqual([first.slots?.limit, second.slots?.limit], [undefined, 5])
    const {
      access,
      slots: _s,
      askFor: _a,
      foreseeOrigin: _f,
      list: _l,
      cached: _c,
      ...plain
    } = first
    const {
      access: _o,
      slots: _t,
      askFor: _b,
      foreseeOrigin: _g,
      list: _m,
      cached: _d,
      ...full
    } = second
    assert.notEqual(first.askFor, second.askFor)
    assert.equal(access.isGuarded, false)
    assert.deepEqual([...result.origins.keys()], ['b0', 'b1'])
    assert.equal(result.snapshot.byBucket.get('b1'), routeAt('/b1/x', result))
    const { commonHeaders } = result.snapshot
    assert.deepEqual(plain, {
      bucket: 'b0',
      pathPrefix: '/b0',
      siteOf: undefined,
      takesSignatures: false,
      allowVersions: false,
      hideForbidden: false,
      metadataHeaders: true,
      setHeaders: [],
      ownedHeaders: new Set(),
      commonHeaders,
      written: new WrittenFields(),
      varyBy: undefined,
      website: {
        isPlain: true,
        indexDocument: undefined,
        redirectSlash: true,
        errorDocuments: new Map(),
        spa: false,
      },
      listing: 'off',
    })
    assert.deepEqual(full, {
      bucket: 'b1',
      pathPrefix: '/b1',
      siteOf: undefined,
      takesSignatures: false,
      allowVersions: true,
      hideForbidden: true,
      metadataHeaders: false,
      setHeaders: ['X-Own', '1'],
      ownedHeaders: new Set(['x-own', 'etag']),
      commonHeaders,
      written: new WrittenFields(),
      varyBy: undefined,
      website: {
        isPlain: false,
        indexDocument: 'index.html',
        redirectSlash: false,
        errorDocuments: new Map([[404, 'missing.html']]),
        spa: true,
      },
      listing: 'json',
    })
  })
})

test('hosts are part of the route', async () => {
  await compiled(configOf({}, { hosts: ['a.test'] }), ({ snapshot }) => {
    assert.equal(snapshot.routes.match('b.test', '/b0/x'), undefined)
    assert.equal(snapshot.routes.match('a.test', '/b0/x')?.rest, 'x')
  })
})

test('the limits of a request come from the server', async () => {
  const limits = { max_header_size: '4KB', max_uri_length: 100 }
  await compiled(configOf({ limits }, {}), ({ snapshot }) => {
    assert.deepEqual(snapshot.limits, { maxHeaderBytes: 4096, maxUriLength: 100 })
  })
})

test('what stands on every answer is decided here, nosniff and its absence too', async () => {
  const common = ['Accept-Ranges', 'bytes']
  const nosniff = ['X-Content-Type-Options', 'nosniff']
  await compiled(configOf({}, {}), ({ snapshot }) => {
    assert.deepEqual(snapshot.commonHeaders, [...common, ...nosniff])
  })
  await compiled(configOf({ security_headers: false }, {}), ({ snapshot }) => {
    assert.deepEqual(snapshot.commonHeaders, common)
  })
  const owned = { response_headers: { remove: ['X-CONTENT-type-options'] } }
  await compiled(configOf({}, owned), (result) => {
    assert.deepEqual(routeAt('/b0', result).commonHeaders, common)
    assert.deepEqual(result.snapshot.commonHeaders, [...common, ...nosniff])
  })
})
