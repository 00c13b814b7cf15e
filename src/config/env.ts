// `${NAME}` and `${NAME:-default}` in values. As in a shell, the default also stands in for a
// variable that is set but empty. `$${` is a literal `${`.

import { childPath } from './problem.ts'
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
  const problems: Problem[] = []
  return { tree: substituteMapping(tree, '', { env, problems }), problems }
}

export interface SubstitutedTree {
  readonly tree: Mapping
  readonly problems: readonly Problem[]
}

interface Pass {
  readonly env: Environment
  readonly problems: Problem[]
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
