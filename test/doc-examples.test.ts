// Every example of a configuration in the documentation, loaded as it stands: what a reader copies starts.

import assert from 'node:assert/strict'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { checkCommand } from '../src/config/commands.ts'
import { keyPair, pem, SECRET } from './support/tokens.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PLACES = ['*.md', 'docs/*.md', 'policies/*.md', 'deploy/**/*.md', 'k6/*.md']
/** Of another program: its first word. That of the chart is rendered by the chart's test. */
const FOREIGN = /^(?:scrape_configs|secretRefs):/m

const BUCKETS = `buckets:
  - name: a
    path_prefix: /a
    s3: { bucket: a }
    auth: { enabled: true }
`

interface Example {
  readonly place: string
  readonly text: string
}

const folder = mkdtempSync(join(tmpdir(), 'sluice-examples-'))
after(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'issuer.pem'), pem(keyPair('rsa')))

const files = globSync(PLACES, { cwd: ROOT }).toSorted()
const examples = files.flatMap((file) => examplesIn(file, readFileSync(join(ROOT, file), 'utf8')))

function examplesIn(file: string, markdown: string): Example[] {
  return [...markdown.matchAll(/^( *)```ya?ml\n([^]*?)^ *```$/gm)].map((match) => {
    const line = markdown.slice(0, match.index).split('\n').length
    const text = (match[2] ?? '').replaceAll(new RegExp(`^${match[1]}`, 'gm'), '')
    return { place: `${file}:${line}`, text }
  })
}

/** What stands elsewhere in the same file, for a reader who has more than the example. */
function whole(text: string): string {
  const isBucket = text.startsWith('- name:')
  const own = isBucket ? `buckets:\n${text.replaceAll(/^/gm, '  ')}` : text
  const lacks = (section: string): boolean => !new RegExp(`^${section}:`, 'm').test(own)
  const buckets = lacks('buckets') ? BUCKETS : ''
  const asksForTokens = /^ +auth: \{ enabled: true \}/m.test(own + buckets)
  const jwt = asksForTokens && lacks('jwt') ? `jwt: { secret: ${SECRET} }\n` : ''
  return own + buckets + jwt
}

/** A value of its own for each variable, long enough for whatever it is. */
function environmentFor(text: string): Record<string, string> {
  const names = [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => name)
  return Object.fromEntries(
    names.map((name, index) => [name, `${index}kX3v9Qw7Lr2Zt8Yp5Nc1Hb6Mf4Gd0Js7`]),
  )
}

function saidOf(text: string): { code: number; lines: string[] } {
  const file = join(folder, 'config.yaml')
  const lines: string[] = []
  writeFileSync(file, whole(text))
  const code = checkCommand(file, environmentFor(text), (line) =>
    lines.push(line.replaceAll(`${folder}/`, '')),
  )
  return { code, lines }
}

for (const { place, text } of examples.filter((example) => !FOREIGN.test(example.text))) {
  test(`the example at ${place} loads, without a warning`, () => {
    const { code, lines } = saidOf(text)
    assert.deepEqual([code, lines.length], [0, 1], lines.join('\n'))
  })
}

test('there are examples to load, and one that is mis-spelt does not', () => {
  const places = examples.map(({ place }) => place.replace(/:\d+$/, ''))
  assert.ok(examples.length > 7, places.join())
  assert.deepEqual([...new Set(places)].toSorted(), [
    'README.md',
    'deploy/helm/sluice/README.md',
    'docs/config.md',
    'docs/metrics.md',
    'docs/quick-start.md',
    'docs/sizing.md',
    'policies/README.md',
  ])
  const [first] = examples.filter(({ text }) => text.includes('path_prefix'))
  assert.equal(saidOf((first?.text ?? '').replace('path_prefix', 'path_perfix')).code, 1)
})
