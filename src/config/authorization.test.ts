import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { formatProblem, loadConfig, printConfig } from './config.ts'
import type { AuthorizationConfig } from './authorization.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-authorization-'))
after(() => rmSync(folder, { recursive: true }))

const JWT = `jwt: {secret: kX3v9Qw7Lr2Zt8Yp5Nc1Hb6Mf4Gd0Js7, token_sources: [{type: header, name: X-Token}]}`

function load(authorization: string, auth = false) {
  const file = join(folder, 'config.yaml')
  const more = `authorization: {${authorization}}${auth ? ', auth: {enabled: true}' : ''}`
  writeFileSync(
    file,
    `${auth ? JWT : ''}\nbuckets: [{name: a, path_prefix: /, s3: {bucket: b}, ${more}}]`,
  )
  return loadConfig(file, { URL: 'http://opa:8181', TTL: '5' })
}

function linesOf(authorization: string, auth?: boolean): readonly string[] {
  const loaded = load(authorization, auth)
  const told = loaded.kind === 'loaded' ? loaded.warnings : loaded.problems
  return told.map((problem) => formatProblem({ ...problem, file: '' }).replace(PLACE, ''))
}

function configOf(authorization: string, auth?: boolean): AuthorizationConfig | undefined {
  const loaded = load(authorization, auth)
  if (loaded.kind === 'refused') throw new Error(linesOf(authorization, auth).join('\n'))
  return loaded.config.buckets[0]?.authorization
}

const PLACE = 'buckets[0].authorization.'
const opa = 'type: opa, url: "http://localhost:8181", policy_path: sluice/authz/allow'
const standard: AuthorizationConfig = {
  url: 'http://localhost:8181',
  policyPath: 'sluice/authz/allow',
  timeoutMs: 100,
  cacheTtlMs: 60_000,
  failMode: 'closed',
  input: [],
}

test('a server and a rule are enough', () => {
  assert.deepEqual(configOf(opa), standard)
  assert.deepEqual(linesOf(opa), [])
})

const spellings: readonly string[] = [
  'timeout_ms: 7, cache_ttl_seconds: 0, fail_mode: open',
  'opa_timeout_ms: 7, opa_cache_ttl_seconds: 0, opa_fail_mode: open',
]

for (const spelling of spellings) {
  test(`{${spelling}} is understood`, () => {
    const wanted = { ...standard, timeoutMs: 7, cacheTtlMs: 0, failMode: 'open' }
    assert.deepEqual(configOf(`${opa}, ${spelling}`), wanted)
    const other = 'type: opa, opa_url: "http://localhost:8181", opa_policy_path: sluice/authz/allow'
    assert.deepEqual(configOf(`${other}, ${spelling}`), wanted)
  })
}

test('what comes from the environment, a path before /v1 and a last slash are understood', () => {
  const url = (text: string) => configOf(`type: opa, url: ${text}, policy_path: p`)?.url
  assert.equal(url('"${URL}"'), 'http://opa:8181')
  assert.equal(url('"https://OPA.example.com:443/"'), 'https://opa.example.com')
  assert.equal(url('"http://opa/behind/"'), 'http://opa/behind')
  assert.equal(configOf(`${opa}, cache_ttl_seconds: "\${TTL}"`)?.cacheTtlMs, 5000)
})

test('more input is asked for by name, headers in any spelling', () => {
  const { input } = configOf(`${opa}, input: [time, "header:User-Agent", key]`) ?? {}
  assert.deepEqual(input, ['time', { header: 'user-agent' }, 'key'])
})

test('what is printed loads again to the same', () => {
  const loaded = load(`${opa}, timeout_ms: 7, input: [key, "header:x-a"], fail_mode: open`)
  assert.ok(loaded.kind === 'loaded')
  const file = join(folder, 'printed.yaml')
  writeFileSync(file, JSON.stringify(printConfig(loaded.config)))
  const again = loadConfig(file, {})
  assert.ok(again.kind === 'loaded')
  assert.deepEqual(again.config.buckets, loaded.config.buckets)
})

const wantedUrl =
  'url: wanted the URL of an OPA server, such as http://localhost:8181, without a user and password, found a text'
const wantedPath =
  'policy_path: wanted the path of a rule, such as sluice/authz/allow: names of letters, digits, "_" and "-" between slashes, found'
const wantedInput =
  'input[0]: wanted one of key, time, listing, "header:<name>", without headers that hold credentials, found'
const credentials = '(a policy reads jwt_claims; what proves them stays inside)'
const at = (url: string) => `type: opa, policy_path: p, url: "${url}"`
const of = (path: string) => `type: opa, url: "http://opa", policy_path: ${path}`
const told = (one: string) => `${opa}, input: [${one}]`

const problems: readonly [authorization: string, ...lines: string[]][] = [
  [
    'type: opa',
    'url: is missing; wanted the URL of an OPA server',
    'policy_path: is missing; wanted the path of a rule',
  ],
  [opa.replace('type: opa, ', ''), 'type: is missing; wanted one of opa'],
  [opa.replace('opa', 'openfga'), 'type: wanted one of opa, found "openfga"'],
  [
    opa.replace('url:', 'ulr:'),
    'ulr: unknown setting (did you mean url?)',
    'url: is missing; wanted the URL of an OPA server',
  ],
  [`${opa}, enabled: false`, 'enabled: unknown setting'],
  [`${opa}, fail_mod: open`, 'fail_mod: unknown setting (did you mean fail_mode?)'],
  [`${opa}, fail_mode: opened`, 'fail_mode: wanted one of closed, open, found "opened"'],
  [`${opa}, opa_url: "http://other"`, 'opa_url: is given twice: url is the same setting'],
  [
    `${opa}, fail_mode: closed, opa_fail_mode: open`,
    'opa_fail_mode: is given twice: fail_mode is the same setting',
  ],
  [`${opa}, timeout_ms: 0`, 'timeout_ms: wanted a whole number from 1 to 60000, found 0'],
  [`${opa}, timeout_ms: 100ms`, 'timeout_ms: wanted a whole number from 1 to 60000, found "100ms"'],
  [
    `${opa}, cache_ttl_seconds: -1`,
    'cache_ttl_seconds: wanted a whole number from 0 to 86400, found -1',
  ],
  [at('localhost:8181'), wantedUrl],
  [at('ftp://opa'), wantedUrl],
  [at('http://user:hunter2@opa'), wantedUrl],
  [at('http://opa?x=1'), wantedUrl],
  [at('http://opa/#'), wantedUrl],
  [at('http://opa/v1/data/p'), `${wantedUrl} (what follows /v1/data/ is policy_path)`],
  [of('sluice.authz.allow'), `${wantedPath} "sluice.authz.allow" (write sluice/authz/allow)`],
  [of('data.sluice.allow'), `${wantedPath} "data.sluice.allow" (write sluice/allow)`],
  [of('/sluice/allow/'), `${wantedPath} "/sluice/allow/" (write sluice/allow)`],
  [of('v1/data/sluice/allow'), `${wantedPath} "v1/data/sluice/allow" (write sluice/allow)`],
  [of('"a/../b"'), `${wantedPath} "a/../b"`],
  [of('"a?x=1"'), `${wantedPath} "a?x=1"`],
  [told('ky'), `${wantedInput} "ky" (a header is written "header:ky")`],
  [told('user-agent'), `${wantedInput} "user-agent" (a header is written "header:user-agent")`],
  [told('path'), `${wantedInput} "path" (path is always there)`],
  [told('"header:Authorization"'), `${wantedInput} "header:Authorization" ${credentials}`],
  [told('"header:cookie"'), `${wantedInput} "header:cookie" ${credentials}`],
  [told('authorization'), `${wantedInput} "authorization" ${credentials}`],
  [told('"header:x y"'), `${wantedInput} "header:x y"`],
  [told('listings'), `${wantedInput} "listings" (a header is written "header:listings")`],
  [told('listing, listing'), 'input[1]: is input[0] too'],
  [told('key, time, key'), 'input[2]: is input[0] too'],
  [told('"header:x-a", "header:X-A"'), 'input[1]: is input[0] too'],
]

for (const [authorization, ...lines] of problems) {
  test(`{${authorization}} is refused`, () => {
    assert.deepEqual(linesOf(authorization).toSorted(), lines.toSorted())
    assert.doesNotMatch(linesOf(authorization).join(), /hunter2/)
  })
}

test('the header where the token is goes to no policy', () => {
  assert.deepEqual(linesOf(told('key, "header:x-token"'), true), [
    'input[1]: x-token is where the token is, which never leaves Sluice (a policy reads jwt_claims)',
  ])
  assert.deepEqual(linesOf(told('key, "header:x-token"')), [])
})

test('to let everybody in while OPA is away is a warning', () => {
  assert.deepEqual(linesOf(`${opa}, fail_mode: open`), [
    'fail_mode: open lets in whoever would be denied, while OPA does not answer',
  ])
})
