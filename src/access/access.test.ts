import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'

import type { JwtConfig } from '../config/jwt.ts'
import type { Request } from '../exchange/request.ts'
import { Secret } from '../primitives/secret.ts'
import { Access, Authenticator, mintToken } from './access.ts'
import type { AccessQuestion } from './access.ts'

const EVERYBODY = { allowlist: [], blocklist: [] }

const SECRET = 'kX3v9Qw7Lr2Zt8Yp5Nc1Hb6Mf4Gd0Js7'

const jwt: JwtConfig = {
  enabled: true,
  algorithms: undefined,
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
  claims: [],
  adminClaims: [],
}

function questionWith(authorization: string | undefined): AccessQuestion {
  const request: Request = {
    method: 'GET',
    path: '/a',
    query: '',
    host: 'a.test',
    headers: authorization === undefined ? {} : { authorization },
    hasBody: false,
  }
  const where = { address: '127.0.0.1', bucket: 'b', key: 'a', captured: [] }
  return { request, ...where, isCounted: false }
}

test('a token that is remembered is answered without a promise', async () => {
  const access = new Access({
    ipFilter: EVERYBODY,
    authenticator: new Authenticator({ jwt, emit: () => undefined }),
    tie: undefined,
    signedUrls: undefined,
  })
  const key = createSecretKey(Buffer.from(SECRET))
  const token = await mintToken({ sub: 'ann' }, { algorithm: 'HS256', key })
  const first = access.authorize(questionWith(`bearer ${token}`))
  assert.ok(first instanceof Promise)
  assert.equal((await first).identity?.subject, 'ann')
  const second = access.authorize(questionWith(`Bearer ${token}`))
  assert.ok(!(second instanceof Promise))
  assert.equal(second.identity?.subject, 'ann')
})

test('where no token is asked for, anybody is let in at once', () => {
  const access = new Access({
    ipFilter: EVERYBODY,
    authenticator: undefined,
    tie: undefined,
    signedUrls: undefined,
  })
  assert.deepEqual(access.authorize(questionWith(undefined)), { identity: undefined })
  assert.equal(access.isGuarded, false)
})
