// Whose request it is, as the access log says it: the peer, or whom trusted proxies name.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import type { HeaderPairs } from '../support/http.ts'
import { runSluice } from '../support/sluice.ts'

/** What the access log calls the client of a request with these fields. */
async function clientOf(front: Front, headers: HeaderPairs, url = front.url): Promise<unknown> {
  const answer = await request(`${url}/files/a`, { headers })
  assert.equal(answer.status, 200)
  const id = answer.headers['x-request-id']
  return (await front.sluice.logLine((line) => line['request_id'] === id))['client_ip']
}

describe('with trusted proxies', () => {
  let front: Front
  before(async () => {
    const server = { address: '[::]:0', trusted_proxies: ['127.0.0.0/8', '10.0.0.0/8', '::1'] }
    front = await openFront({ server })
    front.put('a', 'body')
  })
  after(() => front[Symbol.asyncDispose]())

  const XFF = 'X-Forwarded-For'
  const ASKED: readonly (readonly [fields: HeaderPairs, client: string])[] = [
    [[], '127.0.0.1'],
    [[[XFF, '192.0.2.1']], '192.0.2.1'],
    [[[XFF, '1.1.1.1, 192.0.2.1, 10.0.0.2']], '192.0.2.1'],
    [
      [
        [XFF, '1.1.1.1, 192.0.2.1'],
        [XFF, '10.0.0.2'],
      ],
      '192.0.2.1',
    ],
    [[[XFF, '[2001:DB8::1]:443']], '2001:db8::1'],
    [[[XFF, '1.1.1.1, garbage']], '127.0.0.1'],
    [[['Forwarded', 'for=1.1.1.1, for="192.0.2.1:80";proto=https']], '192.0.2.1'],
    [
      [
        ['Forwarded', 'for=1.1.1.1'],
        [XFF, '192.0.2.1'],
      ],
      '192.0.2.1',
    ],
  ]
  for (const [fields, client] of ASKED) {
    const sent = fields.map(([name, value]) => `${name}: ${value}`).join(' / ')
    test(`the client of "${sent}" is ${client}`, async () => {
      // The peer is IPv4-mapped: the port listens for both families.
      const url = `http://127.0.0.1:${front.port}`
      assert.equal(await clientOf(front, fields, url), client)
    })
  }
})

test('without a setting nobody is believed', async () => {
  await using front = await openFront({})
  front.put('a', 'body')
  const fields: HeaderPairs = [
    ['X-Forwarded-For', '192.0.2.1'],
    ['Forwarded', 'for=192.0.2.1'],
  ]
  assert.equal(await clientOf(front, fields), '127.0.0.1')
})

test('a proxy that is not among them is not believed', async () => {
  await using front = await openFront({ server: { trusted_proxies: ['127.0.0.2', '10.0.0.0/8'] } })
  front.put('a', 'body')
  assert.equal(await clientOf(front, [['X-Forwarded-For', '192.0.2.1']]), '127.0.0.1')
})

test('what is no network stops the start, each with its place', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-proxies-'))
  const file = join(folder, 'config.yaml')
  const buckets = [{ name: 'a', path_prefix: '/a', s3: { bucket: 'b' } }]
  const trusted = ['10.0.0.0/33', '127.0.0.1', 'lb.example.com', 8]
  writeFileSync(file, JSON.stringify({ server: { trusted_proxies: trusted }, buckets }))
  const { code, stdout, stderr } = await runSluice(['check', '--config', file])
  rmSync(folder, { recursive: true })
  assert.equal(code, 1)
  const told = (stdout + stderr)
    .split('\n')
    .flatMap((line) => /trusted_proxies\S*?(?=:)/.exec(line)?.[0] ?? [])
  assert.deepEqual(told, ['trusted_proxies[0]', 'trusted_proxies[2]', 'trusted_proxies[3]'])
})
