// Where a replica's objects are and who asks for them, as S3 sees it: the name of the bucket, the
// prefix of the keys, the region, and the credentials.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'

import { openS3Server } from '../../dev/s3-server.ts'
import type { BucketOptions, Credential } from '../../dev/s3-server.ts'
import { BUCKET, KEYS, openFleet } from '../support/fleet.ts'
import type { Fleet, Settings } from '../support/fleet.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { openSluice } from '../support/sluice.ts'
import type { Sluice } from '../support/sluice.ts'

interface World {
  readonly fleet: Fleet
  readonly sluice: Sluice
  get(key?: string): Promise<Answer>
}

interface Options {
  readonly replicas?: number
  readonly server?: BucketOptions & { readonly credentials?: readonly Credential[] }
  readonly s3?: Settings
  readonly each?: (index: number) => Settings
}

async function open(t: TestContext, options: Options): Promise<World> {
  const fleet = await openFleet(options.replicas ?? 1, options.server)
  fleet.put('k', 'hello')
  const sluice = await openSluice({ buckets: [fleet.bucket(options.s3, options.each)] })
  t.after(async () => {
    await sluice.close()
    await fleet[Symbol.asyncDispose]()
  })
  return { fleet, sluice, get: (key = 'k') => request(`${sluice.url}/${BUCKET}/${key}`) }
}

function assertMisconfigured({ status, text }: Answer): void {
  assert.equal(status, 502)
  assert.equal(JSON.parse(text).error, 'origin_misconfigured')
}

describe('key_prefix', () => {
  test('stands in front of every key, as it is', async (t) => {
    const { fleet, get } = await open(t, { s3: { key_prefix: 'tenant/a-' } })
    fleet.put('tenant/a-k', 'prefixed')
    assert.equal((await get()).text, 'prefixed')
    assert.equal(fleet.server(0).requests[0]?.key, 'tenant/a-k')
  })

  test('a replica may have its own', async (t) => {
    const { fleet, get } = await open(t, { each: () => ({ key_prefix: 'own/' }) })
    fleet.put('own/k', 'own')
    assert.equal((await get()).text, 'own')
  })
})

/** Resolves every name below `localhost`, which not every machine does. */
const RESOLVER = `
import dns from 'node:dns'
const { lookup } = dns
dns.lookup = (name, options, done) =>
  lookup(name.endsWith('.localhost') ? '127.0.0.1' : name, options, done)
`

describe('addressing', () => {
  const table = [
    ['path', `/${BUCKET}/k`, /^s3\.localhost:\d+$/],
    ['auto', `/${BUCKET}/k`, /^s3\.localhost:\d+$/],
    ['virtual', '/k', new RegExp(`^${BUCKET}\\.s3\\.localhost:\\d+$`)],
  ] as const
  for (const [addressing, path, host] of table) {
    test(`${addressing}: the bucket's name is where it belongs, and the signature holds`, async (t) => {
      const server = await openS3Server({
        credentials: [KEYS],
        virtualHostSuffix: 's3.localhost',
      })
      t.after(() => server.close())
      server.putObject(BUCKET, 'k', 'hello')
      const endpoint = `http://s3.localhost:${server.port}`
      const s3 = {
        bucket: BUCKET,
        endpoint,
        addressing,
        access_key: KEYS.accessKeyId,
        secret_key: KEYS.secretAccessKey,
        health_check: { enabled: false },
      }
      const sluice = await openSluice(
        { buckets: [{ name: BUCKET, path_prefix: `/${BUCKET}`, s3 }] },
        { env: { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(RESOLVER)}` } },
      )
      t.after(() => sluice.close())
      assert.equal((await request(`${sluice.url}/${BUCKET}/k`)).text, 'hello')
      const [asked] = server.requests
      assert.equal(asked?.rawPath, path)
      assert.match(asked?.headers['host'] ?? '', host)
    })
  }
})

describe('region', () => {
  test('requests are signed for it, and nothing has to be asked twice', async (t) => {
    const { fleet, get } = await open(t, {
      server: { region: 'eu-central-1' },
      s3: { region: 'eu-central-1' },
    })
    assert.equal((await get()).text, 'hello')
    assert.deepEqual(fleet.counts(), [1])
    const [asked] = fleet.server(0).requests
    assert.match(asked?.headers['authorization'] ?? '', /\/eu-central-1\/s3\/aws4_request/)
  })

  for (const how of ['an error', 'a redirect'] as const) {
    test(`a wrong one that S3 corrects by ${how} is followed once and remembered`, async (t) => {
      const { fleet, sluice, get } = await open(t, { server: { region: 'eu-central-1' } })
      if (how === 'a redirect') fleet.fault({ kind: 'region-redirect' })
      assert.equal((await get()).text, 'hello')
      assert.deepEqual(fleet.counts(), [2])
      assert.equal((await get()).text, 'hello')
      assert.equal((await request(`${sluice.url}/${BUCKET}/k`, { method: 'HEAD' })).status, 200)
      assert.deepEqual(fleet.counts(), [4])
    })
  }

  test('a wrong one is found out by a HEAD too, whose answer says nothing', async (t) => {
    const { fleet, sluice, get } = await open(t, { server: { region: 'eu-central-1' } })
    fleet.fault({ kind: 'region-redirect' })
    const head = await request(`${sluice.url}/${BUCKET}/k`, { method: 'HEAD' })
    assert.equal(head.status, 200)
    const before = fleet.server(0).requests.length
    assert.equal((await get()).text, 'hello')
    assert.equal(fleet.server(0).requests.length, before + 1)
  })

  test('many who find it out at the same time are all served', async (t) => {
    const { get } = await open(t, {
      server: { region: 'eu-central-1' },
      s3: { retry: { max_attempts: 1 }, circuit_breaker: { failure_threshold: 1 } },
    })
    const answers = await Promise.all(Array.from({ length: 20 }, () => get()))
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
  })

  test('a redirect that leads in circles ends: 502 origin_misconfigured', async (t) => {
    const { fleet, get } = await open(t, {})
    fleet.fault({
      kind: 'status',
      status: 301,
      code: 'PermanentRedirect',
      headers: { 'x-amz-bucket-region': 'us-west-2' },
    })
    assertMisconfigured(await get())
    assert.ok((fleet.counts()[0] ?? 0) <= 4)
  })
})

describe('credentials', () => {
  const temporary: Credential = { ...KEYS, sessionToken: 'to/ken+==' }

  test('session_token goes with the temporary keys', async (t) => {
    const { get } = await open(t, {
      server: { credentials: [temporary] },
      s3: { session_token: 'to/ken+==' },
    })
    assert.equal((await get()).text, 'hello')
  })

  test('without it the temporary keys are refused: 502 origin_misconfigured', async (t) => {
    const { get } = await open(t, { server: { credentials: [temporary] } })
    assertMisconfigured(await get())
  })

  test('anonymous: requests are not signed, whatever keys are around', async (t) => {
    const fleet = await openFleet(1, { publicRead: true })
    t.after(() => fleet[Symbol.asyncDispose]())
    fleet.put('k', 'hello')
    const { endpoint } = fleet.server(0)
    const s3 = { bucket: BUCKET, endpoint, credentials: 'anonymous' }
    const sluice = await openSluice(
      { buckets: [{ name: BUCKET, path_prefix: `/${BUCKET}`, s3 }] },
      { env: { AWS_ACCESS_KEY_ID: 'AKIDAROUND', AWS_SECRET_ACCESS_KEY: 'around' } },
    )
    t.after(() => sluice.close())
    assert.equal((await request(`${sluice.url}/${BUCKET}/k`)).text, 'hello')
    assert.ok(fleet.server(0).requests.every(({ headers }) => !('authorization' in headers)))
  })

  test('environment: the keys are those of the environment', async (t) => {
    const fleet = await openFleet(1)
    t.after(() => fleet[Symbol.asyncDispose]())
    fleet.put('k', 'hello')
    const { endpoint } = fleet.server(0)
    const s3 = { bucket: BUCKET, endpoint, credentials: 'environment' }
    const sluice = await openSluice(
      { buckets: [{ name: BUCKET, path_prefix: `/${BUCKET}`, s3 }] },
      { env: { AWS_ACCESS_KEY_ID: KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey } },
    )
    t.after(() => sluice.close())
    assert.equal((await request(`${sluice.url}/${BUCKET}/k`)).text, 'hello')
  })
})

describe('a wrong secret', () => {
  const wrongAt = (wrong: readonly number[]) => (index: number) =>
    wrong.includes(index)
      ? { access_key: KEYS.accessKeyId, secret_key: 'not-the-secret' }
      : { access_key: KEYS.accessKeyId, secret_key: KEYS.secretAccessKey }

  for (const wrong of [[0], [0, 1], [0, 1, 2]]) {
    test(`at ${wrong.length} of three replicas`, async (t) => {
      const { sluice, get } = await open(t, { replicas: 3, each: wrongAt(wrong) })
      const url = `${sluice.url}/${BUCKET}/k`
      const answers = await Promise.all([
        get(),
        request(url, { headers: { Range: 'bytes=0-2' } }),
        request(url, { method: 'HEAD' }),
      ])
      const statuses = answers.map(({ status }) => status)
      if (wrong.length < 3) {
        assert.deepEqual(statuses, [200, 206, 200])
        assert.deepEqual(answers.map(({ text }) => text).slice(0, 2), ['hello', 'hel'])
        return
      }
      assert.deepEqual(statuses, [502, 502, 502])
      for (const { text } of answers.slice(0, 2)) {
        assert.equal(JSON.parse(text).error, 'origin_misconfigured')
        assert.doesNotMatch(text, /secret|Signature|AKID/)
      }
    })
  }
})

test('a wrong secret is told as such however often, also when the breaker is open', async (t) => {
  const { fleet, get } = await open(t, {
    s3: { access_key: KEYS.accessKeyId, secret_key: 'not-the-secret' },
  })
  for (let times = 0; times < 8; times += 1) assertMisconfigured(await get())
  const asked = fleet.server(0).requests.length
  assertMisconfigured(await get())
  assert.equal(fleet.server(0).requests.length, asked, 'the breaker is open')
})

describe('failover_on_not_found', () => {
  test('true: a replica that lags behind does not hide the object', async (t) => {
    const { fleet, sluice, get } = await open(t, {
      replicas: 3,
      s3: { failover_on_not_found: true },
    })
    fleet.server(2).putObject(BUCKET, 'new', 'new')
    assert.equal((await get('new')).text, 'new')
    const head = await request(`${sluice.url}/${BUCKET}/new`, { method: 'HEAD' })
    assert.equal(head.status, 200)
    fleet.clear()
    assert.equal((await get('none')).status, 404)
    assert.deepEqual(fleet.counts('none'), [1, 1, 1])
  })

  test('false: the first that says so is believed', async (t) => {
    const { fleet, get } = await open(t, { replicas: 3 })
    fleet.server(2).putObject(BUCKET, 'new', 'new')
    assert.equal((await get('new')).status, 404)
    assert.deepEqual(fleet.counts('new'), [1, 0, 0])
  })
})
