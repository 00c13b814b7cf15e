// docs/config.md against the schema: every setting is documented with its default, and nothing
// is documented that does not exist.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { listSettings } from '../src/config/schema.ts'
import type { Setting } from '../src/config/schema.ts'

const text = readFileSync(new URL('../docs/config.md', import.meta.url), 'utf8')

test('docs/config.md documents every setting with its default, and no other', () => {
  const documented = documentedSettings(text)
  assert.deepEqual(documented.map(describe).sort(), listSettings().map(expected).sort())
})

test('an undocumented setting, an invented one and a wrong default are seen', () => {
  const lines = text.split('\n')
  const row = lines.find((line) => line.startsWith('| `drain`')) ?? ''
  const without = documentedSettings(text.replace(row, ''))
  const invented = documentedSettings(text.replace(row, `${row}\n${row.replace('drain', 'x')}`))
  const wrong = documentedSettings(text.replace(row, row.replace('`30s`', '`31s`')))
  const settings = listSettings().map(expected).sort()
  for (const documented of [without, invented, wrong]) {
    assert.notDeepEqual(documented.map(describe).sort(), settings)
  }
})

interface Row {
  readonly path: string
  readonly default: string
}

/** Rows of four cells that begin with a code word, below a heading that names their section. */
function documentedSettings(markdown: string): readonly Row[] {
  let section: string | undefined
  return markdown.split('\n').flatMap((line) => {
    const heading = /^## (?:`(.+)`)?/.exec(line)
    if (heading !== null) section = heading[1] ?? ''
    const row = /^\| `([^`|]+)`\s*\|[^|]+\|([^|]+)\|[^|]+\|$/.exec(line)
    if (row === null) return []
    const name = row[1] ?? ''
    const path = section === '' || section === undefined ? name : `${section}.${name}`
    return [{ path, default: (row[2] ?? '').trim() }]
  })
}

function describe({ path, default: written }: Row): string {
  // A default in words ("none", "inherited", "its position") is none that the schema knows.
  const known = /^`(.*)`$/.exec(written)?.[1]
  return `${path}: ${known ?? (written === 'required' ? written : 'no default')}`
}

function expected({ path, isRequired, default: value }: Setting): string {
  if (isRequired) return `${path}: required`
  if (value === undefined) return `${path}: no default`
  return `${path}: ${typeof value === 'string' && value !== '' ? value : JSON.stringify(value)}`
}
