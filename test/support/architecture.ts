// The rules of the house as functions from source files to the offences found in them. They read
// text, not syntax trees: what the formatter leaves is regular enough.

import { dirname, join } from 'node:path/posix'

/** Source text by path from the root of the project, such as `src/http/range.ts`. */
export type Sources = ReadonlyMap<string, string>

const LEVELS: Readonly<Record<string, number>> = {
  primitives: 0,
  http: 1,
  exchange: 2,
  config: 2,
  routing: 3,
  access: 3,
  cache: 3,
  origin: 3,
  observe: 3,
  proxy: 4,
  live: 5,
  server: 6,
  admin: 6,
  program: 7,
  'main.ts': 8,
  'health.ts': 8,
}
/** Each is the first file of a program. */
const PROGRAMS = ['src/main.ts', 'src/health.ts']
const VOCABULARIES = ['primitives', 'http', 'exchange', 'config']
const MOST_LINES = 400
const CLOCK = 'src/primitives/clock.ts'
const READS_CLOCK =
  /\bDate\.now\b|\bnew Date(?:\(\s*\)|\b(?!\s*\())|\bperformance\.now\b|\bhrtime\b/g
const UNFINISHED = /\.(?:skip|only|todo)\b|\b(?:skip|only|todo): *(?:true|''|"")/g
const EMPTY_NAMES = /^(?:managers?|helpers?|utils?|services?|processors?|base|impl)$/

/** An import goes down, or stays in its folder: never up, never to a sibling of the same level. */
export function importsThatClimb(sources: Sources): string[] {
  const offences = edgesWithin('src', sources).flatMap(({ from, to }) => {
    const [own, other] = [areaOf(from), areaOf(to)]
    if (own === other) return []
    const [level, below] = [LEVELS[own], LEVELS[other]]
    if (level === undefined) return `${from} is in no level: give ${own} one`
    if (below !== undefined && below < level) return []
    return `${from} (level ${level}) imports ${to} (level ${below ?? 'unknown'})`
  })
  return [...new Set(offences)]
}

/** Outsiders enter a folder by the file with its name; vocabularies are open. */
export function importsPastTheFrontDoor(sources: Sources): string[] {
  return edgesWithin('src', sources).flatMap(({ from, to }) => {
    const area = areaOf(to)
    const isOpen = area === areaOf(from) || VOCABULARIES.includes(area) || area === 'main.ts'
    if (isOpen || to === `src/${area}/${area}.ts`) return []
    return `${from} imports ${to}, not src/${area}/${area}.ts`
  })
}

/** A third-party package has one importer; an import of its types is one too. */
export function packagesWithSeveralImporters(sources: Sources): string[] {
  const importers = new Map<string, string[]>()
  for (const [path, text] of sources) {
    if (!path.startsWith('src/') || isTest(path)) continue
    const packages = new Set(specifiersIn(text).filter(isThirdParty).map(packageOf))
    for (const name of packages) importers.set(name, [...(importers.get(name) ?? []), path])
  }
  return [...importers]
    .filter(([, paths]) => paths.length > 1)
    .map(([name, paths]) => `${name} is imported by ${paths.join(' and ')}`)
}

export function clockReaders(sources: Sources): string[] {
  return matchesIn(sources, READS_CLOCK, (path) => {
    return path.startsWith('src/') && path !== CLOCK && !isTest(path)
  })
}

export function longFiles(sources: Sources): string[] {
  return [...sources]
    .map(([path, text]) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ path, lines }) => path.startsWith('src/') && lines > MOST_LINES)
    .map(({ path, lines }) => `${path} has ${lines} lines`)
}

/** Everything in `src/` is wired: a program reaches it by imports or as the file of a worker. */
export function unreachableFiles(sources: Sources): string[] {
  const reached = new Set<string>()
  const queue = [...PROGRAMS]
  for (const path of queue) {
    if (reached.has(path)) continue
    reached.add(path)
    const text = sources.get(path) ?? ''
    queue.push(...[...specifiersIn(text), ...workersIn(text)].map((to) => resolve(path, to)))
  }
  return [...sources.keys()].filter(
    (path) => path.startsWith('src/') && !isTest(path) && !reached.has(path),
  )
}

/** The program and the embedded S3 share no code: each is the other's independent check. */
export function importsAcrossTrees(sources: Sources): string[] {
  const forbidden: Readonly<Record<string, readonly string[]>> = {
    src: ['dev', 'test', 'bench'],
    dev: ['src', 'test', 'bench'],
  }
  return edges(sources)
    .filter(({ from, to }) => forbidden[treeOf(from)]?.includes(treeOf(to)))
    .map(({ from, to }) => `${from} imports ${to}`)
}

/** A test that is left out on purpose says why, by a missing part; nothing else is left out. */
export function unfinishedTests(sources: Sources): string[] {
  return matchesIn(sources, UNFINISHED, isTest)
}

export function emptyNames(sources: Sources): string[] {
  return [...sources.keys()].filter((path) =>
    path.split(/[/.-]/).some((word) => EMPTY_NAMES.test(word)),
  )
}

interface Edge {
  readonly from: string
  readonly to: string
}

function edges(sources: Sources): Edge[] {
  return [...sources].flatMap(([from, text]) =>
    specifiersIn(text)
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => ({ from, to: resolve(from, specifier) })),
  )
}

function edgesWithin(tree: string, sources: Sources): Edge[] {
  return edges(sources).filter(({ from, to }) => treeOf(from) === tree && treeOf(to) === tree)
}

function specifiersIn(text: string): string[] {
  const code = withoutComments(text)
  const statements = /^(?:import|export)\b[^'"`=()]*?\bfrom '([^']+)'|^import '([^']+)'/gm
  const expressions = /\bimport\(\s*'([^']+)'/g
  return [...code.matchAll(statements), ...code.matchAll(expressions)].map(
    ([, from, alone]) => from ?? alone ?? '',
  )
}

function workersIn(text: string): string[] {
  return [...withoutComments(text).matchAll(/new URL\('(\.[^']+\.ts)', import\.meta\.url\)/g)].map(
    ([, file = '']) => file,
  )
}

function matchesIn(sources: Sources, pattern: RegExp, concerns: (path: string) => boolean) {
  return [...sources]
    .filter(([path]) => concerns(path))
    .flatMap(([path, text]) =>
      [...withoutText(text).matchAll(pattern)].map(([found]) => `${path}: ${found}`),
    )
}

const STRINGS_AND_COMMENTS =
  /\/\/[^\n]*|\/\*[^]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[^]|[^`\\])*`/g

function withoutComments(text: string): string {
  return text.replace(STRINGS_AND_COMMENTS, (found) => (found.startsWith('/') ? '' : found))
}

/** Strings become empty; what a template computes stays. */
function withoutText(text: string): string {
  return text.replace(STRINGS_AND_COMMENTS, (found) => {
    if (found.startsWith('/')) return ''
    if (!found.startsWith('`')) return "''"
    return [...found.matchAll(/\$\{([^}]*)\}/g)].map(([, code = '']) => code).join(' ')
  })
}

function resolve(from: string, specifier: string): string {
  return join(dirname(from), specifier)
}

function treeOf(path: string): string {
  return path.split('/')[0] ?? ''
}

/** The folder below `src/`, or the file's own name where it has none. */
function areaOf(path: string): string {
  return path.split('/')[1] ?? ''
}

function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.endsWith('.contract.ts')
}

function isThirdParty(specifier: string): boolean {
  return !specifier.startsWith('.') && !specifier.startsWith('node:')
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
