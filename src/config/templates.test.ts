import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'

import { formatProblem, loadConfig, printConfig } from './config.ts'
import type { Loaded } from './config.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-templates-'))
after(() => rmSync(folder, { recursive: true }))

function load(yaml: string): Loaded {
  const file = join(folder, 'config.yaml')
  writeFileSync(file, yaml)
  return loadConfig(file, {})
}

function told(yaml: string): readonly string[] {
  const loaded = load(yaml)
  const list = loaded.kind === 'loaded' ? loaded.warnings : loaded.problems
  return list.map((problem) => {
    const line = formatProblem({ ...problem, file: '' })
    return loaded.kind === 'loaded' ? `warning: ${line}` : line
  })
}

interface Written {
  readonly prefix?: string
  readonly keys?: string
  readonly rule?: string
  readonly more?: string
  readonly name?: string
}

function bucket({ prefix = '/u/{t}', keys, rule, more = '', name = 'a' }: Written): string {
  const jwt = `jwt: {secret: kX3v9Qw7Lr2Zt8Yp5Nc1Hb6Mf4Gd0Js7, claims: [${rule}]}`
  const auth = rule === undefined ? '' : `, auth: {enabled: true, ${jwt}}`
  const s3 = `{bucket: b${keys === undefined ? '' : `, key_prefix: "${keys}"`}}`
  return `{name: ${name}, path_prefix: "${prefix}", s3: ${s3}${auth}${more}}`
}

const one = (written: Written): string => `buckets: [${bucket(written)}]`
const EQUALS = '{claim: t, operator: equals, value: "{t}"}'
const WANTED =
  'buckets[0].path_prefix: wanted a path such as /images: it begins with "/", has no "//", "." or ".." segment, "%", "?" or "#", found'
const WHOLE = '(a name in braces is a whole segment, and there once)'
const SHARED = '{t} is not in s3.key_prefix: all of them are shown the same objects'
const UNTIED =
  '{t} is tied to nothing: whoever is let in may put any name there (add the rule { claim: t, operator: equals, value: "{t}" })'

describe('a prefix with names', () => {
  for (const [yaml, said] of [
    [one({ keys: '{t}/', rule: EQUALS }), []],
    [one({ keys: 'a/{t}/b/', rule: EQUALS }), []],
    [one({ keys: 'of-{t}/', rule: '{claim: t, operator: in, value: ["{t}", all]}' }), []],
    [one({ keys: '{t}/', rule: '{claim: t, operator: contains, value: "{t}"}' }), []],
    [one({ keys: '{t}/' }), [`warning: buckets[0].path_prefix: ${UNTIED}`]],
    [
      one({}),
      [`warning: buckets[0].path_prefix: ${UNTIED}`, `warning: buckets[0].path_prefix: ${SHARED}`],
    ],
    [
      one({ keys: '{t}/', rule: '{any_of: [{claim: x, operator: exists}, ' + EQUALS + ']}' }),
      [`warning: buckets[0].path_prefix: ${UNTIED}`],
    ],
    [
      one({
        keys: '{t}/',
        more: ', signed_urls: {enabled: true, keys: [{id: k, secret: Vq7mZ2xW9eR4tY1uB8oP3aS6dF5gH0jKc2N}]}',
      }),
      [],
    ],
    [
      one({ rule: EQUALS }),
      [
        'buckets[0].auth.jwt.claims[0]: ties the token to {t}, but all of them are shown the same objects of bucket a (add {t}/ to its s3.key_prefix)',
      ],
    ],
    [
      one({ keys: '{t}/', rule: '{claim: t, operator: equals, value: "{tenant}"}' }),
      [
        'buckets[0].auth.jwt.claims[0]: {tenant} is no part of path_prefix /u/{t} of bucket a (give that bucket a jwt of its own, or the name to its path_prefix)',
      ],
    ],
    [
      one({ keys: '{t}/', rule: `{any_of: [{claim: t, operator: in, value: [a, "x-{o}"]}]}` }),
      [
        'buckets[0].auth.jwt.claims[0]: {o} is no part of path_prefix /u/{t} of bucket a (give that bucket a jwt of its own, or the name to its path_prefix)',
      ],
    ],
    [
      one({ keys: '{t}/', rule: '{claim: t, operator: not_equals, value: "{t}"}' }),
      [
        'buckets[0].auth.jwt.claims[0].value: names a part of the path, which is for equals, in and contains',
      ],
    ],
    [one({ keys: '{x}/' }), ['buckets[0].s3.key_prefix: {x} is no part of path_prefix /u/{t}']],
    [
      one({ prefix: '/u', keys: '{t}/' }),
      ['buckets[0].s3.key_prefix: {t} is no part of path_prefix /u'],
    ],
    ...['{t}', '{t}-files', 'a/{t}'].map((keys) => [
      one({ keys }),
      ['buckets[0].s3.key_prefix: a name is followed by "/", and stands alone before it'],
    ]),
    [
      one({ prefix: '/{a}/{b}', keys: '{a}{b}/' }),
      ['buckets[0].s3.key_prefix: a name is followed by "/", and stands alone before it'],
    ],
    ...['/u/{t', '/u/t}', '/u/x{t}', '/u/{t}x', '/u/{}', '/u/{a b}', '/u/{1}', '/{t}/{t}'].map(
      (prefix) => [one({ prefix }), [`${WANTED} "${prefix}" ${WHOLE}`]],
    ),
    [
      `buckets: [${bucket({ keys: '{t}/', rule: EQUALS })}, ${bucket({ name: 'c', prefix: '/u/{x}', keys: '{x}/' })}]`,
      [
        'buckets[1].path_prefix: /u/{x} is the prefix of buckets[0] too, for the same hosts (give each its own hosts)',
      ],
    ],
    [
      `jwt: {secret: kX3v9Qw7Lr2Zt8Yp5Nc1Hb6Mf4Gd0Js7, claims: [${EQUALS}]}
buckets: [${bucket({ keys: '{t}/', more: ', auth: {enabled: true}' })}, ${bucket({ name: 'c', prefix: '/c', more: ', auth: {enabled: true}' })}]`,
      [
        'jwt.claims[0]: {t} is no part of path_prefix /c of bucket c (give that bucket a jwt of its own, or the name to its path_prefix)',
      ],
    ],
    [
      `buckets: [{name: a, path_prefix: "/u/{t}", s3: {bucket: b, key_prefix: "x/{t}/", replicas: [{name: r}, {name: s, key_prefix: "y/{t}/z/"}]}}]`,
      [
        'buckets[0].s3.replicas[1].key_prefix: differs from that of another replica from its first name on ("{t}/")',
      ],
    ],
  ] as [string, string[]][]) {
    test(`${yaml.replace(/^buckets: /, '')}: ${said.length === 0 ? 'is well' : said.join()}`, () => {
      assert.deepEqual(told(yaml), said)
    })
  }
})

test('replicas may differ in what is fixed, and are printed as they were written', () => {
  const loaded = load(
    `buckets: [{name: a, path_prefix: "/u/{t}", s3: {bucket: b, replicas: [{name: r, key_prefix: "x/{t}/"}, {name: s, key_prefix: "{t}/"}]}}]`,
  )
  assert.equal(loaded.kind, 'loaded')
  const [first] = loaded.config.buckets
  assert.equal(first?.s3.keyTemplate, '{t}/')
  assert.deepEqual(
    first?.s3.replicas.map(({ keyPrefix }) => keyPrefix),
    ['x/', ''],
  )
  assert.match(JSON.stringify(printConfig(loaded.config)), /"key_prefix":"x\/{t}\/".*"{t}\/"/)
})

test('braces behind a dollar, or with something else in them, are braces', () => {
  const loaded = load(
    'buckets: [{name: a, path_prefix: /u, s3: {bucket: b, key_prefix: "$${x}/{a b}/{"}}]',
  )
  assert.equal(loaded.kind, 'loaded')
  assert.equal(loaded.config.buckets[0]?.s3.replicas[0]?.keyPrefix, '${x}/{a b}/{')
})
