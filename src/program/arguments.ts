// The command line, read: which command, with what; or what is wrong with it.

import { parseArgs } from 'node:util'

import { withoutCredentials } from '../primitives/secret.ts'

export type Command =
  | { readonly kind: 'serve' | 'check'; readonly file: string }
  | { readonly kind: 'config'; readonly file: string; readonly schema: boolean }
  | { readonly kind: 'purge'; readonly place: AdminPlace; readonly order: object }
  | { readonly kind: 'prewarm'; readonly place: AdminPlace; readonly prewarming: Prewarming }
  | { readonly kind: 'reload'; readonly place: AdminPlace }
  | { readonly kind: 'stats'; readonly place: AdminPlace; readonly bucket: string | undefined }
  | {
      readonly kind: 'explain'
      readonly place: AdminPlace
      readonly request: ExplainRequest
      readonly json: boolean
    }
  | { readonly kind: 'top'; readonly place: AdminPlace; readonly isOnce: boolean }
  | { readonly kind: 'completion'; readonly shell: Shell }
  | { readonly kind: 'token'; readonly minting: Minting }
  | { readonly kind: 'sign'; readonly signing: Signing }
  | { readonly kind: 'audit-verify'; readonly files: readonly string[] }
  | { readonly kind: 'help' | 'version' }
  | { readonly kind: 'mistaken'; readonly message: string }

/** A request to be explained. */
export interface ExplainRequest {
  readonly path: string
  readonly method: string | undefined
  readonly host: string | undefined
  readonly address: string | undefined
  /** `Name: value` each. */
  readonly headers: readonly string[]
}

/** Whom a command asks that asks a running Sluice. */
export interface AdminPlace {
  readonly url: string
  /** Without one, the environment's. */
  readonly token: string | undefined
}

export interface Prewarming {
  readonly order: object
  /** The task is followed to its end. */
  readonly isAwaited: boolean
}

/** A token to be made, as it was written. */
export interface Minting {
  readonly secret: string | undefined
  /** `name=value` each. */
  readonly claims: readonly string[]
  readonly expires: string
  readonly algorithm: string
}

/** A URL or cookie to be signed, as it was written. */
export interface Signing {
  /** As in a URL, with its query. */
  readonly target: string
  /** Where the bucket and its keys are looked up, where no secret is given. */
  readonly file: string
  readonly keyId: string | undefined
  readonly secret: string | undefined
  readonly expires: string
  readonly method: string
  readonly scope: string | undefined
  readonly network: string | undefined
  readonly id: string | undefined
  readonly base: string | undefined
  readonly host: string | undefined
  readonly isCookie: boolean
}

export const USAGE = `sluice [serve] [--config config.yaml]    serve
sluice check [--config config.yaml]      load and validate; every problem with its path (also --test)
sluice config [--config config.yaml]     the effective configuration, secrets masked
sluice config --schema                   the JSON Schema of the configuration
sluice purge [--bucket B] (--key K | --prefix P | --pattern G | --tag T | --all) [--soft] [--dry-run]
                                         make what is cached a miss, or stale with --soft
sluice prewarm --bucket B [--prefix P] [--no-recursive] [--max-files N] | --bucket B --key K [--key K …]
        [--wait]                         fetch ahead what clients will ask for; --wait follows it to its end
sluice stats [BUCKET]                    what the cache holds, and how often it was of use
sluice reload                            read the configuration again; every problem, if it is refused
sluice explain PATH [--method M] [--host H] [--address IP] [--header 'Name: value']… [--json]
                                         what a request would get, and why, without serving it
sluice top [--once]                      what passes, the hottest and the slowest, anew each second; q quits
  of the last five: [--admin http://127.0.0.1:9090] [--token T, else SLUICE_ADMIN_TOKEN]
sluice token [--secret S, else SLUICE_JWT_SECRET] [--claim NAME=VALUE]… [--expires 1h] [--algorithm HS256]
                                         a token for trying things out
sluice sign PATH [--expires 1h] [--prefix '/below/*'] [--method GET] [--ip 10.0.0.0/8] [--id ID] [--cookie] [--base URL]
        [--config config.yaml [--host H] [--key K] | --key K --secret S, else SLUICE_SIGNING_SECRET]
                                         a signed URL or the Set-Cookie for it, by the keys of the path's bucket or by the one given
sluice completion bash|zsh|fish          what a shell needs to complete all this
sluice audit verify FILE…                whether the records of an audit log are all there and unchanged
sluice --version | --help`

export const OPTIONS = {
  config: { type: 'string', short: 'c', default: 'config.yaml' },
  test: { type: 'boolean', default: false },
  schema: { type: 'boolean', default: false },
  admin: { type: 'string' },
  token: { type: 'string' },
  bucket: { type: 'string' },
  key: { type: 'string', multiple: true },
  prefix: { type: 'string' },
  pattern: { type: 'string' },
  tag: { type: 'string' },
  all: { type: 'boolean' },
  soft: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  method: { type: 'string' },
  host: { type: 'string' },
  address: { type: 'string' },
  header: { type: 'string', multiple: true },
  json: { type: 'boolean' },
  once: { type: 'boolean' },
  secret: { type: 'string' },
  claim: { type: 'string', multiple: true },
  expires: { type: 'string' },
  algorithm: { type: 'string' },
  'no-recursive': { type: 'boolean' },
  'max-files': { type: 'string' },
  wait: { type: 'boolean' },
  ip: { type: 'string' },
  id: { type: 'string' },
  cookie: { type: 'boolean' },
  base: { type: 'string' },
  version: { type: 'boolean', short: 'v', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

type Values = ReturnType<typeof parse>['values']

/** Which commands an option is of; those that are not named here are everybody's. */
export const OWNERS: readonly (readonly [
  commands: readonly string[],
  ...options: (keyof Values)[],
])[] = [
  [['config'], 'schema'],
  [['purge', 'prewarm'], 'bucket'],
  [['purge', 'prewarm', 'sign'], 'key', 'prefix'],
  [['purge'], 'pattern', 'tag', 'all', 'soft', 'dry-run'],
  [['prewarm'], 'no-recursive', 'max-files', 'wait'],
  [['token'], 'claim', 'algorithm'],
  [['token', 'sign'], 'secret', 'expires'],
  [['explain'], 'address', 'header', 'json'],
  [['top'], 'once'],
  [['explain', 'sign'], 'method', 'host'],
  [['sign'], 'ip', 'id', 'cookie', 'base'],
  [['purge', 'prewarm', 'stats', 'reload', 'explain', 'top'], 'admin', 'token'],
]
/** What each does, in a few words, and what it may be given besides its name. */
export const COMMANDS: Readonly<Record<string, { does: string; argument?: string }>> = {
  serve: { does: 'serve' },
  check: { does: 'load and validate the configuration' },
  config: { does: 'print the effective configuration' },
  purge: { does: 'make what is cached a miss' },
  prewarm: { does: 'fetch ahead what clients will ask for' },
  stats: { does: 'what the cache holds, and how often it was of use', argument: 'bucket' },
  reload: { does: 'read the configuration again' },
  explain: { does: 'what a request would get, and why', argument: 'path' },
  top: { does: 'what passes, anew each second' },
  token: { does: 'make a token for trying things out' },
  sign: { does: 'sign a URL or a cookie', argument: 'path' },
  audit: { does: 'whether an audit log is whole and unchanged', argument: 'verify' },
  completion: { does: 'what a shell needs to complete all this', argument: 'shell' },
}
export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]
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
  if (name === 'audit') return auditCommandOf(rest, values)
  const takesOne = Object.hasOwn(COMMANDS, name) && COMMANDS[name]?.argument !== undefined
  const [argument, ...more] = takesOne ? rest : [undefined, ...rest]
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
    case 'prewarm':
      return { kind: 'prewarm', place: placeOf(values), prewarming: prewarmingOf(values) }
    case 'stats':
      return { kind: 'stats', place: placeOf(values), bucket: argument }
    case 'reload':
      return { kind: 'reload', place: placeOf(values) }
    case 'explain':
      return explainCommandOf(argument, values)
    case 'top':
      return { kind: 'top', place: placeOf(values), isOnce: values.once === true }
    case 'completion':
      return completionOf(argument)
    case 'token':
      return { kind: 'token', minting: mintingOf(values) }
    case 'sign':
      return signCommandOf(argument, values)
    default:
      return mistaken(`unknown command: ${name}`)
  }
}

function misplacedOption(name: string, values: Values): string | undefined {
  for (const [commands, ...options] of OWNERS) {
    const given = options.find((option) => values[option] !== undefined && values[option] !== false)
    if (given === undefined || commands.includes(name)) continue
    const owners = commands.join(', ').replace(/, (?=\w+$)/, ' and ')
    return `--${given} belongs to the command${commands.length > 1 ? 's' : ''} ${owners}`
  }
  return undefined
}

function placeOf({ admin = STANDARD_PLACE, token }: Values): AdminPlace {
  if (!/^https?:$/.test(URL.parse(admin)?.protocol ?? '')) {
    throw new Error(
      `--admin: wanted a URL such as ${STANDARD_PLACE}, found ${withoutCredentials(admin)}`,
    )
  }
  return { url: admin, token }
}

function explainCommandOf(path: string | undefined, values: Values): Command {
  if (path === undefined) return mistaken('explain what? sluice explain /path/of/an/object')
  const { method, host, address, header: headers = [], json = false } = values
  const request = { path, method, host, address, headers }
  return { kind: 'explain', place: placeOf(values), request, json }
}

function completionOf(argument: string | undefined): Command {
  const shell = SHELLS.find((one) => one === argument)
  return shell === undefined
    ? mistaken('completion for what? sluice completion bash, zsh or fish')
    : { kind: 'completion', shell }
}

/** What makes a rule, the server says. */
function orderOf({ bucket, key: keys, prefix, pattern, tag, all, soft, ...more }: Values): object {
  const [key, ...others] = keys ?? []
  if (others.length > 0) throw new Error('--key: a purge has one')
  return { bucket, key, prefix, pattern, tag, all, soft, dry_run: more['dry-run'] }
}

function prewarmingOf({ bucket, key: keys, prefix, wait, ...more }: Values): Prewarming {
  const { 'no-recursive': isFlat, 'max-files': written } = more
  if (written !== undefined && !/^\d{1,15}$/.test(written)) {
    throw new Error(`--max-files: wanted a whole number, found ${written}`)
  }
  const recursive = isFlat === true ? false : undefined
  const max = written === undefined ? undefined : Number(written)
  return { order: { bucket, keys, prefix, recursive, max_files: max }, isAwaited: wait === true }
}

function mintingOf({ secret, claim, expires = '1h', algorithm = 'HS256' }: Values): Minting {
  return { secret, claims: claim ?? [], expires, algorithm }
}

function signCommandOf(target: string | undefined, values: Values): Command {
  if (target === undefined) return mistaken('sign what? sluice sign /path/of/an/object')
  const { config: file, key: keys = [], secret, expires = '1h', method = 'GET', prefix } = values
  const { ip: network, id, base, host, cookie = false } = values
  const [keyId, ...others] = keys
  if (others.length > 0) return mistaken('--key: a signature has one')
  const how = { keyId, secret, expires, method, scope: prefix, network, id }
  return { kind: 'sign', signing: { target, file, ...how, base, host, isCookie: cookie } }
}

function auditCommandOf([verb, ...files]: readonly string[], values: Values): Command {
  const misplaced = misplacedOption('audit', values)
  if (misplaced !== undefined) return mistaken(misplaced)
  if (verb !== 'verify') return mistaken('audit what? sluice audit verify FILE…')
  if (files.length === 0) return mistaken('verify what? sluice audit verify FILE…')
  return { kind: 'audit-verify', files }
}

function mistaken(message: string): Command {
  return { kind: 'mistaken', message }
}
