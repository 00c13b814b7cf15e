// Whatever is mis-spelt, contradictory or half given about who may come in stops the start, and is told
// to the letter: where, what was found, what was wanted. Each of these alone is enough; all together are
// told at once.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'

import { checkCommand } from '../src/config/commands.ts'
import { runSluice } from './support/sluice.ts'

/** What stands in the file, and what is said of it: below the place that `what` is written at. */
type Broken = readonly [what: string, ...lines: string[]]

const folder = mkdtempSync(join(tmpdir(), 'sluice-broken-'))
after(() => rmSync(folder, { recursive: true }))
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
writeFileSync(join(folder, 'ec.pem'), ec.publicKey.export({ type: 'spki', format: 'pem' }))
writeFileSync(join(folder, 'private.pem'), ec.privateKey.export({ type: 'pkcs8', format: 'pem' }))
writeFileSync(join(folder, 'not-a-key.pem'), 'Q7Lr2Zt8Yp5Nc1Hb6Mf4Gd0Js7kX3v9w')

const SECRET = 'kX3v9Qw7Lr2Zt8Yp5Nc1Hb6Mf4Gd0Js7'
const TOKEN = 'v7Kq-2mZx9Rt4Lw8Yb1Nc'
const OTHER = 'p3Hs-6fGd0Js7Mv5Qe2Xk'
const SECRETS = [SECRET, SECRET.slice(0, 20), TOKEN, OTHER, 'fifteen-letters', 'hunter2-hunter2']

/** Within `jwt`: at the top, and in a bucket. */
const JWT: readonly Broken[] = [
  [
    '{}',
    ': has nothing to verify a token with (give secret, public_key_path, keys, jwks_url or issuer_discovery)',
  ],
  ['{ secret: "" }', 'secret: wanted a secret of at least 32 bytes, found an empty text'],
  [
    '{ secret: fifteen-letters }',
    'secret: has 15 bytes; HS256 needs at least 32 (openssl rand -base64 48 makes one)',
  ],
  [
    '{ secret: changeme-changeme-changeme-changeme }',
    'secret: is a placeholder that everybody knows (openssl rand -base64 48 makes one)',
  ],
  [
    '{ secret: 12345678901234567890123456789012 }',
    'secret: wanted a secret of at least 32 bytes, found a number (put it in quotes)',
  ],
  [
    '{ secert: SECRET }',
    'secert: unknown setting (did you mean secret?)',
    ': has nothing to verify a token with (give secret, public_key_path, keys, jwks_url or issuer_discovery)',
  ],
  [
    '{ secret: SECRET, algorithm: none }',
    'algorithm: wanted one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, found "none"',
  ],
  [
    '{ secret: SECRET, algorithm: hs256 }',
    'algorithm: wanted one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, found "hs256"',
  ],
  [
    '{ secret: SECRET, algorithm: RS256 }',
    'algorithm: RS256 needs a public key, and there is none',
    'secret: is of no use with RS256: it is for HS256, HS384 and HS512',
  ],
  [
    '{ secret: SECRET, algorithm: HS512 }',
    'secret: has 32 bytes; HS512 needs at least 64 (openssl rand -base64 48 makes one)',
  ],
  [
    '{ secret: SECRET, algorithms: [HS256, ES256] }',
    'algorithms: ES256 needs a public key, and there is none',
  ],
  [
    '{ secret: SECRET, algorithm: HS256, algorithms: [HS256] }',
    'algorithms: is given twice: algorithm is the same setting',
  ],
  [
    '{ public_key_path: ec.pem, algorithms: [HS256, ES256] }',
    'algorithms: HS256 needs secret, and there is none',
  ],
  [
    '{ public_key_path: ec.pem, algorithm: RS256 }',
    'public_key_path: ec.pem is of no use with RS256',
  ],
  ['{ public_key_path: missing.pem }', 'public_key_path: missing.pem cannot be read (ENOENT)'],
  [
    '{ public_key_path: not-a-key.pem }',
    'public_key_path: not-a-key.pem is no public key, in PEM or as a JWK',
  ],
  [
    '{ public_key_path: private.pem }',
    'public_key_path: private.pem is a private key; Sluice only needs the public one',
  ],
  ['{ rsa_public_key_path: ec.pem }', 'rsa_public_key_path: ec.pem is a key of another kind (ec)'],
  [
    '{ keys: [{ id: one, algorithm: ES256 }] }',
    'keys[0].path: is missing; wanted the path of a public key, in PEM or as a JWK',
  ],
  [
    '{ keys: [{ id: one, algorithm: ES256, path: ec.pem }, { id: one, algorithm: ES256, path: ec.pem }] }',
    'keys[1].id: is the id of keys[0] too',
  ],
  [
    '{ keys: [{ kid: one, algorithm: ES256, path: ec.pem }] }',
    'keys[0].id: is missing; wanted the kid of the key',
    'keys[0].kid: unknown setting (did you mean id?)',
  ],
  [
    '{ jwks_url: issuer.test/jwks }',
    'jwks_url: wanted a URL such as https://issuer.example.com/jwks, without a user and password, found "issuer.test/jwks"',
  ],
  [
    '{ jwks_url: "ftp://issuer.test/jwks" }',
    'jwks_url: wanted a URL such as https://issuer.example.com/jwks, without a user and password, found "ftp://issuer.test/jwks"',
  ],
  [
    '{ jwks_url: "https://reader:hunter2-hunter2@issuer.test/jwks" }',
    'jwks_url: wanted a URL such as https://issuer.example.com/jwks, without a user and password, found "https://***@issuer.test/jwks"',
  ],
  [
    '{ jwks_uri: https://issuer.test/jwks }',
    'jwks_uri: unknown setting (did you mean jwks_url?)',
    ': has nothing to verify a token with (give secret, public_key_path, keys, jwks_url or issuer_discovery)',
  ],
  [
    '{ jwks_url: https://issuer.test/jwks, jwks_refresh_interval: 60 }',
    'jwks_refresh_interval: unknown setting',
  ],
  [
    '{ jwks_url: https://issuer.test/jwks, jwks_refresh_interval_secs: 0 }',
    'jwks_refresh_interval_secs: wanted a whole number from 1 to 86400, found 0',
  ],
  [
    '{ issuer_discovery: true }',
    'issuer_discovery: needs issuer to be one URL, whose document is read',
  ],
  [
    '{ issuer_discovery: true, issuer: https://a.test, jwks_url: https://a.test/jwks }',
    'issuer_discovery: contradicts jwks_url; give one or the other',
  ],
  [
    '{ issuer_discovery: "yes", issuer: https://a.test }',
    'issuer_discovery: wanted true or false, found "yes"',
    ': has nothing to verify a token with (give secret, public_key_path, keys, jwks_url or issuer_discovery)',
  ],
  ['{ secret: SECRET, issuer: [] }', 'issuer: wanted a text or a list of texts, found a list'],
  [
    '{ secret: SECRET, audience: { name: files } }',
    'audience: wanted a text or a list of texts, found a mapping',
  ],
  ['{ secret: SECRET, audiance: files }', 'audiance: unknown setting (did you mean audience?)'],
  [
    '{ secret: SECRET, leeway: 2h }',
    'leeway: wanted a duration such as 30s or 250ms, from 0s to 1h, found "2h"',
  ],
  ['{ secret: SECRET, token_sources: [] }', 'token_sources: is an empty list; wanted at least one'],
  [
    '{ secret: SECRET, token_sources: [{ type: form, name: token }] }',
    'token_sources[0].type: wanted one of bearer, header, query, cookie, found "form"',
  ],
  [
    '{ secret: SECRET, token_sources: [{ type: cookie }] }',
    'token_sources[0].name: is missing; a cookie has a name',
  ],
  [
    '{ secret: SECRET, token_sources: [{ type: bearer, name: X-Token }] }',
    'token_sources[0].name: means nothing with bearer, which is the header Authorization',
  ],
  [
    '{ secret: SECRET, token_sources: [{ type: query, name: token, prefix: "T " }] }',
    'token_sources[0].prefix: only means something with type: header',
  ],
  [
    '{ secret: SECRET, claim: [{ claim: role, operator: exists }] }',
    'claim: unknown setting (did you mean claims?)',
  ],
  [
    '{ secret: SECRET, claims: [{ claim: role, operator: equals }] }',
    'claims[0].value: is missing; equals compares with it',
  ],
  [
    '{ secret: SECRET, claims: [{ claim: role, operator: is, value: admin }] }',
    'claims[0].operator: wanted one of equals, not_equals, in, contains, gt, lt, gte, lte, exists, regex, found "is"',
  ],
  [
    '{ secret: SECRET, claims: [{ operator: equals, value: admin }] }',
    'claims[0].claim: is missing; wanted the name of a claim',
  ],
  [
    '{ secret: SECRET, claims: [{ claim: role, value: admin }] }',
    'claims[0].operator: is missing; wanted one of equals, not_equals, in, contains, gt, lt, gte, lte, exists, regex',
  ],
  [
    '{ secret: SECRET, claims: [{ claim: role, operator: in, value: admin }] }',
    'claims[0].value: wanted a list: in looks for one of several',
  ],
  [
    '{ secret: SECRET, claims: [{ claim: age, operator: gte, value: old }] }',
    'claims[0].value: wanted a number: gte measures',
  ],
  [
    '{ secret: SECRET, claims: [{ claim: role, operator: regex, value: "(a+)+$" }] }',
    'claims[0].value: it repeats a group that holds a repetition or alternatives, which could take for ever',
  ],
  [
    '{ secret: SECRET, claims: [{ any_of: [] }] }',
    'claims[0].any_of: is an empty list; wanted at least one',
  ],
  [
    '{ secret: SECRET, claims: [{ any_of: [{ claim: role, operator: exists }], value: x }] }',
    'claims[0].value: contradicts any_of; give one or the other',
  ],
  [
    '{ secret: SECRET, claims: [{ claim: role, operator: exists }], claims_verification: [] }',
    'claims_verification: is given twice: claims is the same setting',
  ],
  ['{ secret: SECRET, enabled: on-demand }', 'enabled: wanted true or false, found "on-demand"'],
  [
    '{ secret: "${NOT_SET_ANYWHERE}" }',
    'secret: the environment variable NOT_SET_ANYWHERE is not set (set NOT_SET_ANYWHERE, or write ${NOT_SET_ANYWHERE:-default})',
  ],
]

/** Within a bucket. */
const BUCKETS: readonly Broken[] = [
  ['{ auth: {} }', 'auth.enabled: is missing; wanted true or false'],
  [
    '{ auth: { enabled: true } }',
    'auth.enabled: asks for tokens, and there is no jwt section to verify them by (add jwt, to the bucket’s auth or at the top)',
  ],
  [
    '{ auth: { enabeld: true } }',
    'auth.enabled: is missing; wanted true or false',
    'auth.enabeld: unknown setting (did you mean enabled?)',
  ],
  ['{ auth: { enabled: "true" } }', 'auth.enabled: wanted true or false, found "true"'],
  ['{ auth: true }', 'auth: wanted a mapping of settings, found true'],
  ['{ auht: { enabled: true } }', 'auht: unknown setting (did you mean auth?)'],
  [
    '{ auth: { enabled: true, jwt: { enabled: false, secret: SECRET } } }',
    'auth.jwt.enabled: is off while auth.enabled is true; nobody could say who gets in',
  ],
  [
    '{ auth: { enabled: true, jwt: { secret: SECRET, admin_claims: [{ claim: a, operator: exists }] } } }',
    'auth.jwt.admin_claims: means nothing in a bucket: operators are those of the jwt section at the top',
  ],
  [
    '{ ip_filter: { allow_list: [10.0.0.0/8] } }',
    'ip_filter.allow_list: unknown setting (did you mean allowlist?)',
  ],
  ['{ ip_filter: { allowlist: 10.0.0.0/8 } }', 'ip_filter.allowlist: wanted a list, found a text'],
  [
    '{ ip_filter: { allowlist: [10.0.0.0/33] } }',
    'ip_filter.allowlist[0]: wanted an address or a network such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32, found "10.0.0.0/33"',
  ],
  [
    '{ ip_filter: { blocklist: [office.example.com] } }',
    'ip_filter.blocklist[0]: wanted an address or a network such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32, found "office.example.com" (names are not looked up)',
  ],
  [
    '{ ip_filter: { blocklist: [10.0.0.256] } }',
    'ip_filter.blocklist[0]: wanted an address or a network such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32, found "10.0.0.256"',
  ],
  [
    '{ ip_filter: { allowlist: [10.0.0.0/8], blocklist: [10.0.0.0/8] } }',
    'ip_filter.allowlist[0]: 10.0.0.0/8 is on the blocklist too, which always denies',
  ],
  [
    '{ ip_filters: { allowlist: [10.0.0.0/8] } }',
    'ip_filters: unknown setting (did you mean ip_filter?)',
  ],
  ['{ cors: {} }', 'cors.origins: is missing; wanted a list'],
  ['{ cors: { origins: [] } }', 'cors.origins: is an empty list; wanted at least one'],
  [
    '{ cors: { origin: ["*"] } }',
    'cors.origins: is missing; wanted a list',
    'cors.origin: unknown setting (did you mean origins?)',
  ],
  [
    '{ cors: { origins: [https://app.test/] } }',
    'cors.origins[0]: wanted an origin such as https://app.example.com or https://*.example.com, or "*" for all, found "https://app.test/" (write https://app.test)',
  ],
  [
    '{ cors: { origins: [app.test] } }',
    'cors.origins[0]: wanted an origin such as https://app.example.com or https://*.example.com, or "*" for all, found "app.test"',
  ],
  [
    '{ cors: { origins: ["*", https://app.test] } }',
    'cors.origins[0]: "*" is every origin: the others say nothing',
  ],
  [
    '{ cors: { origins: ["*"], credentials: true } }',
    'cors.credentials: cannot be with origins "*": every page could read what a visitor may (name the origins)',
  ],
  [
    '{ cors: { origins: [https://app.test], methods: [PUT] } }',
    'cors.methods[0]: wanted one of GET, HEAD, OPTIONS, found "PUT"',
  ],
  [
    '{ cors: { origins: [https://app.test], headers: ["a b"] } }',
    'cors.headers[0]: wanted a header name, or "*", found "a b"',
  ],
  [
    '{ cors: { origins: [https://app.test], max_age: forever } }',
    'cors.max_age: wanted a duration such as 30s or 250ms, from 0s to 1d, found "forever"',
  ],
  [
    '{ cors: { origins: ["*"] }, response_headers: { set: { Access-Control-Allow-Origin: "*" } } }',
    'response_headers.set.Access-Control-Allow-Origin: Access-Control-Allow-Origin is a header that cors answers for',
  ],
]

/** At the top. */
const TOP: readonly Broken[] = [
  [
    '{ admin: { token: fifteen-letters } }',
    'admin.token: wanted a token of 16 to 512 visible ASCII characters that is no placeholder, found a text (openssl rand -hex 24 makes one)',
  ],
  [
    '{ admin: { token: changeme-changeme } }',
    'admin.token: wanted a token of 16 to 512 visible ASCII characters that is no placeholder, found a text (openssl rand -hex 24 makes one)',
  ],
  [
    '{ admin: { token: "" } }',
    'admin.token: wanted a token of 16 to 512 visible ASCII characters that is no placeholder, found an empty text (openssl rand -hex 24 makes one)',
  ],
  ['{ admin: { tokens: TOKEN } }', 'admin.tokens: unknown setting (did you mean token?)'],
  [
    '{ admin: { role: { viewer: { token: TOKEN } } } }',
    'admin.role: unknown setting (did you mean roles?)',
  ],
  [
    '{ admin: { roles: { viewer: {} } } }',
    'admin.roles.viewer: is a role that nobody can have (give token or claims)',
  ],
  ['{ admin: { roles: { reader: { token: TOKEN } } } }', 'admin.roles.reader: unknown setting'],
  [
    '{ admin: { roles: { viewer: { token: short } } } }',
    'admin.roles.viewer.token: wanted a token of 16 to 512 visible ASCII characters that is no placeholder, found a text (openssl rand -hex 24 makes one)',
  ],
  [
    '{ admin: { roles: { viewer: { token: TOKEN, claim: [] } } } }',
    'admin.roles.viewer.claim: unknown setting (did you mean claims?)',
  ],
  [
    '{ admin: { roles: { viewer: TOKEN } } }',
    'admin.roles.viewer: wanted a mapping of settings, found a text',
  ],
  [
    '{ admin: { token: TOKEN, roles: { viewer: { token: TOKEN } } } }',
    'admin.roles.viewer.token: is the same as admin.token; a token stands for one role',
  ],
  [
    '{ admin: { roles: { viewer: { token: TOKEN }, purger: { token: OTHER }, operator: { token: TOKEN } } } }',
    'admin.roles.operator.token: is the same as admin.roles.viewer.token; a token stands for one role',
  ],
  [
    '{ admin: { roles: { purger: { claims: [{ claim: role, operator: exists }] } } } }',
    'admin.roles.purger.claims: are those of a token, and there is no jwt section to verify it by (add a jwt section at the top)',
  ],
  [
    '{ admin: { roles: { operator: { token: TOKEN, claims: [] } } }, jwt: { secret: SECRET } }',
    'admin.roles.operator.claims: is an empty list; wanted at least one',
  ],
  [
    '{ admin: { roles: { operator: { claims: [{ claim: role, operator: equals }] } } }, jwt: { secret: SECRET } }',
    'admin.roles.operator.claims[0].value: is missing; equals compares with it',
  ],
  [
    '{ jwt: { secret: SECRET, admin_claims: [] } }',
    'jwt.admin_claims: is an empty list; wanted at least one',
  ],
  [
    '{ jwt: { secret: SECRET, admin_claim: [{ claim: role, operator: exists }] } }',
    'jwt.admin_claim: unknown setting (did you mean admin_claims?)',
  ],
  [
    '{ jwt: { secret: SECRET, enabled: false, admin_claims: [{ claim: role, operator: exists }] } }',
    'jwt.admin_claims: make nobody an operator while jwt.enabled is false',
  ],
  [
    '{ admin: { address: "127.0.0.1:8080", token: TOKEN }, server: { address: "127.0.0.1:8080" } }',
    'admin.address: is the port of server.address too; two listeners need two (its default is 127.0.0.1:9090)',
  ],
]

function filled(what: string): string {
  const words: Readonly<Record<string, string>> = { SECRET, TOKEN, OTHER }
  return what.replaceAll(/\b(SECRET|TOKEN|OTHER)\b/g, (word) => words[word] ?? word)
}

/** A flow mapping without its braces. */
function inner(what: string): string {
  return filled(what).slice(1, -1).trim()
}

function bucket(name: string, more = ''): string {
  const origin = 's3: { bucket: b, credentials: anonymous }'
  return `{ name: ${name}, path_prefix: /${name}, ${origin}${more === '' ? '' : `, ${more}`} }`
}

function guarded(what: string): string {
  return `auth: { enabled: true, jwt: ${filled(what)} }`
}

/** As they stand on the terminal, without the file's name, which begins each of them. */
function placed(lines: readonly string[], place: string): string[] {
  return lines.map((line) => (line.startsWith(':') ? `${place}${line}` : `${place}.${line}`))
}

function save(text: string): string {
  const file = join(folder, 'config.yaml')
  writeFileSync(file, text)
  return file
}

function plain(lines: readonly string[]): string[] {
  return lines.map((line) =>
    line.replace(`${join(folder, 'config.yaml')}: `, '').replaceAll(`${folder}/`, ''),
  )
}

/** What `sluice check` says, and that it is a no. */
function saidOf(text: string): string[] {
  const lines: string[] = []
  const code = checkCommand(save(text), {}, (line) => lines.push(line))
  assert.equal(code, 1)
  return plain(lines)
}

function requireNoSecret(text: string): void {
  for (const secret of SECRETS) assert.ok(!text.includes(secret), text)
}

/** How each of the tables is written into a file of its own. */
const TABLES: readonly (readonly [where: string, table: readonly Broken[], ...Written])[] = [
  ['jwt', JWT, (what) => `buckets: [${bucket('a', guarded(what))}]`, 'buckets[0].auth.jwt'],
  ['a bucket', BUCKETS, (what) => `buckets: [${bucket('a', inner(what))}]`, 'buckets[0]'],
  ['the top', TOP, (what) => `{ buckets: [${bucket('a')}], ${inner(what)} }`, ''],
]
type Written = readonly [write: (what: string) => string, place: string]

for (const [where, table, write, place] of TABLES) {
  describe(`in ${where}`, () => {
    for (const [what, ...lines] of table) {
      test(`${what} is a problem, and is told to the letter`, () => {
        const said = saidOf(write(what))
        assert.deepEqual(said, place === '' ? lines : placed(lines, place))
        requireNoSecret(said.join('\n'))
      })
    }
  })
}

test('there are enough of them', () => {
  assert.ok(JWT.length + BUCKETS.length + TOP.length >= 60)
})

test('all that is wrong with all buckets is told at once, and nothing starts', async () => {
  const broken = [
    ...JWT.map(([what, ...lines]) => ({ text: guarded(what), lines, below: '.auth.jwt' })),
    ...BUCKETS.map(([what, ...lines]) => ({ text: inner(what), lines, below: '' })),
  ]
  const buckets = broken.map(({ text }, index) => bucket(`b${index}`, text))
  const file = save(`server: { address: "127.0.0.1:0" }\nbuckets:\n- ${buckets.join('\n- ')}`)
  const { code, stdout, stderr } = await runSluice(['serve', '--config', file])
  assert.deepEqual([code, stdout], [1, ''])
  const expected = broken.flatMap(({ lines, below }, index) =>
    placed(lines, `buckets[${index}]${below}`),
  )
  assert.deepEqual(plain(stderr.trim().split('\n')).toSorted(), expected.toSorted())
  requireNoSecret(stderr)
})

/** What the program says is what `check` said above; a few show that it is. */
const EVERY = 6

for (const [what, ...lines] of TOP.filter((_, index) => index % EVERY === 0)) {
  test(`nothing starts with ${what}`, async () => {
    const file = save(`{ buckets: [${bucket('a')}], ${inner(what)} }`)
    const { code, stdout, stderr } = await runSluice(['serve', '--config', file])
    assert.deepEqual([code, stdout], [1, ''])
    assert.deepEqual(plain(stderr.trim().split('\n')), lines)
  })
}
