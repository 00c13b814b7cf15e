// `sluice check` and `sluice config`: the configuration from a terminal, nothing served.

import { configSchema, formatProblem, loadConfig, printConfig } from './config.ts'
import type { Environment } from './env.ts'
import { printYaml } from './read.ts'

export type Out = (line: string) => void

/** All problems and warnings, one a line. Returns the exit code. */
export function checkCommand(file: string, env: Environment, out: Out): number {
  const loaded = loadConfig(file, env)
  if (loaded.kind === 'refused') {
    for (const problem of loaded.problems) out(formatProblem(problem))
    return 1
  }
  for (const warning of loaded.warnings) out(`warning: ${formatProblem(warning)}`)
  const count = loaded.config.buckets.length
  out(`${file}: ok, ${count} ${count === 1 ? 'bucket' : 'buckets'}`)
  return 0
}

export interface ConfigOptions {
  readonly schema: boolean
}

/** The effective configuration as YAML, or the JSON Schema. Returns the exit code. */
export function configCommand(
  file: string,
  env: Environment,
  { schema }: ConfigOptions,
  out: Out,
): number {
  if (schema) {
    out(JSON.stringify(configSchema(), null, 2))
    return 0
  }
  const loaded = loadConfig(file, env)
  if (loaded.kind === 'refused') {
    for (const problem of loaded.problems) out(formatProblem(problem))
    return 1
  }
  out(printYaml(printConfig(loaded.config)).trimEnd())
  return 0
}
