// `sluice token`: a token for trying things out, made where no issuer is at hand.

import { createSecretKey } from 'node:crypto'

import { mintToken } from '../access/access.ts'
import { ALGORITHMS, faultOfSecret, isSymmetric } from '../config/jwt-keys.ts'
import type { Algorithm } from '../config/jwt-keys.ts'
import { now } from '../primitives/clock.ts'
import { parseDuration } from '../primitives/units.ts'
import type { Terminal } from './admin-client.ts'
import type { Minting } from './arguments.ts'

const SECRET_VARIABLE = 'SLUICE_JWT_SECRET'

/** Returns the exit code. What is wrong is said without the secret. */
export async function tokenCommand(minting: Minting, terminal: Terminal): Promise<number> {
  const order = readMinting(minting, terminal.env[SECRET_VARIABLE])
  if (typeof order === 'string') {
    terminal.err(`sluice: ${order}`)
    return 1
  }
  const { claims, lastsMs, algorithm, secret } = order
  const issuedAt = Math.floor(now() / 1000)
  const said = { iat: issuedAt, exp: issuedAt + Math.ceil(lastsMs / 1000), ...claims }
  const key = createSecretKey(Buffer.from(secret))
  terminal.out(await mintToken(said, { algorithm, key }))
  return 0
}

interface MintOrder {
  readonly claims: Readonly<Record<string, unknown>>
  readonly lastsMs: number
  readonly algorithm: Algorithm
  readonly secret: string
}

/** Or what is wrong with it. */
function readMinting(minting: Minting, usualSecret: string | undefined): MintOrder | string {
  const secret = minting.secret ?? usualSecret
  if (secret === undefined) return `--secret is missing, and ${SECRET_VARIABLE} is not set`
  const algorithm = ALGORITHMS.find((name) => isSymmetric(name) && name === minting.algorithm)
  if (algorithm === undefined) return '--algorithm: wanted HS256, HS384 or HS512'
  const fault = faultOfSecret(secret, [algorithm])
  if (fault !== undefined) return `the secret ${fault}`
  const lastsMs = parseDuration(minting.expires)
  if (lastsMs === undefined || lastsMs === 0) return '--expires: wanted a duration such as 1h'
  const claims = minting.claims.map(readClaim)
  const odd = claims.indexOf(undefined)
  if (odd >= 0) return `--claim: wanted name=value, found ${minting.claims[odd]}`
  const known = claims.filter((claim) => claim !== undefined)
  return { claims: Object.fromEntries(known), lastsMs, algorithm, secret }
}

function readClaim(written: string): readonly [name: string, value: unknown] | undefined {
  const equals = written.indexOf('=')
  if (equals < 1) return undefined
  return [written.slice(0, equals), readValue(written.slice(equals + 1))]
}

/** What is JSON is what it says: 18, true, ["a","b"]. Anything else is a text. */
function readValue(written: string): unknown {
  try {
    return JSON.parse(written)
  } catch {
    return written
  }
}
