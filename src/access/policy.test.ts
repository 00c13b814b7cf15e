import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'

import type { AuthorizationConfig } from '../config/authorization.ts'
import type { Request } from '../exchange/request.ts'
import { Access } from './access.ts'
import type { AccessQuestion } from './access.ts'
import { Policy } from './policy.ts'
import { PolicyTally } from './policy-tally.ts'

/** Allows all but '/no'. */
const server = createServer((incoming, outgoing) => {
  let text = ''
  incoming.setEncoding('utf8').on('data', (part: string) => (text += part))
  incoming.on('end', () => {
    outgoing.end(JSON.stringify({ result: { allow: !text.includes('"/no"'), reason: 'so' } }))
  })
})
let config: AuthorizationConfig

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A listening server has one.
  const { port } = server.address() as AddressInfo
  config = {
    url: `http://127.0.0.1:${port}`,
    policyPath: 'p',
    timeoutMs: 10_000,
    cacheTtlMs: 60_000,
    failMode: 'closed',
    input: [],
  }
})
after(() => {
  server.closeAllConnections()
  server.close()
})

function questionOf(path: string): AccessQuestion {
  const request: Request = {
    method: 'GET',
    path,
    query: '',
    host: 'a.test',
    headers: {},
    hasBody: false,
  }
  return {
    request,
    address: '127.0.0.1',
    bucket: 'b',
    captured: [],
    isCounted: false,
    key: path.slice(1),
  }
}

test('a decision that is remembered is told without a promise, a no by throwing', async () => {
  const tally = new PolicyTally()
  const policy = new Policy({ bucket: 'b', config, tally, emit: () => undefined })
  const access = new Access({
    ipFilter: { allowlist: [], blocklist: [] },
    authenticator: undefined,
    tie: undefined,
    signedUrls: undefined,
    policy,
  })
  const first = access.authorize(questionOf('/yes'))
  assert.ok(first instanceof Promise)
  const { asked, ...fact } = (await first).policy ?? {}
  assert.deepEqual(fact, { decision: 'allow', reason: 'so', isRemembered: false })
  assert.ok(asked !== undefined && asked.until >= asked.from)
  const second = access.authorize(questionOf('/yes'))
  assert.ok(!(second instanceof Promise))
  assert.deepEqual(second.policy, { decision: 'allow', reason: 'so', isRemembered: true })

  const denied = { code: 'policy_denied', cause: 'so' }
  await assert.rejects(Promise.resolve(access.authorize(questionOf('/no'))), denied)
  assert.throws(() => access.authorize(questionOf('/no')), denied)
  assert.deepEqual(tally.of('b'), { allow: 2, deny: 2, error: 0 })
  policy.close()
})
