// `sluice sign`: a URL or a cookie that a bucket with `signed_urls` takes in place of a token.

import type { KeyObject } from 'node:crypto'

import { COOKIE, covers, isScope, PARAMETERS, signatureOf, signingKey } from '../access/access.ts'
import type { Permission } from '../access/access.ts'
import { formatProblem, loadConfig } from '../config/config.ts'
import { faultOfSigningSecret, isSigningId } from '../config/signed-urls.ts'
import type { SignedUrlsConfig } from '../config/signed-urls.ts'
import { parseHost } from '../http/host.ts'
import { parseTarget } from '../http/path.ts'
import { encodePath } from '../http/percent.ts'
import { queryParameter, queryParameters } from '../http/query.ts'
import { parseCidr } from '../primitives/cidr.ts'
import { now } from '../primitives/clock.ts'
import { parseDuration } from '../primitives/units.ts'
import { RouteTable } from '../routing/routing.ts'
import type { Terminal } from './admin-client.ts'
import type { Signing } from './arguments.ts'

const SECRET_VARIABLE = 'SLUICE_SIGNING_SECRET'

/** Returns the exit code. What is wrong is said without the secret. */
export function signCommand(signing: Signing, terminal: Terminal): number {
  const order = readSigning(signing, terminal)
  if (typeof order === 'string') {
    terminal.err(`sluice: ${order}`)
    return 1
  }
  const { permission, key } = order
  const fields = fieldsOf(permission, signatureOf(permission, key))
  terminal.out(signing.isCookie ? cookieOf(fields, order) : urlOf(fields, order))
  return 0
}

interface SignOrder {
  readonly permission: Permission
  readonly key: KeyObject
  readonly query: string
  /** In front of the path, without a slash at its end. */
  readonly base: string
}

/** Or what is wrong with it. */
function readSigning(signing: Signing, terminal: Terminal): SignOrder | string {
  const { method, scope, network, id, base = '' } = signing
  const target = parseTarget(asTarget(signing.target))
  if (target.kind !== 'path' || target.authority !== undefined) {
    return `wanted a path such as /products/a.jpg, found ${signing.target}`
  }
  const { path, query } = target
  if (queryParameters(query).some(([name]) => name.startsWith('sl-'))) {
    return 'the address is signed already'
  }
  if (method !== 'GET' && method !== 'HEAD') return '--method: wanted GET or HEAD'
  if (scope !== undefined && !isScope(scope)) return "--prefix: wanted whole segments, '/films/*'"
  if (scope !== undefined && !covers(scope, path)) return '--prefix: does not cover the path'
  if (network !== undefined && parseCidr(network) === undefined) return '--ip: wanted 10.0.0.0/8'
  if (id !== undefined && !isSigningId(id)) return '--id: wanted letters, digits, "-", "_", "."'
  const place = URL.parse(base === '' ? 'http://localhost' : base)
  if (!/^https?:$/.test(place?.protocol ?? '')) return '--base: wanted https://cdn.example.com'
  const lastsMs = parseDuration(signing.expires)
  if (lastsMs === undefined || lastsMs === 0) return '--expires: wanted a duration such as 1h'
  const host = signing.host ?? (base === '' ? undefined : place?.host)
  const found = keyFor(signing, { path, host: host && parseHost(host) }, terminal)
  if (typeof found === 'string') return found
  const versionId = queryParameter(query, 'versionId')
  if (signing.isCookie && versionId !== undefined) return 'a cookie is for no version'
  const expires = String(Math.ceil((now() + lastsMs) / 1000))
  const what = { method, path, scope, expires, network, keyId: found.id, id, versionId } as const
  return { permission: what, key: found.key, query, base: base.replace(/\/+$/, '') }
}

/** What cannot stand in a URL is escaped; what is escaped already is left so. */
function asTarget(written: string): string {
  const bytes = Buffer.from(written).toString('latin1')
  return bytes.replaceAll(/[\0-\x20\x7f#]/g, (odd) => encodeURIComponent(odd))
}

interface FoundKey {
  readonly id: string
  readonly key: KeyObject
}

interface Place {
  readonly path: string
  readonly host: string | undefined
}

/** The one that is given, else the bucket's. */
function keyFor(signing: Signing, place: Place, terminal: Terminal): FoundKey | string {
  const secret = signing.secret ?? terminal.env[SECRET_VARIABLE]
  if (secret === undefined) return configuredKey(signing, place, terminal)
  const id = signing.keyId
  if (id === undefined || !isSigningId(id)) return '--key is missing: the id of the key'
  const fault = faultOfSigningSecret(secret)
  return fault === undefined ? { id, key: signingKey(secret) } : `the secret ${fault}`
}

function configuredKey(signing: Signing, place: Place, terminal: Terminal): FoundKey | string {
  const { file, keyId } = signing
  const loaded = loadConfig(file, terminal.env)
  if (loaded.kind === 'refused') return loaded.problems.map(formatProblem).join('\nsluice: ')
  const { buckets } = loaded.config
  const table = new RouteTable(
    buckets.map((value) => ({ prefix: value.pathPrefix, hosts: value.hosts, value })),
  )
  const bucket = table.match(place.host, place.path)?.value
  if (bucket === undefined) {
    return `no bucket of ${file} is served at ${place.path}; buckets for some hosts need --host`
  }
  const { name, signedUrls } = bucket
  const fault = faultOf(signing, signedUrls)
  if (fault !== undefined) return `bucket ${name}: ${fault}`
  const { keys } = signedUrls
  const key = keyId === undefined ? keys[0] : keys.find(({ id }) => id === keyId)
  if (key === undefined) return `bucket ${name} has no signing key ${keyId ?? ''}`
  return { id: key.id, key: signingKey(key.secret.reveal()) }
}

/** What the bucket would not take. */
function faultOf({ network, id }: Signing, config: SignedUrlsConfig): string | undefined {
  if (!config.enabled) return 'signed_urls is not enabled'
  if (network !== undefined && !config.allowNetworks) return '--ip needs allow_networks: true'
  return id !== undefined && config.revoked.includes(id) ? `${id} is revoked` : undefined
}

function fieldsOf(permission: Permission, signature: string): string {
  const { keyId, expires, scope, network, id } = permission
  const written = { keyId, expires, scope, network, id, signature }
  const query = new URLSearchParams()
  for (const [field, value] of Object.entries(written)) {
    if (value !== undefined) query.append(NAMES[field] ?? field, value)
  }
  return String(query)
}

const NAMES: Readonly<Record<string, string>> = PARAMETERS

function urlOf(fields: string, { permission, query, base }: SignOrder): string {
  const all = query === '' ? fields : `${query}&${fields}`
  return `${base}${encodePath(permission.path)}?${all}`
}

/** For the paths it is good for, and for as long. */
function cookieOf(fields: string, { permission, base }: SignOrder): string {
  const { path, scope, expires } = permission
  // What ends in a slash is sent along with all below it (RFC 6265 §5.1.4).
  const sentAt = encodePath(scope === undefined ? path : scope.slice(0, -1))
  const until = new Date(Number(expires) * 1000).toUTCString()
  const safely = base.startsWith('http:') ? '' : '; Secure'
  return `${COOKIE}=${fields}; Path=${sentAt}; Expires=${until}${safely}; HttpOnly; SameSite=Lax`
}
