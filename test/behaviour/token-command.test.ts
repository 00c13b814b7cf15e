// `sluice token` makes what a bucket takes.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { bucketAt, openFront } from '../support/front.ts'
import { request } from '../support/http.ts'
import { runSluice } from '../support/sluice.ts'
import { bearer, inSeconds, SECRET } from '../support/tokens.ts'

function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}

test('a token made at the command line is let in, with the claims it was given', async () => {
  const jwt = {
    secret: SECRET,
    claims: [
      { claim: 'role', operator: 'equals', value: 'admin' },
      { claim: 'age', operator: 'gte', value: 18 },
      { claim: 'teams', operator: 'contains', value: 'b' },
    ],
  }
  await using front = await openFront(
    { jwt },
    { buckets: (at) => [bucketAt(at, { name: 'private', auth: { enabled: true } })] },
  )
  front.put('a', 'body')
  const claims = ['role=admin', 'age=18', 'teams=["a","b"]', 'sub=ann'].flatMap((claim) => [
    '--claim',
    claim,
  ])
  const made = await runSluice(['token', '--secret', SECRET, ...claims, '--expires', '1h'])
  assert.deepEqual([made.code, made.stderr], [0, ''])
  const text = made.stdout.trim()
  const answer = await request(`${front.url}/private/a`, { headers: bearer(text) })
  assert.equal(answer.status, 200)
  const { exp, iat } = claimsOf(text)
  assert.equal(Number(exp) - Number(iat), 3600)
  assert.ok(Math.abs(Number(iat) - inSeconds(0)) < 30)
})

test('the secret may stand in the environment, and the algorithm be another', async () => {
  const env = { SLUICE_JWT_SECRET: SECRET.repeat(2) }
  const made = await runSluice(['token', '--algorithm', 'HS512', '--expires', '5m'], { env })
  assert.equal(made.code, 0)
  const head: unknown = JSON.parse(
    Buffer.from(made.stdout.split('.')[0] ?? '', 'base64url').toString(),
  )
  assert.deepEqual(head, { alg: 'HS512', typ: 'JWT' })
})

const WRONG: readonly [args: readonly string[], said: RegExp][] = [
  [[], /--secret is missing, and SLUICE_JWT_SECRET is not set/],
  [['--secret', 'kX3v9Qw7Lr2'], /the secret has 11 bytes; HS256 needs at least 32/],
  [['--secret', 'changeme-changeme-changeme-changeme'], /is a placeholder/],
  [['--secret', SECRET, '--algorithm', 'RS256'], /wanted HS256, HS384 or HS512/],
  [['--secret', SECRET, '--algorithm', 'HS512'], /needs at least 64/],
  [['--secret', SECRET, '--claim', 'role'], /wanted name=value, found role/],
  [['--secret', SECRET, '--expires', 'soon'], /wanted a duration/],
  [['more'], /unexpected argument/],
]

for (const [args, said] of WRONG) {
  test(`sluice token ${args.join(' ')} is refused`, async () => {
    const { code, stdout, stderr } = await runSluice(['token', ...args])
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, said)
    assert.ok(!stderr.includes(SECRET))
  })
}
