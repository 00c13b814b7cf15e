// The command line, read: which command, with what; or what is wrong with it.

import { parseArgs } from 'node:util'

export type Command =
  | { readonly kind: 'serve' | 'check'; readonly file: string }
  | { readonly kind: 'config'; readonly file: string; readonly schema: boolean }
  | { readonly kind: 'help' | 'version' }
  | { readonly kind: 'mistaken'; readonly message: string }

export const USAGE = `sluice [serve] [--config config.yaml]    serve
sluice check [--config config.yaml]      load and validate; every problem with its path (also --test)
sluice config [--config config.yaml]     the effective configuration, secrets masked
sluice config --schema                   the JSON Schema of the configuration
sluice --version | --help`

export function readArguments(argv: readonly string[]): Command {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        config: { type: 'string', short: 'c', default: 'config.yaml' },
        test: { type: 'boolean', default: false },
        schema: { type: 'boolean', default: false },
        version: { type: 'boolean', short: 'v', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) return { kind: 'help' }
    if (values.version) return { kind: 'version' }
    return commandFor(positionals, values)
  } catch (error) {
    return mistaken(error instanceof Error ? error.message : String(error))
  }
}

function commandFor(
  [name = 'serve', ...rest]: readonly string[],
  { config: file, test, schema }: { config: string; test: boolean; schema: boolean },
): Command {
  if (rest.length > 0) return mistaken(`unexpected argument: ${rest.join(' ')}`)
  if (schema && name !== 'config') return mistaken('--schema belongs to the command config')
  switch (name) {
    case 'serve':
      return { kind: test ? 'check' : 'serve', file }
    case 'check':
      return { kind: 'check', file }
    case 'config':
      return { kind: 'config', file, schema }
    default:
      return mistaken(`unknown command: ${name}`)
  }
}

function mistaken(message: string): Command {
  return { kind: 'mistaken', message }
}
