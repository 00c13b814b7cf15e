// Prefixes some of whose segments are names in braces, `/u/{tenant}`, each of which stands for exactly
// one segment that is not empty. The longest that matches is taken, and among equally long ones that
// which says a segment outright where another names it, the first such segment deciding.

export interface PatternMatch<T> {
  readonly value: T
  readonly rest: string
  readonly captured: readonly string[]
}

interface Node<T> {
  readonly byText: Map<string, Node<T>>
  byName: Node<T> | undefined
  leaf: Leaf<T> | undefined
  /** No prefix goes on from here. */
  isLast: boolean
}

interface Leaf<T> {
  readonly value: T
  /** Which segments are captured, counted from 0. */
  readonly places: readonly number[]
}

export const NOTHING_CAPTURED: readonly string[] = []

export function isPattern(prefix: string): boolean {
  return prefix.includes('{')
}

export class PatternTree<T> {
  readonly #root: Node<T> = createNode()
  // What has been found so far, of the one path that is looked for at a time.
  #leaf: Leaf<T> | undefined
  #depth = 0
  #end = 0

  constructor(routes: readonly { readonly prefix: string; readonly value: T }[]) {
    for (const { prefix, value } of routes) this.#add(prefix, value)
  }

  match(path: string): PatternMatch<T> | undefined {
    this.#leaf = this.#root.leaf
    this.#depth = 0
    this.#end = 0
    this.#seek(this.#root, path, 0, 0)
    if (this.#leaf === undefined) return undefined
    const { value, places } = this.#leaf
    const rest = path.slice(this.#end + 1)
    const captured = places.length === 0 ? NOTHING_CAPTURED : segmentsAt(places, path)
    return { value, rest, captured }
  }

  /** `path` up to `end` has led to `node`. What is said outright is looked at first, so that it wins. */
  #seek(node: Node<T>, path: string, end: number, depth: number): void {
    if (node.leaf !== undefined && depth > this.#depth) {
      this.#leaf = node.leaf
      this.#depth = depth
      this.#end = end
    }
    if (end >= path.length || node.isLast) return
    const slash = path.indexOf('/', end + 1)
    const next = slash < 0 ? path.length : slash
    if (node.byText.size > 0) {
      const said = node.byText.get(path.slice(end + 1, next))
      if (said !== undefined) this.#seek(said, path, next, depth + 1)
    }
    if (node.byName !== undefined && next > end + 1) {
      this.#seek(node.byName, path, next, depth + 1)
    }
  }

  #add(prefix: string, value: T): void {
    const segments = prefix === '/' ? [] : prefix.slice(1).split('/')
    const places: number[] = []
    let node = this.#root
    for (const [place, segment] of segments.entries()) {
      node.isLast = false
      if (isPattern(segment)) {
        places.push(place)
        node = node.byName ??= createNode()
      } else {
        const next = node.byText.get(segment) ?? createNode()
        node.byText.set(segment, next)
        node = next
      }
    }
    node.leaf = { value, places }
  }
}

function createNode<T>(): Node<T> {
  return { byText: new Map(), byName: undefined, leaf: undefined, isLast: true }
}

function segmentsAt(places: readonly number[], path: string): string[] {
  const captured: string[] = []
  let end = 0
  let place = 0
  for (const wanted of places) {
    for (; place < wanted; place += 1) end = path.indexOf('/', end + 1)
    const slash = path.indexOf('/', end + 1)
    const next = slash < 0 ? path.length : slash
    captured.push(path.slice(end + 1, next))
    end = next
    place += 1
  }
  return captured
}
