// Headers an operator adds to or takes from a bucket's answers. Those that frame the message
// or describe the exchange are Sluice's own: a wrong one breaks the answer, not the page.

import { HOP_BY_HOP, isValidHeaderName, isValidHeaderValue } from '../http/headers.ts'
import { field, text, textOf } from './fields.ts'
import { section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { isMapping } from './tree.ts'
import { z } from './zod.ts'

export interface ResponseHeadersConfig {
  readonly set: Readonly<Record<string, string>>
  readonly remove: readonly string[]
}

const ownHeaders: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'accept-ranges',
  'age',
  'cache-status',
  'content-length',
  'content-range',
  'date',
  'x-cache',
  'x-request-id',
])
/** Conditions are answered by those that S3 gave: a client would never have what it holds confirmed. */
const validators: ReadonlySet<string> = new Set(['etag', 'last-modified'])

const headerValue = field({
  wanted: 'a header value: one line of Latin-1 text',
  json: { type: ['string', 'number', 'boolean'] },
  read: (input) => {
    const value =
      typeof input === 'number' || typeof input === 'boolean' ? String(input) : textOf(input)
    return value !== undefined && isValidHeaderValue(value) ? value : undefined
  },
})

export const responseHeadersSchema = section(
  {
    set: z.record(z.string(), headerValue).prefault({}),
    remove: z.array(text({ wanted: 'a header name', test: isValidHeaderName })).prefault([]),
  },
  namesAreUsable,
  namesDiffer,
)

function namesAreUsable({ set, remove }: Loose): RuleProblem[] {
  const names = [
    ...setNames(set).map((name) => ({ name, path: ['set', name] })),
    ...removeNames(remove).map(([index, name]) => ({ name, path: ['remove', index] })),
  ]
  return names.flatMap(({ name, path }) => {
    if (!isValidHeaderName(name)) return [{ path, message: 'is not a header name' }]
    const isSet = path[0] === 'set'
    if (isSet && validators.has(name.toLowerCase())) {
      return [
        { path, message: `${name} is what conditions are answered by; it can only be removed` },
      ]
    }
    if (!ownHeaders.has(name.toLowerCase())) return []
    return [{ path, message: `${name} is a header that Sluice itself answers for` }]
  })
}

function namesDiffer({ set, remove }: Loose): RuleProblem[] {
  const setLower = setNames(set).map((name) => name.toLowerCase())
  const twice = setNames(set)
    .filter((name, index) => setLower.indexOf(name.toLowerCase()) !== index)
    .map((name) => ({ path: ['set', name], message: 'is set twice; case makes no difference' }))
  const contradicted = removeNames(remove)
    .filter(([, name]) => setLower.includes(name.toLowerCase()))
    .map(([index, name]) => ({ path: ['remove', index], message: `${name} is set and removed` }))
  return [...twice, ...contradicted]
}

function setNames(set: unknown): string[] {
  return isMapping(set) ? Object.keys(set) : []
}

function removeNames(remove: unknown): [number, string][] {
  const list: readonly unknown[] = Array.isArray(remove) ? remove : []
  return [...list.entries()].filter(
    (entry): entry is [number, string] => typeof entry[1] === 'string',
  )
}
