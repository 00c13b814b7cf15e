import assert from 'node:assert/strict'
import { test } from 'node:test'

import { COMMANDS, OPTIONS, OWNERS, readArguments, SHELLS, USAGE } from './arguments.ts'
import { completionScript } from './completion.ts'

test('every command and option stands in the script of every shell', () => {
  for (const shell of SHELLS) {
    const script = completionScript(shell)
    for (const name of Object.keys(COMMANDS)) assert.ok(script.includes(name), `${shell}: ${name}`)
    for (const name of Object.keys(OPTIONS)) {
      const written = shell === 'fish' ? `-l ${name} ` : `--${name}`
      assert.ok(script.includes(written), `${shell}: ${name}`)
    }
  }
})

test('the table of commands is the one that the command line is read by', () => {
  for (const [name, { argument }] of Object.entries(COMMANDS)) {
    const said = readArguments([name, ...(argument === undefined ? [] : ['x'])])
    const isKnown = said.kind !== 'mistaken' || !said.message.startsWith('unknown command')
    assert.ok(isKnown, `${name}: ${JSON.stringify(said)}`)
    assert.ok(USAGE.includes(name), name)
  }
  assert.equal(readArguments(['constructor']).kind, 'mistaken')
  const used = [...USAGE.matchAll(/^sluice (\w+)/gm)].map(([, name]) => name)
  assert.deepEqual(
    used.filter((name) => name !== undefined && !(name in COMMANDS)),
    [],
  )
  for (const [commands] of OWNERS) {
    for (const name of commands) assert.ok(name in COMMANDS, name)
  }
})

test('a shell that is not known is said to be so', () => {
  for (const args of [['completion'], ['completion', 'tcsh'], ['completion', 'bash', 'zsh']]) {
    assert.equal(readArguments(args).kind, 'mistaken', args.join(' '))
  }
  assert.deepEqual(readArguments(['completion', 'fish']), { kind: 'completion', shell: 'fish' })
})
