// The steps that decide who may have it, each as `Access` calls it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Authenticator, compileClaims, LimitTally, LocalCounts } from '../src/access/access.ts'
import { Networks, placeLimit, RateLimits } from '../src/access/access.ts'
import { IpFilter } from '../src/access/ip-filter.ts'
import { SignedUrls } from '../src/access/signed-urls.ts'
import { signatureOf, signingKey } from '../src/access/url-signature.ts'
import type { JwtConfig } from '../src/config/jwt.ts'
import type { RateLimitConfig } from '../src/config/rate-limit.ts'
import type { Request } from '../src/exchange/request.ts'
import { parseCidr } from '../src/primitives/cidr.ts'
import type { Cidr } from '../src/primitives/cidr.ts'
import { Secret } from '../src/primitives/secret.ts'
import { allocateSpent } from '../src/primitives/spent-table.ts'
import { hmac, inSeconds, keyPair, pem, SECRET, signer, token } from '../test/support/tokens.ts'
import { BATCH } from './time.ts'
import type { FirstStep, Step } from './time.ts'

const VERIFICATIONS = 200

type Sign = (input: string) => Buffer

const CLAIMS = { role: 'reader', groups: ['staff', 'editors'], org: { id: 'acme', plan: 'paid' } }
const RULES = [
  { claim: 'role', operator: 'in', value: ['reader', 'admin'] },
  { claim: 'groups', operator: 'contains', value: 'editors' },
  { claim: 'org.plan', operator: 'equals', value: 'paid' },
] as const

const JWT: JwtConfig = {
  enabled: true,
  algorithms: ['HS256'],
  secret: new Secret(SECRET),
  publicKeys: [],
  keys: [],
  jwksUrl: undefined,
  issuerDiscovery: false,
  jwksRefreshMs: 1000,
  issuers: [],
  audiences: [],
  leewayMs: 0,
  sources: [{ type: 'bearer', name: '', prefix: '' }],
  claims: RULES,
  adminClaims: [],
}

/** By one who has seen none of them yet. */
export function firstTokens(): FirstStep[] {
  return [
    { name: 'first HS256 token', budgetNs: undefined, ...firstByHmac() },
    { name: 'first ES256 token', budgetNs: undefined, ...firstByCurve() },
  ]
}

export async function accessSteps(): Promise<Step[]> {
  return [
    { name: 'remembered token', budgetNs: 1000, run: await rememberedToken() },
    { name: 'claim rules, 3', budgetNs: undefined, run: claimRules() },
    { name: 'ip filter, 8 networks', budgetNs: undefined, run: ipFilter() },
    { name: 'rate limit', budgetNs: 500, run: localLimit() },
    { name: 'signed address', budgetNs: 6000, run: signedAddress() },
  ]
}

type Verifications = Pick<FirstStep, 'open' | 'turns'>

function firstByHmac(): Verifications {
  return firstVerification(JWT, 'HS256', hmac())
}

function firstByCurve(): Verifications {
  const pair = keyPair('P-256')
  const folder = mkdtempSync(join(tmpdir(), 'sluice-micro-'))
  process.once('exit', () => rmSync(folder, { recursive: true }))
  const path = join(folder, 'key.pem')
  writeFileSync(path, pem(pair))
  const keys = [{ id: 'one', algorithm: 'ES256', path, secret: undefined }] as const
  const jwt: JwtConfig = { ...JWT, algorithms: undefined, secret: undefined, keys }
  return firstVerification(jwt, 'ES256', signer('ES256', pair))
}

/** To the identity, claim rules included. */
function firstVerification(jwt: JwtConfig, alg: string, sign: Sign): Verifications {
  const requests = Array.from({ length: VERIFICATIONS }, (_, index) =>
    requestOf(alg, sign, `ann-${index}`),
  )
  const open: FirstStep['open'] = () => {
    const authenticator = authenticatorOf(jwt)
    return (turn) => {
      const request = requests[turn]
      return request && authenticator.authenticate(request)
    }
  }
  return { open, turns: VERIFICATIONS }
}

async function rememberedToken(): Promise<(turn: number) => unknown> {
  const authenticator = authenticatorOf(JWT)
  const requests = Array.from({ length: BATCH }, (_, index) =>
    requestOf('HS256', hmac(), `ann-${index}`),
  )
  for (const request of requests) await authenticator.authenticate(request)
  return (turn) => {
    const request = requests[turn]
    return request && authenticator.authenticate(request)
  }
}

function authenticatorOf(jwt: JwtConfig): Authenticator {
  return new Authenticator({ jwt, emit: () => undefined })
}

function requestOf(alg: string, sign: Sign, sub: string): Request {
  const claims = { ...CLAIMS, sub, exp: inSeconds(3600) }
  const authorization = `Bearer ${token({ head: { alg, typ: 'JWT' }, claims, sign })}`
  const headers = { authorization }
  return { method: 'GET', path: '/a', query: '', host: undefined, headers, hasBody: false }
}

function claimRules(): () => unknown {
  const grants = compileClaims(RULES)
  return () => grants(CLAIMS)
}

function ipFilter(): (turn: number) => unknown {
  const allowed = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '127.0.0.0/8', 'fd00::/8']
  const blocked = ['192.0.2.0/24', '198.51.100.7', '2001:db8::/32']
  const filter = new IpFilter({ allowlist: networks(allowed), blocklist: networks(blocked) })
  const addresses = addressesOfABatch()
  return (turn) => filter.admit(addresses[turn] ?? '')
}

function networks(written: readonly string[]): Cidr[] {
  return written.flatMap((text) => parseCidr(text) ?? [])
}

function addressesOfABatch(): string[] {
  return Array.from({ length: BATCH }, (_, index) => `10.1.${index >> 8}.${index & 255}`)
}

function localLimit(): (turn: number) => unknown {
  const memory = allocateSpent(1_000_000, new Uint32Array([1, 2, 3, 4]))
  const counts = new LocalCounts(memory, new Networks(64), Math.random)
  const tally = new LimitTally()
  const world = { counts, fleet: undefined, tally, isTold: false, now: Date.now }
  const rate = { algorithm: 'token_bucket', quota: 1e9, windowMs: 1000 } as const
  const config: RateLimitConfig = {
    name: 'per-ip',
    key: 'ip',
    parts: [{ kind: 'ip' }],
    rate,
    pace: { requests: 1e9, windowMs: 1000 },
  }
  const limits = new RateLimits([placeLimit(config, 'products', false)], 'products', world)
  const addresses = addressesOfABatch()
  return (turn) => {
    void limits.take(addresses[turn] ?? '', undefined)
    return limits
  }
}

function signedAddress(): (turn: number) => unknown {
  const secret = 'Vq7mZ2xW9eR4tY1uB8oP3aS6dF5gH0jKc2N'
  const keys = [{ id: 'k1', secret: new Secret(secret) }]
  const urls = new SignedUrls({ enabled: true, keys, allowNetworks: false, revoked: [] })
  const key = signingKey(secret)
  const requests = Array.from({ length: BATCH }, (_, index) => {
    const path = `/products/images/2024/${index}.jpg`
    const expires = String(Math.ceil(Date.now() / 1000) + 3600)
    const rest = { scope: undefined, network: undefined, id: undefined, versionId: undefined }
    const signature = signatureOf({ method: 'GET', path, expires, keyId: 'k1', ...rest }, key)
    const query = `sl-key=k1&sl-expires=${expires}&sl-sig=${signature}`
    return { method: 'GET', path, query, host: undefined, headers: {}, hasBody: false } as const
  })
  return (turn) => {
    const request = requests[turn]
    return request && urls.admit({ request, address: '192.0.2.1' })
  }
}
