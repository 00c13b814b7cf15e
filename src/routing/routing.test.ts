import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import * as fc from 'fast-check'

import { RouteTable } from './routing.ts'
import type { Match, Routable } from './routing.ts'

function route(prefix: string, ...hosts: string[]): Routable<string> {
  return { prefix, hosts, value: `${hosts.join()}${prefix}` }
}

function written(match: Match<string> | undefined): string {
  return match === undefined ? 'none' : `${match.value} ${match.rest}`
}

describe('prefixes', () => {
  const table = new RouteTable([route('/a'), route('/a/b'), route('/a/b/c/d'), route('/ä ö')])
  for (const [path, expected] of [
    ['/a', '/a '],
    ['/a/', '/a '],
    ['/a/x', '/a x'],
    ['/a//x', '/a /x'],
    ['/a/x/', '/a x/'],
    ['/a/bc', '/a bc'],
    ['/a/b', '/a/b '],
    ['/a/b/c', '/a/b c'],
    ['/a/b/c/d/e', '/a/b/c/d e'],
    ['/a/b/c/dd', '/a/b c/dd'],
    ['/ä ö/x', '/ä ö x'],
    ['/ab', 'none'],
    ['/', 'none'],
    ['//a', 'none'],
    ['/b/a', 'none'],
  ] as const) {
    test(`${path} matches ${expected}`, () => {
      assert.equal(written(table.match('any.test', path)), expected)
    })
  }

  test('the root takes what is left', () => {
    const rooted = new RouteTable([route('/'), route('/a')])
    assert.equal(written(rooted.match(undefined, '/')), '/ ')
    assert.equal(written(rooted.match(undefined, '/x/y')), '/ x/y')
    assert.equal(written(rooted.match(undefined, '//x')), '/ /x')
    assert.equal(written(rooted.match(undefined, '/a/x')), '/a x')
  })

  test('a table of nothing matches nothing', () => {
    assert.equal(new RouteTable<string>([]).match('a', '/'), undefined)
  })
})

describe('hosts', () => {
  const table = new RouteTable([
    route('/', 'cdn.test'),
    route('/w', '*.test'),
    route('/deep', '*.eu.test'),
    route('/all'),
  ])
  for (const [host, path, expected] of [
    ['cdn.test', '/x', 'cdn.test/ x'],
    ['cdn.test', '/w/x', '*.test/w x'],
    ['cdn.test', '/all/x', '/all x'],
    ['img.test', '/x', 'none'],
    ['img.test', '/w/x', '*.test/w x'],
    ['a.eu.test', '/w/x', '*.test/w x'],
    ['a.eu.test', '/deep/x', '*.eu.test/deep x'],
    ['eu.test', '/deep/x', 'none'],
    ['test', '/w/x', 'none'],
    ['other', '/all/x', '/all x'],
    [undefined, '/all/x', '/all x'],
    [undefined, '/w/x', 'none'],
    ['[::ffff:1.2.3.4]', '/all/x', '/all x'],
  ] as const) {
    test(`${host}${path} matches ${expected}`, () => {
      assert.equal(written(table.match(host, path)), expected)
    })
  }
})

/** One route after the other, by the letter of the promise. */
function naive(
  routes: readonly Routable<string>[],
  host: string | undefined,
  path: string,
): string {
  let best: Routable<string> | undefined
  for (const candidate of routes) {
    const isServed =
      candidate.hosts.length === 0 ||
      candidate.hosts.some((own) =>
        own.startsWith('*.') ? host?.endsWith(own.slice(1)) === true : own === host,
      )
    const bare = candidate.prefix === '/' ? '' : candidate.prefix
    if (!isServed || !`${path}/`.startsWith(`${bare}/`)) continue
    if (best === undefined || candidate.prefix.length > best.prefix.length) best = candidate
  }
  if (best === undefined) return 'none'
  const bare = best.prefix === '/' ? '' : best.prefix
  return `${best.value} ${path.slice(bare.length + 1)}`
}

test('any table answers as reading its routes one by one does', () => {
  const segment = fc.constantFrom('a', 'b', 'ab', 'é')
  const prefix = fc.array(segment, { maxLength: 3 }).map((parts) => `/${parts.join('/')}`)
  const host = fc.constantFrom('x.test', 'y.test', 'x.y.test', 'z')
  const pattern = fc.oneof(host, fc.constantFrom('*.test', '*.y.test'))
  const routes = fc
    .uniqueArray(fc.tuple(prefix, fc.uniqueArray(pattern, { maxLength: 2 })), {
      // Whose hosts overlap must differ in their prefix: the configuration sees to it.
      selector: ([path]) => path,
      maxLength: 6,
    })
    .map((list) => list.map(([path, hosts]) => route(path, ...hosts)))
  const path = fc
    .array(fc.oneof(segment, fc.constant('')), { maxLength: 5 })
    .map((parts) => `/${parts.join('/')}`)
  fc.assert(
    fc.property(routes, fc.option(host, { nil: undefined }), path, (list, asked, target) => {
      assert.equal(written(new RouteTable(list).match(asked, target)), naive(list, asked, target))
    }),
    { seed: 20_261_120, numRuns: 3000 },
  )
})

describe('what a request comes close to', () => {
  const table = new RouteTable([
    route('/products'),
    route('/products/new'),
    route('/products', 'cdn.test', '*.example.org'),
    route('/other', 'cdn.test'),
  ])
  const near = (host: string | undefined, path: string): string[] =>
    table.nearMisses(host, path).map(({ route: { value }, because }) => `${value} ${because}`)
  const cases: readonly [host: string | undefined, path: string, misses: readonly string[]][] = [
    [undefined, '/products/new/x', ['/products beaten', 'cdn.test,*.example.org/products host']],
    [undefined, '/other/x', ['cdn.test/other host']],
    ['x.test', '/other/x', ['cdn.test/other host']],
    [undefined, '/Products/x', ['/products path']],
    [undefined, '/productsx', ['/products path']],
    [undefined, '/prodcuts/x', ['/products path']],
    ['cdn.test', '/othr/x', ['cdn.test/other path']],
    [undefined, '/another/x', []],
  ]
  for (const [host, path, misses] of cases) {
    test(`${host ?? 'no host'} ${path}: ${misses.join(', ') || 'nothing'}`, () => {
      assert.deepEqual(near(host, path), misses)
    })
  }
})
