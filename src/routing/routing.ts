// Which route a request takes: the longest prefix that ends on a segment boundary, among those
// whose hosts include the request's. What a route leads to is not this folder's business.

import { editDistance } from '../config/suggest.ts'
import { isPattern, NOTHING_CAPTURED, PatternTree } from './pattern.ts'

export interface Routable<T> {
  /** '/' or '/a/b': no trailing slash. A segment may be a name in braces, which stands for any one. */
  readonly prefix: string
  /** Lower case; '*.example.org' stands for any name below; none stands for every host. */
  readonly hosts: readonly string[]
  readonly value: T
}

export interface Match<T> {
  readonly value: T
  /** What follows the prefix and one slash. */
  readonly rest: string
  /** The segments that stand for the names of the prefix, in their order. */
  readonly captured: readonly string[]
}

interface PrefixTable<T> {
  readonly byPrefix: ReadonlyMap<string, T>
  /** The most segments any prefix has: deeper boundaries need no look. */
  readonly depth: number
  /** All of them, where any has a name in it. */
  readonly patterns: PatternTree<T> | undefined
}

/** A route that a request does not take, and what keeps it from it. */
export interface NearMiss<T> {
  readonly route: Routable<T>
  readonly because: 'host' | 'path' | 'beaten'
}

export class RouteTable<T> {
  readonly #routes: readonly Routable<T>[]
  readonly #exact = new Map<string, PrefixTable<T>>()
  /** By suffix, with its leading dot. */
  readonly #wildcard = new Map<string, PrefixTable<T>>()
  readonly #everywhere: PrefixTable<T>

  constructor(routes: readonly Routable<T>[]) {
    this.#routes = routes
    this.#everywhere = prefixTable(routes.filter(({ hosts }) => hosts.length === 0))
    for (const host of new Set(routes.flatMap(({ hosts }) => hosts))) {
      const table = prefixTable(routes.filter((route) => serves(route, host)))
      if (host.startsWith('*')) this.#wildcard.set(host.slice(1), table)
      else this.#exact.set(host, table)
    }
  }

  match(host: string | undefined, path: string): Match<T> | undefined {
    return matchPrefix(this.#tableFor(host), path)
  }

  /** The route that leads to this. */
  routeOf(value: T): Routable<T> | undefined {
    return this.#routes.find((route) => route.value === value)
  }

  /**
   * What else could have been meant: routes that lack the host alone, that lose to a longer prefix,
   * or whose prefix is nearly that of the path.
   */
  nearMisses(host: string | undefined, path: string): readonly NearMiss<T>[] {
    const taken = this.match(host, path)?.value
    return this.#routes.flatMap((route): NearMiss<T>[] => {
      if (route.value === taken) return []
      const fitsHost = host === undefined ? route.hosts.length === 0 : serves(route, host)
      const fitsPath = matchPrefix(prefixTable([route]), path) !== undefined
      if (fitsPath) return [{ route, because: fitsHost ? 'beaten' : 'host' }]
      return fitsHost && isNearly(route.prefix, path) ? [{ route, because: 'path' }] : []
    })
  }

  #tableFor(host: string | undefined): PrefixTable<T> {
    if (host === undefined) return this.#everywhere
    const exact = this.#exact.get(host)
    if (exact !== undefined) return exact
    if (this.#wildcard.size === 0) return this.#everywhere
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      const table = dot > 0 ? this.#wildcard.get(host.slice(dot)) : undefined
      if (table !== undefined) return table
    }
    return this.#everywhere
  }
}

function serves<T>({ hosts }: Routable<T>, host: string): boolean {
  if (hosts.length === 0 || hosts.includes(host)) return true
  return hosts.some((own) => own.startsWith('*') && host.replace('*', '').endsWith(own.slice(1)))
}

function prefixTable<T>(routes: readonly Routable<T>[]): PrefixTable<T> {
  const byPrefix = new Map(routes.map(({ prefix, value }) => [prefix === '/' ? '' : prefix, value]))
  let depth = 0
  for (const prefix of byPrefix.keys()) depth = Math.max(depth, prefix.split('/').length - 1)
  const hasNames = routes.some(({ prefix }) => isPattern(prefix))
  return { byPrefix, depth, patterns: hasNames ? new PatternTree(routes) : undefined }
}

function matchPrefix<T>(table: PrefixTable<T>, path: string): Match<T> | undefined {
  if (table.patterns !== undefined) return table.patterns.match(path)
  let end = boundary(path, table.depth)
  while (end >= 0) {
    const value = table.byPrefix.get(path.slice(0, end))
    if (value !== undefined) {
      return { value, rest: path.slice(end + 1), captured: NOTHING_CAPTURED }
    }
    end = end === 0 ? -1 : path.lastIndexOf('/', end - 1)
  }
  return undefined
}

/** Where the first `depth` segments of a path end. */
function boundary(path: string, depth: number): number {
  let end = 0
  for (let segment = 0; segment < depth; segment += 1) {
    const next = path.indexOf('/', end + 1)
    if (next < 0) return path.length
    end = next
  }
  return end
}

/** As a slip of the hand would have it: another case, a missing slash, a letter or two. */
function isNearly(prefix: string, path: string): boolean {
  const own = likePath(prefix, path).toLowerCase()
  const other = path.toLowerCase()
  if (other.startsWith(own) || own.startsWith(other.replace(/\/$/, ''))) return true
  const segments = own.split('/').length
  const head = other.split('/', segments).join('/')
  return Math.max(head.length, own.length) <= 60 && editDistance(head, own) <= 2
}

/** What a name stands for is no slip. */
function likePath(prefix: string, path: string): string {
  if (!isPattern(prefix)) return prefix
  const segments = path.split('/')
  const like = prefix.split('/').map((own, index) => {
    const segment = segments[index] ?? ''
    return isPattern(own) && segment !== '' ? segment : own
  })
  return like.join('/')
}
