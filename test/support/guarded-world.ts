// A Sluice whose buckets have every check of access on at once, and the cache, the bandwidth and the
// places besides, with a policy that a test can look into.

import { openCachedFront, TOKEN } from './cached-front.ts'
import type { CachedFront } from './cached-front.ts'
import { bucketAt } from './front.ts'
import { request } from './http.ts'
import type { Answer } from './http.ts'
import { openScriptedPolicy } from './scripted-policy.ts'
import type { ScriptedPolicy } from './scripted-policy.ts'
import { OTHER_SIGNING_SECRET, SIGNING_SECRET } from './signed.ts'
import { SECRET, token } from './tokens.ts'

export const APP = 'https://app.example.com'
export const VIEWER = 'v3Hs-6fGd0Js7Mv5Qe2Xk'
export const BLOCKED = '203.0.113.9'
const few = (name: string, key: string, requests: number): object => ({
  name,
  key,
  requests,
  window: '24h',
})
const keysOf = (id: string, secret: string): object => ({ enabled: true, keys: [{ id, secret }] })
export const READER = { sub: 'ann', role: 'reader', tenant: 'acme' }

/** The policy says no below `/no/`, and nothing at all below `/hang/`. */
function openPolicy(): Promise<ScriptedPolicy> {
  return openScriptedPolicy(({ path }, outgoing) => {
    if (path.includes('/hang/')) return
    const result = path.includes('/no/') ? { allow: false, reason: 'not this' } : { allow: true }
    outgoing.writeHead(200, { 'content-type': 'application/json' })
    outgoing.end(JSON.stringify({ result }))
  })
}

function bucketsFor(at: string, policy: string): object[] {
  const jwt = {
    secret: SECRET,
    leeway: 0,
    claims: [{ claim: 'role', operator: 'equals', value: 'reader' }],
  }
  const claims = [...jwt.claims, { claim: 'tenant', operator: 'equals', value: '{tenant}' }]
  const guarded = {
    auth: { enabled: true, jwt },
    authorization: { type: 'opa', url: policy, policy_path: 'a/b', timeout_ms: 10_000 },
    signed_urls: keysOf('k1', SIGNING_SECRET),
    ip_filter: { blocklist: [BLOCKED] },
    cors: { origins: [APP] },
    bandwidth: { per_client: '1GB', burst: '1MB' },
    max_concurrent_requests: 30,
    rate_limit: [few('address', 'ip', 1_000_000), few('person', 'user', 1_000_000)],
  }
  const counted = { auth: { enabled: true, jwt }, cors: { origins: [APP] } }
  return [
    bucketAt(at, {
      name: 'vault',
      ...guarded,
      s3: { max_concurrent_requests: 2, queue: { size: 100, timeout: '20s' } },
    }),
    bucketAt(at, {
      name: 'tenants',
      ...guarded,
      path_prefix: '/u/{tenant}',
      s3: { key_prefix: '{tenant}/' },
      auth: { enabled: true, jwt: { ...jwt, claims } },
    }),
    bucketAt(at, { name: 'other', signed_urls: keysOf('k2', OTHER_SIGNING_SECRET) }),
    bucketAt(at, { name: 'person', ...counted, rate_limit: [few('person', 'user', 2)] }),
    bucketAt(at, { name: 'address', ...counted, rate_limit: [few('address', 'ip', 2)] }),
    bucketAt(at, {
      name: 'site',
      index_document: 'index.html',
      spa: true,
      error_document: { 401: '401.html', 403: '401.html', 404: '401.html' },
      cors: { origins: [APP] },
      response_headers: { set: { Vary: 'Accept-Encoding' } },
      ip_filter: { blocklist: [BLOCKED] },
    }),
  ]
}

export interface World extends AsyncDisposable {
  readonly front: CachedFront
  readonly policy: ScriptedPolicy
  ask(path: string, headers?: Readonly<Record<string, string>>, method?: string): Promise<Answer>
}

export async function openWorld(server: object = {}): Promise<World> {
  const policy = await openPolicy()
  const front = await openCachedFront(
    {
      cache: { cache_layers: ['memory'], memory: { max_cache_size_mb: 16, max_item_size_mb: 4 } },
      admin: { token: TOKEN, roles: { viewer: { token: VIEWER } } },
      server: { trusted_proxies: ['127.0.0.1'], ...server },
    },
    { buckets: (at) => bucketsFor(at, policy.url) },
  )
  for (const key of ['a', 'no/a', 'hang/a', 'acme/a', 'open/b']) front.put(key, `of ${key}`)
  front.put('index.html', 'the page', { contentType: 'text/html' })
  front.put('401.html', 'a page of no', { contentType: 'text/html' })
  return {
    front,
    policy,
    ask: (path, headers = {}, method = 'GET') => request(front.url + path, { headers, method }),
    [Symbol.asyncDispose]: async () => {
      await front[Symbol.asyncDispose]()
      await policy[Symbol.asyncDispose]()
    },
  }
}

export const reader = token({ claims: READER })
export const from = (address: string): Readonly<Record<string, string>> => ({
  'X-Forwarded-For': address,
})

/** What it is refused with; '200 HIT' and the like where it is not. */
export function outcome({ status, headers, text }: Answer): string {
  if (status < 400) return `${status} ${String(headers['x-cache'])}`
  const { error } = JSON.parse(text) as { readonly error: string }
  return `${status} ${error}`
}
