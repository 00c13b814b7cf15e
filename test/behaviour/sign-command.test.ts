// `sluice sign`, and the few lines of Python that the documentation gives: both make what a bucket takes.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'

import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import { partMissing, requirePart } from '../support/parts.ts'
import { OTHER_SIGNING_SECRET, SIGNING_SECRET } from '../support/signed.ts'
import { runSluice } from '../support/sluice.ts'
import { inSeconds } from '../support/tokens.ts'

let front: Front
const ODD = 'été/a b+c*(1)~!’.txt'
const KEYS = [
  { id: 'k1', secret: SIGNING_SECRET },
  { id: 'k2', secret: OTHER_SIGNING_SECRET },
]

before(async () => {
  const signed_urls = { enabled: true, keys: KEYS, allow_networks: true, revoked: ['gone'] }
  front = await openFront(
    {},
    {
      buckets: (at) => [
        bucketAt(at, { name: 'signed', signed_urls }),
        bucketAt(at, { name: 'hosted', signed_urls, path_prefix: '/h', hosts: ['cdn.test'] }),
        bucketAt(at, { name: 'narrow', signed_urls: { enabled: true, keys: KEYS } }),
      ],
    },
  )
  for (const key of ['a', 'dir/a', ODD]) front.put(key, 'body')
})
after(() => front[Symbol.asyncDispose]())

async function sign(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runSluice(['sign', ...args])
  assert.deepEqual([code, stderr], [0, ''])
  return stdout.trimEnd()
}

const byConfig = (): string[] => ['--config', front.sluice.configFile]
const byHand = ['--key', 'k2', '--secret', OTHER_SIGNING_SECRET]

async function statusOf(address: string, headers: Record<string, string> = {}): Promise<number> {
  return (await request(address.startsWith('http') ? address : front.url + address, { headers }))
    .status
}

test('an address is signed by the first key of the bucket that is served there', async () => {
  const address = await sign('/signed/a', ...byConfig())
  assert.match(address, /^\/signed\/a\?sl-key=k1&sl-expires=\d+&sl-sig=[\w-]{43}$/)
  assert.equal(await statusOf(address), 200)
  const left = Number(/sl-expires=(\d+)/.exec(address)?.[1]) - inSeconds(0)
  assert.ok(left > 3500 && left <= 3601, String(left))
})

test('it is what the options say', async () => {
  const options = ['--prefix', '/signed/*', '--ip', '127.0.0.0/8', '--id', 'x1', '--expires', '1d']
  const base = ['--base', `${front.url}/`]
  const address = await sign('/signed/a', ...byConfig(), '--key', 'k2', ...options, ...base)
  assert.ok(address.startsWith(`${front.url}/signed/a?sl-key=k2&`))
  assert.equal(await statusOf(address), 200)
  assert.equal(await statusOf(address.replace('/a?', '/dir/a?')), 200)
  assert.equal(await statusOf(await sign('/signed/a', ...byConfig(), '--ip', '10.1.1.1')), 403)
  const head = await sign('/signed/a', ...byConfig(), '--method', 'HEAD')
  assert.equal(await statusOf(head), 403)
  assert.equal((await request(front.url + head, { method: 'HEAD' })).status, 200)
})

test('without a configuration it takes a key, from the environment or as an option', async () => {
  assert.equal(await statusOf(await sign('/signed/a', ...byHand)), 200)
  const env = { SLUICE_SIGNING_SECRET: SIGNING_SECRET }
  const { stdout } = await runSluice(['sign', '/signed/a', '--key', 'k1'], { env })
  assert.equal(await statusOf(stdout.trimEnd()), 200)
})

test('a path may be written as it is or as in a URL, and keeps its query', async () => {
  for (const path of [`/signed/${ODD}`, `/signed/${encodeURIComponent(ODD)}`]) {
    assert.equal(await statusOf(await sign(path, ...byHand)), 200)
  }
  const address = await sign('/signed/a?lang=de&versionId=v1', ...byHand)
  assert.match(address, /\?lang=de&versionId=v1&sl-key=k2&/)
  assert.equal(await statusOf(address), 200)
  assert.equal(await statusOf(address.replace('v1', 'v2')), 403)
})

test('a cookie is made to be sent where it is good', async () => {
  const line = await sign('/signed/a', '--prefix', '/signed/*', '--cookie', ...byConfig())
  const [cookie = '', ...attributes] = line.split('; ')
  assert.deepEqual(
    attributes.map((attribute) => attribute.replace(/^Expires=.* GMT$/, 'Expires')),
    ['Path=/signed/', 'Expires', 'Secure', 'HttpOnly', 'SameSite=Lax'],
  )
  assert.equal(await statusOf('/signed/dir/a', { cookie }), 200)
  assert.equal(await statusOf('/narrow/a', { cookie }), 403)
  const exact = await sign('/signed/a', '--cookie', '--base', 'http://localhost', ...byConfig())
  assert.match(exact, /; Path=\/signed\/a; Expires=[^;]+; HttpOnly/)
})

test('a bucket that is for some hosts is found by the host', async () => {
  const address = await sign('/h/a', ...byConfig(), '--base', 'https://cdn.test')
  const path = address.replace('https://cdn.test', '')
  assert.equal(await statusOf(path, { host: 'cdn.test' }), 200)
  assert.match(await sign('/h/a', ...byConfig(), '--host', 'cdn.test'), /^\/h\/a\?/)
})

const WRONG: readonly (readonly [args: () => string[], said: RegExp])[] = [
  [() => [], /sign what\?/],
  [() => ['/h/a', ...byConfig()], /no bucket of .* is served at \/h\/a; .* need --host/],
  [() => ['/files/a', ...byConfig()], /bucket files: signed_urls is not enabled/],
  [() => ['/narrow/a', '--ip', '10.0.0.1', ...byConfig()], /--ip needs allow_networks/],
  [() => ['/signed/a', '--id', 'gone', ...byConfig()], /gone is revoked/],
  [() => ['/signed/a', '--key', 'k9', ...byConfig()], /no signing key k9/],
  [() => ['/signed/a', '--config', '/nowhere.yaml'], /nowhere/],
  [() => ['/signed/a', '--secret', SIGNING_SECRET], /--key is missing/],
  [
    () => ['/a', '--key', 'k1', '--secret', 'short-Xw9'],
    /the secret has 9 bytes; wanted at least 32/,
  ],
  [() => ['/a', '--key', 'k1', '--secret', 'changeme'.repeat(5)], /is a placeholder/],
  [() => ['a', ...byHand], /wanted a path/],
  [() => ['https://cdn.test/a', ...byHand], /wanted a path/],
  [() => ['/a/../b', ...byHand], /wanted a path/],
  [() => ['/a%zz', ...byHand], /wanted a path/],
  [() => ['/a?sl-key=k1', ...byHand], /signed already/],
  [() => ['/a', '--prefix', '/b/*', ...byHand], /does not cover/],
  [() => ['/a', '--prefix', '/a*', ...byHand], /wanted whole segments/],
  [() => ['/a', '--ip', 'localhost', ...byHand], /--ip: wanted/],
  [() => ['/a', '--id', 'a b', ...byHand], /--id: wanted/],
  [() => ['/a', '--method', 'PUT', ...byHand], /--method: wanted GET or HEAD/],
  [() => ['/a', '--expires', 'soon', ...byHand], /--expires: wanted/],
  [() => ['/a', '--base', 'cdn.test', ...byHand], /--base: wanted/],
  [() => ['/a?versionId=1', '--cookie', ...byHand], /for no version/],
  [() => ['/a', '--algorithm', 'HS256', ...byHand], /belongs to the command/],
]

test('what cannot be signed is refused in words, and without the secret', async () => {
  for (const [args, said] of WRONG) {
    const { code, stdout, stderr } = await runSluice(['sign', ...args()])
    assert.deepEqual([code, stdout], [1, ''], args().join(' '))
    assert.match(stderr, said)
    assert.doesNotMatch(stderr.replace(/^sluice .*/gm, ''), new RegExp(SIGNING_SECRET))
  }
})

test(
  'the Python of the documentation signs what is let in',
  { skip: partMissing('python3') },
  async () => {
    const docs = readFileSync(new URL('../../docs/config.md', import.meta.url), 'utf8')
    const code = /```python\n([^]*?)```/.exec(docs)?.[1] ?? ''
    const at = inSeconds(60)
    const calls = [
      ['sign("/signed/a", "k1", secret, at)', 200],
      [`sign("/signed/${ODD}", "k1", secret, at)`, 200],
      ['sign("/signed/dir/a", "k1", secret, at, prefix="/signed/dir/*")', 200],
      ['sign("/signed/dir/a", "k1", secret, at, prefix="/signed/é x/*")', 403],
      [`sign("/signed/${ODD}", "k1", secret, at, prefix="/signed/été/*")`, 200],
      ['sign("/signed/a", "k1", secret, at, ip="127.0.0.0/8", id="link-7")', 200],
      ['sign("/signed/a", "k1", secret, at, ip="10.0.0.0/8")', 403],
      ['sign("/signed/a", "k1", secret, at, version="v/1 é")', 200],
      ['sign("/signed/a", "k1", secret, at, method="HEAD")', 403],
      ['sign("/signed/a", "k1", secret + "x", at)', 403],
    ] as const
    const lines = calls.map(([call]) => `print(${call})`).join('\n')
    const script = `${code}\nsecret, at = ${JSON.stringify(SIGNING_SECRET)}, ${at}\n${lines}\n`
    const addresses = execFileSync(requirePart('python3'), ['-c', script], { encoding: 'utf8' })
      .trim()
      .split('\n')
    for (const [index, [call, status]] of calls.entries()) {
      assert.equal(await statusOf(addresses[index] ?? ''), status, call)
    }
  },
)
