// What a shell needs to complete the command line: made from the table of commands, so that it knows
// what the program knows.

import { COMMANDS, OPTIONS, OWNERS, SHELLS } from './arguments.ts'
import type { Shell } from './arguments.ts'

type OptionName = keyof typeof OPTIONS

interface Hint {
  readonly does: string
  /** What may follow: the names of files, or these words; of everything else nothing is known. */
  readonly values?: 'files' | readonly string[]
}

const HINTS: Readonly<Record<OptionName, Hint>> = {
  config: { does: 'the configuration file', values: 'files' },
  test: { does: 'validate the configuration, and end' },
  schema: { does: 'the JSON Schema of the configuration' },
  admin: { does: 'URL of the operations listener' },
  token: { does: 'token of a role' },
  bucket: { does: 'name of a bucket' },
  key: { does: 'key of an object, or id of a signing key' },
  prefix: { does: 'all that begins so' },
  pattern: { does: 'all that matches' },
  tag: { does: 'all that has the tag' },
  all: { does: 'everything' },
  soft: { does: 'stale instead of gone' },
  'dry-run': { does: 'count, and do nothing' },
  method: { does: 'method of the request', values: ['GET', 'HEAD', 'OPTIONS'] },
  host: { does: 'host of the request' },
  address: { does: 'address of the client' },
  header: { does: 'a header of the request' },
  json: { does: 'as JSON' },
  once: { does: 'print once, and end' },
  secret: { does: 'the secret' },
  claim: { does: 'name=value' },
  expires: { does: 'how long it is good for' },
  algorithm: { does: 'algorithm of the token', values: ['HS256', 'HS384', 'HS512'] },
  'no-recursive': { does: 'not what lies behind a further /' },
  'max-files': { does: 'the most that is listed' },
  wait: { does: 'follow it to its end' },
  ip: { does: 'network that it is good for' },
  id: { does: 'id that it can be revoked by' },
  cookie: { does: 'a cookie instead of a URL' },
  base: { does: 'what stands before the path' },
  version: { does: 'print the version' },
  help: { does: 'print how it is used' },
}

/** Of the option's commands; those of no command go with the ones that read the configuration. */
const READS_FILE: readonly string[] = ['serve', 'check', 'config', 'sign']
const SERVES: readonly string[] = ['serve']

// The cast: these are its keys.
const NAMES = Object.keys(OPTIONS) as OptionName[]

export function completionScript(shell: Shell): string {
  switch (shell) {
    case 'bash':
      return bashScript()
    case 'zsh':
      return zshScript()
    case 'fish':
      return fishScript()
  }
}

/** Undefined: of all of them. */
function commandsOf(name: OptionName): readonly string[] | undefined {
  if (name === 'help' || name === 'version') return undefined
  if (name === 'config') return READS_FILE
  if (name === 'test') return SERVES
  return OWNERS.flatMap(([commands, ...options]) => (options.includes(name) ? commands : []))
}

function optionsOf(command: string): OptionName[] {
  return NAMES.filter((name) => commandsOf(name)?.includes(command) ?? true)
}

function takesValue(name: OptionName): boolean {
  return OPTIONS[name].type === 'string'
}

function bashScript(): string {
  const cases = Object.keys(COMMANDS).map(
    (command) => `    ${command}) words="${wordsAfter(command)}" ;;`,
  )
  const valued = NAMES.filter(takesValue).map((name) => {
    const { values } = HINTS[name]
    const reply =
      values === 'files'
        ? 'COMPREPLY=($(compgen -f -- "$word"))'
        : `COMPREPLY=($(compgen -W "${(values ?? []).join(' ')}" -- "$word"))`
    return `    --${name}) ${reply}; return ;;`
  })
  return `# sluice completion bash: source <(sluice completion bash)
_sluice() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command= words= at=1
  COMPREPLY=()
  case "$before" in
    -c) COMPREPLY=($(compgen -f -- "$word")); return ;;
${valued.join('\n')}
  esac
  while [ "$at" -lt "$COMP_CWORD" ]; do
    case "\${COMP_WORDS[at]}" in
      ${valuedOptions().join('|')}|-c) at=$((at + 1)) ;;
      -*) ;;
      *) command="\${COMP_WORDS[at]}"; break ;;
    esac
    at=$((at + 1))
  done
  case "$command" in
    '') words="${[...Object.keys(COMMANDS), ...longOptions('serve')].join(' ')}" ;;
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o filenames -F _sluice sluice
`.trimEnd()
}

function wordsAfter(command: string): string {
  const shells = COMMANDS[command]?.argument === 'shell' ? SHELLS : []
  return [...shells, ...longOptions(command)].join(' ')
}

function longOptions(command: string): string[] {
  return optionsOf(command).map((name) => `--${name}`)
}

function zshScript(): string {
  const commands = Object.entries(COMMANDS).map(([name, { does }]) => `    '${name}:${does}'`)
  const cases = Object.entries(COMMANDS).map(([name, { argument }]) => {
    const own = argument === undefined ? [] : [zshArgument(argument)]
    const lines = [...optionsOf(name).map(zshOption), ...own].map((line) => `        ${line}`)
    return `      ${name})\n        _arguments \\\n${lines.join(' \\\n')} ;;`
  })
  return `#compdef sluice
# sluice completion zsh > a file _sluice in a folder of $fpath, or: source <(sluice completion zsh)
_sluice() {
  local context state state_descr line
  typeset -A opt_args
  local -a commands
  commands=(
${commands.join('\n')}
  )
  _arguments -C ${optionsOf('serve').map(zshOption).join(' ')} '1: :->command' '*:: :->rest'
  case $state in
    command) _describe command commands ;;
    rest)
      case $line[1] in
${cases.join('\n')}
      esac ;;
  esac
}
if [ "$funcstack[1]" = _sluice ]; then _sluice "$@"; else compdef _sluice sluice; fi`
}

function zshOption(name: OptionName): string {
  const { does, values } = HINTS[name]
  if (!takesValue(name)) return `'--${name}[${does}]'`
  const many = 'multiple' in OPTIONS[name] ? '*' : ''
  const after = values === 'files' ? '_files' : values === undefined ? '' : `(${values.join(' ')})`
  return `'${many}--${name}[${does}]:${name}:${after}'`
}

function zshArgument(argument: string): string {
  return argument === 'shell' ? `'1:shell:(${SHELLS.join(' ')})'` : `'1:${argument}:'`
}

function fishScript(): string {
  const commands = Object.entries(COMMANDS).map(
    ([name, { does }]) => `complete -c sluice -n '__sluice_is none' -a ${name} -d '${does}'`,
  )
  const options = NAMES.map((name) => {
    const of = commandsOf(name)
    // Without a command it serves.
    const all = of?.includes('serve') === true ? ['none', ...of] : of
    const when = all === undefined ? '' : ` -n '__sluice_is ${all.join(' ')}'`
    return `complete -c sluice${when} -l ${name}${fishValue(name)} -d '${HINTS[name].does}'`
  })
  return `# sluice completion fish > ~/.config/fish/completions/sluice.fish
function __sluice_is
  set -l command none
  set -l is_value no
  for word in (commandline -opc)[2..]
    if test $is_value = yes
      set is_value no
      continue
    end
    switch $word
      case -c ${valuedOptions().join(' ')}
        set is_value yes
      case '-*'
      case '*'
        set command $word
        break
    end
  end
  contains -- $command $argv
end
complete -c sluice -f
${commands.join('\n')}
complete -c sluice -n '__sluice_is completion' -a '${SHELLS.join(' ')}'
${options.join('\n')}`
}

function valuedOptions(): string[] {
  return NAMES.filter(takesValue).map((name) => `--${name}`)
}

function fishValue(name: OptionName): string {
  const { values } = HINTS[name]
  if (!takesValue(name)) return ''
  if (values === 'files') return ' -r -F'
  return values === undefined ? ' -x' : ` -x -a '${values.join(' ')}'`
}
