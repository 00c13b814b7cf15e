// `sluice completion`: in the shells themselves, asked as they are asked at a prompt.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { partMissing, requirePart } from '../support/parts.ts'
import { runSluice } from '../support/sluice.ts'

type Shell = 'bash' | 'zsh' | 'fish'

/** What is offered after a line, its last word unfinished. */
type Offered = (line: string) => readonly string[]

const LONG_MS = 20_000
const folder = mkdtempSync(join(tmpdir(), 'sluice-completion-'))
after(() => rmSync(folder, { recursive: true, force: true }))
writeFileSync(join(folder, 'site.yaml'), '')

const SHELLS: Readonly<Record<Shell, (script: string) => Offered>> = {
  bash: (script) => (line) => {
    const words = line.split(' ')
    const program = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sluice; printf '%s\\n' "\${COMPREPLY[@]}"`
    return run('bash', ['--norc', '-c', program, 'bash', script, ...words])
  },
  // A zsh at a prompt, in a terminal that zsh itself brings; what it lists is what it offers.
  zsh: (script) => (line) => {
    const driver = `
      zmodload zsh/zpty
      zpty shell zsh -f -i
      zpty -w shell 'PROMPT=; unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -D -u'
      zpty -w shell "source $1"
      zpty -w shell "zstyle ':completion:*' list-grouped false; zstyle ':completion:*' insert-tab false"
      zpty -w shell 'bindkey "^I" list-choices; stty columns 200 2>/dev/null; echo rea''dy'
      zpty -r -m shell line '*ready*'
      zpty -w -n shell "$2"$'\\t'
      all= quiet=0
      for turn in {1..100}; do
        sleep 0.1
        if zpty -r -t shell line; then all+=$line quiet=0; else quiet=$((quiet + 1)); fi
        if [ $quiet -gt 4 ] && [ \${#all} -gt $((\${#2} + 4)) ]; then break; fi
      done
      print -rn -- "$all"`
    const text = run('zsh', ['-f', '-c', driver, 'zsh', script, line]).join('\n')
    // What was typed comes back first, whole or a letter at a time.
    return text.replaceAll(/\p{Cc}\[[0-9;?]*[A-Za-z]/gu, '').split(/\s+/)
  },
  fish: (script) => (line) =>
    run('fish', ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', script, line]).map(
      (offer) => offer.split('\t')[0] ?? '',
    ),
}

function run(shell: Shell, args: readonly string[]): string[] {
  const text = execFileSync(requirePart(shell), args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: LONG_MS,
    env: { PATH: process.env['PATH'], HOME: folder, TERM: 'xterm' },
  })
  return text.split('\n').filter((line) => line !== '')
}

for (const shell of ['bash', 'zsh', 'fish'] as const) {
  describe(`completion in ${shell}`, { skip: partMissing(shell) }, () => {
    let offered: Offered

    before(async () => {
      const { code, stdout } = await runSluice(['completion', shell])
      assert.equal(code, 0)
      const file = join(folder, `sluice.${shell}`)
      writeFileSync(file, stdout)
      offered = SHELLS[shell](file)
    })

    function assertOffers(line: string, some: readonly string[], none: readonly string[]): void {
      const offers = offered(line)
      for (const one of some)
        assert.ok(offers.includes(one), `${line}: ${one} of ${offers.join(' ')}`)
      for (const one of none) assert.ok(!offers.includes(one), `${line}: no ${one}`)
    }

    test('offers the commands', () => {
      assertOffers('sluice ', ['serve', 'purge', 'top', 'completion'], ['--dry-run'])
      assertOffers('sluice pre', ['prewarm'], ['purge'])
    })

    test('offers the options of a command, and not those of others', () => {
      assertOffers(
        'sluice purge --',
        ['--bucket', '--dry-run', '--soft', '--admin'],
        ['--wait', '--config'],
      )
      assertOffers('sluice prewarm --', ['--wait', '--max-files'], ['--soft', '--claim'])
      assertOffers('sluice top --', ['--once', '--token'], ['--bucket'])
      assertOffers('sluice serve --', ['--config', '--test'], ['--json'])
    })

    test('offers the values of an option that has some, and files where files are meant', () => {
      assertOffers('sluice explain --method ', ['GET', 'HEAD'], ['purge', '--json'])
      assertOffers('sluice check --config si', ['site.yaml'], ['serve'])
    })

    test('knows the command behind options with values', () => {
      assertOffers('sluice purge --bucket serve --', ['--dry-run'], ['--test'])
    })

    test('offers the shells', () => {
      assertOffers('sluice completion ', ['bash', 'zsh', 'fish'], ['serve'])
    })
  })
}
