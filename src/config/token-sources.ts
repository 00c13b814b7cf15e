// Where in a request a token is looked for, in order.

import { isValidHeaderName } from '../http/headers.ts'
import { choice, text } from './fields.ts'
import { section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import type { z } from './zod.ts'

export interface TokenSource {
  readonly type: 'bearer' | 'header' | 'query' | 'cookie'
  /** Of the header (lower case), parameter or cookie; empty for a bearer token. */
  readonly name: string
  /** What stands before the token in a header. */
  readonly prefix: string
}

export const BEARER: TokenSource = { type: 'bearer', name: '', prefix: '' }

export const tokenSourceSchema = section(
  {
    type: choice(['bearer', 'header', 'query', 'cookie']),
    name: text({ wanted: 'the name of the header, query parameter or cookie' }).optional(),
    prefix: text({ wanted: 'what stands before the token, such as "Token "' }).optional(),
  },
  fits,
)

function fits({ type, name, prefix }: Loose): RuleProblem[] {
  const problems: RuleProblem[] = []
  if (type === 'bearer' && name !== undefined) {
    const message = 'means nothing with bearer, which is the header Authorization'
    problems.push({ path: ['name'], message })
  }
  if (typeof type === 'string' && type !== 'bearer' && name === undefined) {
    problems.push({ path: ['name'], message: `is missing; a ${type} has a name` })
  }
  const isToken = typeof name !== 'string' || type === 'query' || isValidHeaderName(name)
  if (!isToken) problems.push({ path: ['name'], message: `is no name of a ${String(type)}` })
  if (type !== 'header' && prefix !== undefined) {
    problems.push({ path: ['prefix'], message: 'only means something with type: header' })
  }
  return problems
}

export function toTokenSource({
  type,
  name = '',
  prefix = '',
}: z.output<typeof tokenSourceSchema>): TokenSource {
  return { type, name: type === 'header' ? name.toLowerCase() : name, prefix }
}

export function printTokenSource({ type, name, prefix }: TokenSource): object {
  return { type, ...(name === '' ? {} : { name }), ...(prefix === '' ? {} : { prefix }) }
}
