// `${NAME}` and `${NAME:-default}` in values. As in a shell, the default also stands in for a
// variable that is set but empty. `$${` is a literal `${`.

import { childPath, quoted } from './problem.ts'
import type { Problem } from './problem.ts'
import { emptyMapping, FromEnv, isTreeMapping } from './tree.ts'
import type { Mapping, Tree } from './tree.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface EnvFault {
  readonly message: string
  readonly hint: string
}

export interface Substituted {
  readonly value: string | FromEnv
  readonly faults: readonly EnvFault[]
}

/** Every text of a tree; keys stay as they are. */
export function substituteAll(tree: Mapping, env: Environment): SubstitutedTree {
  const pass: Pass = { env, problems: [], names: new Set() }
  const { problems, names } = pass
  return { tree: substituteMapping(tree, '', pass), problems, names }
}

export interface SubstitutedTree {
  readonly tree: Mapping
  readonly problems: readonly Problem[]
  /** Of the variables that were referred to. */
  readonly names: ReadonlySet<string>
}

interface Pass {
  readonly env: Environment
  readonly problems: Problem[]
  readonly names: Set<string>
}

/** Shorter ones are words and numbers that messages have of their own, and nobody's secret. */
const LEAST_HIDDEN = 8

/** Where a message would show what a variable holds, it shows the variable's name. */
export function withoutValues(
  problem: Problem,
  names: ReadonlySet<string>,
  env: Environment,
): Problem {
  const hidden = [...names]
    .flatMap((name) =>
      spellings(valueOf(name, undefined, env) ?? '').map((text) => [name, text] as const),
    )
    .toSorted(([, one], [, other]) => other.length - one.length)
  const hide = (shown: string): string =>
    hidden.reduce((text, [name, value]) => text.replaceAll(value, () => `\${${name}}`), shown)
  const { message, hint } = problem
  return { ...problem, message: hide(message), ...(hint === undefined ? {} : { hint: hide(hint) }) }
}

/** As messages may show it: as it is, or quoted and cut. */
function spellings(value: string): string[] {
  if (value.length < LEAST_HIDDEN) return []
  return [value, quoted(value).slice(1, -1).replace(/…$/, '')]
}

function substituteMapping(tree: Mapping, path: string, pass: Pass): Mapping {
  const mapping = emptyMapping()
  for (const [key, value] of Object.entries(tree)) {
    mapping[key] = substituteNode(value, childPath(path, key), pass)
  }
  return mapping
}

function substituteNode(node: Tree, path: string, pass: Pass): Tree {
  if (Array.isArray(node)) {
    return node.map((item, index) => substituteNode(item, childPath(path, index), pass))
  }
  if (isTreeMapping(node)) return substituteMapping(node, path, pass)
  if (typeof node !== 'string') return node
  const { value, faults } = substitute(node, pass.env)
  for (const fault of faults) pass.problems.push({ path, ...fault })
  if (value instanceof FromEnv) for (const name of value.names) pass.names.add(name)
  return value
}

const reference = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g

export function substitute(text: string, env: Environment): Substituted {
  if (!text.includes('${')) return { value: text, faults: [] }

  const names: string[] = []
  const faults: EnvFault[] = []
  const replaced = text.replace(reference, (whole, name?: string, fallback?: string) => {
    if (whole === '$${') return '${'
    if (name === undefined) {
      faults.push(malformed)
      return ''
    }
    names.push(name)
    const value = valueOf(name, fallback, env)
    if (value === undefined) faults.push(missing(name))
    return value ?? ''
  })
  return { value: names.length === 0 ? replaced : new FromEnv(replaced, names), faults }
}

function valueOf(name: string, fallback: string | undefined, env: Environment): string | undefined {
  const value = Object.hasOwn(env, name) ? env[name] : undefined
  return fallback !== undefined && (value === undefined || value === '') ? fallback : value
}

const malformed: EnvFault = {
  message: 'holds "${" that begins no variable reference',
  hint: 'write ${NAME} or ${NAME:-default}; a literal "${" is written "$${"',
}

function missing(name: string): EnvFault {
  return {
    message: `the environment variable ${name} is not set`,
    hint: `set ${name}, or write \${${name}:-default}`,
  }
}
