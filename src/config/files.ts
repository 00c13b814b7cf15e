// The file on disk and every file it includes, each read once, in a settled order: a file,
// then what it includes, a pattern's matches sorted by name.

import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, matchesGlob } from 'node:path'

import { substitute } from './env.ts'
import type { Environment } from './env.ts'
import type { SourceTree } from './merge.ts'
import { childPath } from './problem.ts'
import type { Problem } from './problem.ts'
import { maxFileBytes, readYaml } from './read.ts'
import { describeFound, describeKind, emptyMapping, FromEnv, isTreeMapping } from './tree.ts'
import type { Tree } from './tree.ts'

export interface ReadFiles {
  readonly sources: readonly SourceTree[]
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
  readonly files: readonly string[]
  /** Where files were looked for that `include` names, there or not. */
  readonly places: readonly string[]
  /** Of the variables that `include` refers to. */
  readonly names: readonly string[]
  /** False when something that was to be read could not be: what seems missing may stand there. */
  readonly isWhole: boolean
}

export function readFiles(file: string, env: Environment): ReadFiles {
  const reading = startReading(env)
  readFile(file, { path: '', file }, reading)
  const { sources, problems, warnings, seen, places, names, isWhole } = reading
  const files = [...seen.values()].map((entry) => entry.file)
  return { sources, problems, warnings, files, places, names, isWhole }
}

interface Reading {
  readonly env: Environment
  readonly sources: SourceTree[]
  readonly problems: Problem[]
  readonly warnings: Problem[]
  /** By real path, so that a link to a file is that file. */
  readonly seen: Map<string, { readonly file: string; isOpen: boolean }>
  readonly places: string[]
  readonly names: string[]
  isWhole: boolean
}

function startReading(env: Environment): Reading {
  const found = { sources: [], problems: [], warnings: [], seen: new Map(), places: [], names: [] }
  return { env, ...found, isWhole: true }
}

function reportUnread(problem: Problem, reading: Reading): void {
  reading.problems.push(problem)
  reading.isWhole = false
}

/** The setting that names a file, or the whole of the first file, which nothing names. */
interface NamedAt {
  readonly path: string
  readonly file: string
}

function readFile(file: string, at: NamedAt, reading: Reading): void {
  const opened = openFile(file)
  if ('fault' in opened) {
    const message = at.path === '' ? opened.fault : `${file} ${opened.fault}`
    return reportUnread({ ...at, message }, reading)
  }
  const seen = reading.seen.get(opened.realPath)
  if (seen?.isOpen === true) {
    const message = `${file} includes itself, directly or by way of others`
    reading.problems.push({ ...at, message })
  } else if (seen === undefined) {
    const entry = { file, isOpen: true }
    reading.seen.set(opened.realPath, entry)
    readSource(file, opened.bytes, reading)
    entry.isOpen = false
  }
}

function readSource(file: string, bytes: Uint8Array, reading: Reading): void {
  const read = readYaml(bytes)
  if (read.kind === 'unreadable') return reportUnread({ ...read.problem, file }, reading)

  const { tree, problems } = read
  for (const problem of problems) reading.problems.push({ ...problem, file })
  if (!isTreeMapping(tree)) {
    const message = `wanted a mapping of settings, found ${describeKind(tree)}`
    return reportUnread({ path: '', file, message }, reading)
  }
  const { include, ...settings } = tree
  reading.sources.push({ file, tree: Object.assign(emptyMapping(), settings) })
  readIncludes(file, include, reading)
}

function readIncludes(file: string, include: Tree | undefined, reading: Reading): void {
  if (include === undefined) return
  if (!Array.isArray(include)) return readInclude(include, { path: 'include', file }, reading)
  for (const [index, pattern] of include.entries()) {
    readInclude(pattern, { path: childPath('include', index), file }, reading)
  }
}

function readInclude(pattern: Tree, at: NamedAt, reading: Reading): void {
  const { value, faults } = substitute(typeof pattern === 'string' ? pattern : '', reading.env)
  for (const fault of faults) reportUnread({ ...at, ...fault }, reading)
  if (faults.length > 0) return

  if (value instanceof FromEnv) reading.names.push(...value.names)
  const text = value instanceof FromEnv ? value.text : value
  if (text === '') {
    const message = `wanted a file name or a list of file names, found ${describeFound(pattern)}`
    return reportUnread({ ...at, message }, reading)
  }
  const path = isAbsolute(text) ? text : join(dirname(at.file), text)
  reading.places.push(path)
  const isPattern = /[*?]/.test(basename(path))
  const matches = isPattern ? matchFiles(path) : [path]
  if (matches.length === 0) reading.warnings.push({ ...at, message: `${text} matches no file` })
  for (const match of matches) readFile(match, at, reading)
}

/** As in a shell, `*` does not stand for the dot of a hidden file. */
function matchFiles(pattern: string): string[] {
  const folder = dirname(pattern)
  const wanted = basename(pattern)
  return namesIn(folder)
    .filter((name) => matchesGlob(name, wanted))
    .sort()
    .map((name) => join(folder, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true)
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // A folder that is not there holds no matching file, which is told as a warning.
  }
}

type Opened = { readonly realPath: string; readonly bytes: Uint8Array } | { readonly fault: string }

function openFile(file: string): Opened {
  const tooLarge = { fault: `is larger than ${maxFileBytes} bytes` }
  try {
    if (statSync(file).size > maxFileBytes) return tooLarge
    const bytes = readFileSync(file)
    return bytes.length > maxFileBytes ? tooLarge : { realPath: realpathSync(file), bytes }
  } catch (error) {
    return { fault: `cannot be read: ${reasonOf(error)}` }
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'no such file'
  if (code === 'EISDIR') return 'it is a folder'
  if (code === 'EACCES') return 'permission denied'
  return typeof code === 'string' ? code : 'unknown reason'
}
