// What is different between two configurations, in the words of the file: by path, before and after.
// Of what is secret only that it is another.

import { fingerprint } from '../config/transfer.ts'
import { printConfig } from '../config/config.ts'
import type { Config } from '../config/config.ts'
import { Secret } from '../primitives/secret.ts'

export interface ConfigChange {
  /** Elements of lists that have names go by them: `buckets[products].cache.ttl`. */
  readonly path: string
  /** Undefined: it was not there. */
  readonly before: unknown
  /** Undefined: it is there no more. */
  readonly after: unknown
}

const MASK = '***'

export function changesBetween(before: Config, after: Config): readonly ConfigChange[] {
  return [
    ...changesOf('', printConfig(before), printConfig(after)),
    ...secretsChanged(before, after),
  ]
}

function changesOf(path: string, before: unknown, after: unknown): ConfigChange[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return []
  const [known, next] = [childrenOf(before), childrenOf(after)]
  if (known === undefined || next === undefined) return [{ path, before, after }]
  const names = new Set([...known.keys(), ...next.keys()])
  const found = [...names].flatMap((name) =>
    changesOf(path === '' ? name.replace(/^\./, '') : path + name, known.get(name), next.get(name)),
  )
  // They stand in another order.
  return found.length > 0 ? found : [{ path, before, after }]
}

/** By what follows the path of their parent; undefined for what is looked at as a whole. */
function childrenOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (!Array.isArray(value)) {
    return new Map(Object.entries(value).map(([name, child]) => [`.${name}`, child]))
  }
  const elements: readonly unknown[] = value
  const names = elements.map(nameOf)
  if (names.includes(undefined) || new Set(names).size < names.length) return undefined
  return new Map(elements.map((element, index) => [`[${names[index]}]`, element]))
}

function nameOf(element: unknown): string | undefined {
  if (typeof element !== 'object' || element === null) return undefined
  const named = 'name' in element ? element.name : 'id' in element ? element.id : undefined
  return typeof named === 'string' ? named : undefined
}

/** Printed they are alike. Those that came or went are told as settings. */
function secretsChanged(before: Config, after: Config): ConfigChange[] {
  const known = new Map(secretsIn('', before))
  return secretsIn('', after).flatMap(([path, print]) => {
    const last = known.get(path)
    return last === undefined || last === print ? [] : [{ path, before: MASK, after: MASK }]
  })
}

function secretsIn(path: string, value: unknown): [path: string, print: string][] {
  if (value instanceof Secret) return isShown(path) ? [] : [[settingAt(path), fingerprint(value)]]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, child]) => {
    const named = Array.isArray(value) ? `[${nameOf(child) ?? name}]` : `.${snakeCase(name)}`
    return secretsIn(path === '' ? named.replace(/^\./, '') : path + named, child)
  })
}

/** Without what is secret of it, it is printed. */
function isShown(path: string): boolean {
  return path === 'cache.redis.url'
}

/** Some settings are written elsewhere than where they are kept. */
function settingAt(path: string): string {
  return path.replace('.credentials.', '.').replace(/^cache\.redis\./, 'cache.redis.redis_')
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
