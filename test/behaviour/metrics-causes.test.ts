// Every promised metric, moved by its cause, one test each; and none is there that no cause is known of.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { openFleet } from '../support/fleet.ts'
import type { Fleet, Settings } from '../support/fleet.ts'
import { bucketAt } from '../support/front.ts'
import { request } from '../support/http.ts'
import { openIssuer } from '../support/issuer.ts'
import type { Issuer } from '../support/issuer.ts'
import { scrape, untilMetrics } from '../support/metrics.ts'
import type { Labels } from '../support/metrics.ts'
import { partMissing, requirePart } from '../support/parts.ts'
import { connect } from '../support/peer.ts'
import { begin } from '../support/prewarm.ts'
import { openScriptedPolicy } from '../support/scripted-policy.ts'
import type { ScriptedPolicy } from '../support/scripted-policy.ts'
import { bearer, keyPair, SECRET, signer, token } from '../support/tokens.ts'

const KIB = 1024
const MIB = 1024 * KIB
const FLEET_KEYS = ['over', 'hedged', 'probed', 'broken']

let front: CachedFront
let fleet: Fleet
let policy: ScriptedPolicy
let issuer: Issuer
const folder = mkdtempSync(join(tmpdir(), 'sluice-causes-'))
const signing = keyPair('P-256')

/** Two replicas, of which the first is asked first. */
function overFleet(name: string, s3: Settings): Settings {
  const bucket = fleet.bucket(s3, (index) => ({ priority: index + 1 }))
  return { ...bucket, name, path_prefix: `/${name}`, cache: { enabled: false } }
}

before(async () => {
  fleet = await openFleet(2)
  policy = await openScriptedPolicy()
  issuer = await openIssuer()
  issuer.answers.set('/jwks', 503)
  const authorization = { type: 'opa', url: policy.url, policy_path: 'a/b', timeout_ms: 10_000 }
  const jwt = { jwks_url: `${issuer.url}/jwks`, jwks_refresh_interval_secs: 1 }
  const few = { name: 'few', key: 'bucket', requests: 1, window: '1h' }
  const breaker = { failure_threshold: 1000 }
  const probes = { interval: '50ms', healthy_threshold: 1, unhealthy_threshold: 1 }
  const hedge = { after: '20ms', budget_percent: 100 }
  front = await openCachedFront(
    {
      cache: {
        slice_size: '64KiB',
        memory: { max_cache_size_mb: 1 },
        disk: { cache_dir: folder },
      },
      jwt: { secret: SECRET },
    },
    {
      s3: { retry: { max_attempts: 2, budget_percent: 100 }, health_check: { enabled: false } },
      buckets: (at) => [
        bucketAt(at, { name: 'guarded', auth: { enabled: true } }),
        bucketAt(at, { name: 'keyed', auth: { enabled: true, jwt } }),
        bucketAt(at, { name: 'policed', authorization }),
        bucketAt(at, { name: 'limited', rate_limit: [few] }),
        overFleet('over', { circuit_breaker: breaker }),
        overFleet('hedged', { circuit_breaker: breaker, hedge }),
        overFleet('probed', { health_check: { enabled: true, ...probes } }),
        overFleet('broken', { circuit_breaker: { failure_threshold: 1 } }),
      ],
    },
  )
  front.put('k', 'hello')
  for (const key of FLEET_KEYS) fleet.put(key, key)
})
after(async () => {
  await front?.[Symbol.asyncDispose]()
  await fleet[Symbol.asyncDispose]()
  await policy[Symbol.asyncDispose]()
  await issuer.close()
  rmSync(folder, { recursive: true, force: true })
})

const get = (path: string, headers: Labels = {}): Promise<unknown> =>
  request(`${front.url}${path}`, { headers })

let fresh = 0

/** An object that nobody has asked for. */
function unseen(size = 5): string {
  fresh += 1
  const key = `unseen-${fresh}`
  front.put(key, { seed: key, size })
  return key
}

/** What ends the cause, where it lasts. */
type Ended = () => unknown
type Cause = () => Promise<Ended | void>
/** Grown: it is more than it was. A number: it is that, while the cause lasts; and before it, it is not. */
type Case = readonly [name: string, labels: Labels, cause: Cause, becomes: 'grown' | number]

const once: Cause = async () => void (await get('/files/k'))
const cold: Cause = async () => void (await get(`/files/${unseen()}`))
const FILES = { bucket: 'files' }

/** Nothing comes of it until it is ended. */
async function hanging(): Promise<Ended> {
  const key = unseen()
  const fault = front.s3.fault({ kind: 'hang', match: { key } })
  const leaving = new AbortController()
  const asked = request(`${front.url}/files/${key}`, { signal: leaving.signal }).catch(() => {})
  return async () => {
    fault.remove()
    leaving.abort()
    await asked
  }
}

async function connected(): Promise<Ended> {
  const peers = await Promise.all([1, 2, 3, 4, 5].map(() => connect(front.port)))
  return () => peers.forEach((peer) => peer.destroy())
}

async function arriving(): Promise<Ended> {
  const key = unseen(512 * KIB)
  const fault = front.s3.fault({ kind: 'stall', afterBytes: KIB, match: { key } })
  const leaving = new AbortController()
  const asked = request(`${front.url}/files/${key}`, { signal: leaving.signal }).catch(() => {})
  return async () => {
    fault.remove()
    leaving.abort()
    await asked
  }
}

async function crowd(): Promise<void> {
  const key = unseen()
  const fault = front.s3.fault({ kind: 'delay', delayMs: 200, match: { key } })
  await Promise.all(Array.from({ length: 5 }, () => get(`/files/${key}`)))
  fault.remove()
}

/** More than memory holds. */
async function crowdedOut(): Promise<void> {
  await get(`/files/${unseen(3 * MIB)}`)
}

async function damaged(): Promise<void> {
  const key = unseen(2 * MIB)
  await get(`/files/${key}`)
  await untilMetrics(front.opsUrl, 'slices on disk', ({ sum }) => {
    return sum('sluice_cache_tier_bytes', { tier: 'disk' }) > 2 * MIB
  })
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const file = join(folder, path)
    const { size } = statSync(file)
    const isSlice = statSync(file).isFile() && size >= 60 * KIB && !path.includes('sqlite')
    if (isSlice) writeFileSync(file, Buffer.alloc(size, 7))
  }
  await get(`/files/${key}`)
}

async function failing(bucket: string): Promise<void> {
  // Of this key alone: probes would take it for theirs.
  fleet.fault({ kind: 'status', status: 503, times: 1, match: { key: bucket } }, [0])
  await get(`/${bucket}/${bucket}`)
}

async function slow(): Promise<void> {
  fleet.fault({ kind: 'hang', times: 1, match: { key: 'hedged' } }, [0])
  await get('/hedged/hedged')
}

async function retried(): Promise<void> {
  const key = unseen()
  front.s3.fault({ kind: 'status', status: 500, times: 1, match: { key } })
  await get(`/files/${key}`)
}

async function down(): Promise<Ended> {
  await fleet.server(0).kill()
  return () => fleet.server(0).restart()
}

async function prewarmed(): Promise<void> {
  await begin(front, { bucket: 'files', keys: [unseen()] })
}

const unknownKey = bearer(token({ head: { alg: 'ES256' }, sign: signer('ES256', signing) }))

const CASES: readonly Case[] = [
  ['http_requests_total', { ...FILES, method: 'GET', status: '200' }, once, 'grown'],
  ['http_request_duration_seconds', FILES, once, 'grown'],
  ['http_response_bytes_total', FILES, once, 'grown'],
  ['http_requests_in_flight', {}, hanging, 1],
  ['connections_open', {}, connected, 5],
  ['time_to_first_byte_seconds', { ...FILES, source: 'origin' }, cold, 'grown'],
  ['time_to_first_byte_seconds', { ...FILES, source: 'memory' }, once, 'grown'],
  ['cache_requests_total', { ...FILES, result: 'miss' }, cold, 'grown'],
  ['cache_requests_total', { ...FILES, result: 'hit' }, once, 'grown'],
  ['cache_tier_hits_total', { tier: 'memory' }, once, 'grown'],
  ['cache_tier_misses_total', { tier: 'memory' }, cold, 'grown'],
  ['cache_tier_evictions_total', { tier: 'memory' }, crowdedOut, 'grown'],
  ['cache_tier_errors_total', { tier: 'disk' }, damaged, 'grown'],
  ['cache_tier_bytes', { tier: 'disk' }, cold, 'grown'],
  ['cache_tier_entries', { tier: 'disk' }, cold, 'grown'],
  ['cache_fill_bytes', {}, arriving, 'grown'],
  ['cache_collapsed_total', FILES, crowd, 'grown'],
  [
    'cache_purges_total',
    { kind: 'key' },
    async () => void (await front.purge({ bucket: 'files', key: 'x' })),
    'grown',
  ],
  ['prewarm_objects_total', {}, prewarmed, 'grown'],
  ['prewarm_bytes_total', {}, prewarmed, 'grown'],
  ['origin_requests_total', { ...FILES, replica: 'primary', outcome: 'object' }, cold, 'grown'],
  ['origin_request_duration_seconds', { ...FILES, replica: 'primary' }, cold, 'grown'],
  ['origin_response_bytes_total', { ...FILES, replica: 'primary' }, cold, 'grown'],
  [
    'origin_failovers_total',
    { bucket: 'over', from: 'r0', to: 'r1', phase: 'head' },
    () => failing('over'),
    'grown',
  ],
  ['origin_retries_total', { ...FILES, reason: 'server-error' }, retried, 'grown'],
  ['origin_hedges_total', { bucket: 'hedged', won: 'true' }, slow, 'grown'],
  ['circuit_breaker_state', { bucket: 'broken', replica: 'r0' }, () => failing('broken'), 2],
  ['replica_healthy', { bucket: 'probed', replica: 'r0' }, down, 0],
  [
    'auth_total',
    { bucket: 'guarded', outcome: 'missing' },
    async () => void (await get('/guarded/k')),
    'grown',
  ],
  [
    'auth_total',
    { bucket: 'guarded', outcome: 'admitted' },
    async () => void (await get('/guarded/k', bearer(token()))),
    'grown',
  ],
  [
    'policy_decisions_total',
    { bucket: 'policed', outcome: 'allow' },
    async () => void (await get('/policed/k')),
    'grown',
  ],
  ['policy_duration_seconds', {}, async () => void (await get(`/policed/${unseen()}`)), 'grown'],
  [
    'jwks_refreshes_total',
    { outcome: 'failed' },
    async () => void (await get('/keyed/k', unknownKey)),
    'grown',
  ],
  [
    'rate_limited_total',
    { bucket: 'limited', limit: 'few' },
    async () => {
      await get('/limited/k')
      await get('/limited/k')
    },
    'grown',
  ],
  ['refusals_total', { code: 'not_found' }, async () => void (await get('/files/none')), 'grown'],
  ['build_info', { node: process.version }, async () => {}, 1],
]

/** Moved where reloads, the audit log and overload are tested. */
const ELSEWHERE = [
  'config_reloads_total',
  'config_generation',
  'audit_records_total',
  'slow_requests_total',
  'trace_spans_total',
  'shed_requests_total',
  'shed_ratio',
  'event_loop_delay_seconds',
]

describe('is moved by its cause:', () => {
  for (const [name, labels, cause, becomes] of CASES) {
    const told = Object.entries(labels).map(([label, value]) => `${label}=${value}`)
    test(`${name} ${told.join(' ')}`, async () => {
      const family = `sluice_${name}`
      const { families, sum } = await scrape(front.opsUrl)
      const series = families.get(family) === 'histogram' ? `${family}_count` : family
      const before = sum(series, labels)
      const isSo = (value: number): boolean =>
        becomes === 'grown' ? value > before : value === becomes
      const ended = await cause()
      await untilMetrics(front.opsUrl, `${name}: ${becomes}`, (now) =>
        isSo(now.sum(series, labels)),
      )
      if (ended === undefined) return
      await ended()
      const isOver = (value: number): boolean =>
        becomes === 'grown' ? value <= before : value !== becomes
      await untilMetrics(front.opsUrl, `${name}: over`, (now) => isOver(now.sum(series, labels)))
    })
  }

  test('there is none without a cause', async () => {
    const { families } = await scrape(front.opsUrl)
    const own = [...families.keys()].filter((name) => name.startsWith('sluice_'))
    const known = new Set([...CASES.map(([name]) => name), ...ELSEWHERE])
    assert.deepEqual(
      own.filter((name) => !known.has(name.replace('sluice_', ''))),
      [],
    )
    const missing = CASES.filter(([name]) => !families.has(`sluice_${name}`))
    assert.deepEqual(missing, [])
  })

  test('what the process uses', async () => {
    const before = await scrape(front.opsUrl)
    for (const name of ['process_cpu_seconds_total', 'nodejs_eventloop_active_seconds_total']) {
      await untilMetrics(front.opsUrl, name, (now) => now.sum(name) > before.sum(name))
    }
    for (const name of ['process_resident_memory_bytes', 'nodejs_heap_size_used_bytes']) {
      assert.ok(before.sum(name) > MIB, name)
    }
  })
})

test(
  'promtool finds nothing wrong when all have moved',
  { skip: partMissing('promtool') },
  async () => {
    const { text } = await scrape(front.opsUrl)
    const { status, stdout, stderr } = spawnSync(requirePart('promtool'), ['check', 'metrics'], {
      input: text,
      encoding: 'utf8',
    })
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' })
  },
)
