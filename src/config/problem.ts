// What is wrong with a configuration, as a value. Every reader and rule of this folder
// reports these; nobody throws one.

export interface Problem {
  /** Where, as an operator writes it: `buckets[0].s3.replicas[1].endpoint`. Empty for a whole file. */
  readonly path: string
  readonly message: string
  readonly hint?: string
  readonly file?: string
}

export type PathSegment = string | number

/** One line: `config.yaml: buckets[0].path_prefix: message (hint)`. */
export function formatProblem(problem: Problem): string {
  const hint = problem.hint === undefined ? '' : ` (${problem.hint})`
  return [problem.file, problem.path, problem.message + hint]
    .filter((part) => part !== undefined && part !== '')
    .join(': ')
}

export function joinPath(segments: readonly PathSegment[]): string {
  return segments.reduce<string>(childPath, '')
}

export function childPath(path: string, segment: PathSegment): string {
  if (typeof segment === 'number') return `${path}[${segment}]`
  const name = /^[\w-]{1,60}$/.test(segment) ? segment : quoted(segment)
  return path === '' ? name : `${path}.${name}`
}

/** A text as a message shows it: one line whatever it holds, and never long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
