import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { RouteTable } from './routing.ts'
import type { Match } from './routing.ts'

function tableOf(...prefixes: string[]): RouteTable<string> {
  return new RouteTable(prefixes.map((prefix) => ({ prefix, hosts: [], value: prefix })))
}

function written(match: Match<string> | undefined): string {
  if (match === undefined) return 'none'
  return `${match.value} [${match.captured.join('|')}] ${match.rest}`
}

const table = tableOf(
  '/u/{tenant}',
  '/u/admin',
  '/u/{tenant}/{kind}/x',
  '/u/{tenant}/pictures/x',
  '/u/admin/{kind}/x',
  '/{any}/z',
  '/v',
)

for (const [path, expected] of [
  ['/u/acme', '/u/{tenant} [acme] '],
  ['/u/acme/', '/u/{tenant} [acme] '],
  ['/u/acme/a/b', '/u/{tenant} [acme] a/b'],
  ['/u/a b%é/a', '/u/{tenant} [a b%é] a'],
  ['/u/{tenant}/a', '/u/{tenant} [{tenant}] a'],
  ['/u/admin/a', '/u/admin [] a'],
  ['/u/admins/a', '/u/{tenant} [admins] a'],
  ['/u/acme/films/x/y', '/u/{tenant}/{kind}/x [acme|films] y'],
  ['/u/acme/films/xy', '/u/{tenant} [acme] films/xy'],
  ['/u/acme/pictures/x/y', '/u/{tenant}/pictures/x [acme] y'],
  ['/u/admin/pictures/x/y', '/u/admin/{kind}/x [pictures] y'],
  ['/u//x', 'none'],
  ['/u/', 'none'],
  ['/u', 'none'],
  ['/u/acme//x', '/u/{tenant} [acme] /x'],
  ['/u/z', '/u/{tenant} [z] '],
  ['/w/z/1', '/{any}/z [w] 1'],
  ['/v/z', '/{any}/z [v] '],
  ['/v/y', '/v [] y'],
  ['//z', 'none'],
  ['/', 'none'],
] as const) {
  test(`${path} matches ${expected}`, () => {
    assert.equal(written(table.match('a.test', path)), expected)
  })
}

test('the root takes what no name does', () => {
  const rooted = tableOf('/', '/u/{tenant}')
  assert.equal(written(rooted.match(undefined, '/u')), '/ [] u')
  assert.equal(written(rooted.match(undefined, '/u/a/b')), '/u/{tenant} [a] b')
})

/** The slow way: every prefix on its own, and the best of those that match. */
function naive(prefixes: readonly string[], path: string): string {
  const parts = path.split('/').slice(1)
  const matching = prefixes.flatMap((prefix) => {
    const own = prefix === '/' ? [] : prefix.slice(1).split('/')
    const captured: string[] = []
    const fits = own.every((segment, index) => {
      const part = parts[index]
      if (!segment.startsWith('{')) return segment === part
      if (part === undefined || part === '') return false
      captured.push(part)
      return true
    })
    const rank = own.map((segment) => (segment.startsWith('{') ? 'name' : 'a said')).join()
    const rest = parts.slice(own.length).join('/')
    return fits
      ? [{ length: own.length, rank, told: `${prefix} [${captured.join('|')}] ${rest}` }]
      : []
  })
  const [best] = matching.toSorted(
    (one, other) => other.length - one.length || (one.rank < other.rank ? -1 : 1),
  )
  return best?.told ?? 'none'
}

test('any table answers as reading its prefixes one by one does', () => {
  const segment = fc.constantFrom('a', 'b', 'ab', '{n}')
  const prefixes = fc.uniqueArray(
    fc.array(segment, { maxLength: 4 }).map((all) => `/${all.join('/')}`),
    { maxLength: 8 },
  )
  const path = fc
    .array(fc.constantFrom('a', 'b', 'ab', 'c', ''), { maxLength: 6 })
    .map((all) => `/${all.join('/')}`)
  fc.assert(
    fc.property(prefixes, path, (list, target) => {
      assert.equal(written(tableOf(...list).match(undefined, target)), naive(list, target))
    }),
    { seed: 20_261_121, numRuns: 5000 },
  )
})

test('what a name stands for is no slip of the hand', () => {
  const near = (path: string): string[] =>
    tableOf('/users/{tenant}/files')
      .nearMisses(undefined, path)
      .map(({ because }) => because)
  assert.deepEqual(near('/users/acme/flies/x'), ['path'])
  assert.deepEqual(near('/USERS/acme/files/x'), ['path'])
  assert.deepEqual(near('/elsewhere/acme/more'), [])
})
