// The command line, read: which command, with what; or what is wrong with it.

import { parseArgs } from 'node:util'

export type Command =
  | { readonly kind: 'serve' | 'check'; readonly file: string }
  | { readonly kind: 'config'; readonly file: string; readonly schema: boolean }
  | { readonly kind: 'purge'; readonly place: AdminPlace; readonly order: object }
  | { readonly kind: 'stats'; readonly place: AdminPlace; readonly bucket: string | undefined }
  | { readonly kind: 'help' | 'version' }
  | { readonly kind: 'mistaken'; readonly message: string }

/** Whom a command asks that asks a running Sluice. */
export interface AdminPlace {
  readonly url: string
  /** Without one, the environment's. */
  readonly token: string | undefined
}

export const USAGE = `sluice [serve] [--config config.yaml]    serve
sluice check [--config config.yaml]      load and validate; every problem with its path (also --test)
sluice config [--config config.yaml]     the effective configuration, secrets masked
sluice config --schema                   the JSON Schema of the configuration
sluice purge [--bucket B] (--key K | --prefix P | --pattern G | --tag T | --all) [--soft] [--dry-run]
                                         make what is cached a miss, or stale with --soft
sluice stats [BUCKET]                    what the cache holds, and how often it was of use
  of both: [--admin http://127.0.0.1:9090] [--token T, else SLUICE_ADMIN_TOKEN]
sluice --version | --help`

const OPTIONS = {
  config: { type: 'string', short: 'c', default: 'config.yaml' },
  test: { type: 'boolean', default: false },
  schema: { type: 'boolean', default: false },
  admin: { type: 'string' },
  token: { type: 'string' },
  bucket: { type: 'string' },
  key: { type: 'string' },
  prefix: { type: 'string' },
  pattern: { type: 'string' },
  tag: { type: 'string' },
  all: { type: 'boolean' },
  soft: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  version: { type: 'boolean', short: 'v', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

type Values = ReturnType<typeof parse>['values']

const OWNERS: readonly (readonly [command: string, ...options: (keyof Values)[]])[] = [
  ['config', 'schema'],
  ['purge', 'bucket', 'key', 'prefix', 'pattern', 'tag', 'all', 'soft', 'dry-run'],
]
const STANDARD_PLACE = 'http://127.0.0.1:9090'

export function readArguments(argv: readonly string[]): Command {
  try {
    const { values, positionals } = parse(argv)
    if (values.help) return { kind: 'help' }
    if (values.version) return { kind: 'version' }
    return commandFor(positionals, values)
  } catch (error) {
    return mistaken(error instanceof Error ? error.message : String(error))
  }
}

function parse(argv: readonly string[]) {
  return parseArgs({ args: [...argv], allowPositionals: true, options: OPTIONS })
}

function commandFor([name = 'serve', ...rest]: readonly string[], values: Values): Command {
  const { config: file, test, schema } = values
  const [bucket, ...more] = name === 'stats' ? rest : [undefined, ...rest]
  if (more.length > 0) return mistaken(`unexpected argument: ${more.join(' ')}`)
  const misplaced = misplacedOption(name, values)
  if (misplaced !== undefined) return mistaken(misplaced)
  switch (name) {
    case 'serve':
      return { kind: test ? 'check' : 'serve', file }
    case 'check':
      return { kind: 'check', file }
    case 'config':
      return { kind: 'config', file, schema }
    case 'purge':
      return { kind: 'purge', place: placeOf(values), order: orderOf(values) }
    case 'stats':
      return { kind: 'stats', place: placeOf(values), bucket }
    default:
      return mistaken(`unknown command: ${name}`)
  }
}

function misplacedOption(name: string, values: Values): string | undefined {
  const asks = name === 'purge' || name === 'stats'
  if (!asks && (values.admin !== undefined || values.token !== undefined)) {
    return '--admin and --token belong to the commands purge and stats'
  }
  for (const [command, ...options] of OWNERS) {
    const given = options.find((option) => values[option] !== undefined && values[option] !== false)
    if (given !== undefined && command !== name) {
      return `--${given} belongs to the command ${command}`
    }
  }
  return undefined
}

function placeOf({ admin = STANDARD_PLACE, token }: Values): AdminPlace {
  if (!/^https?:$/.test(URL.parse(admin)?.protocol ?? '')) {
    throw new Error(`--admin: wanted a URL such as ${STANDARD_PLACE}, found ${admin}`)
  }
  return { url: admin, token }
}

/** What makes a rule, the server says. */
function orderOf({ bucket, key, prefix, pattern, tag, all, soft, ...more }: Values): object {
  return { bucket, key, prefix, pattern, tag, all, soft, dry_run: more['dry-run'] }
}

function mistaken(message: string): Command {
  return { kind: 'mistaken', message }
}
