// The list of metrics against docs/metrics.md, and against what Prometheus's own guide wants of names.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { families } from '../src/observe/families.ts'
import type { Family } from '../src/observe/families.ts'

const text = readFileSync(new URL('../docs/metrics.md', import.meta.url), 'utf8')
const all: readonly (readonly [string, Family])[] = Object.entries(families)

/** Name, labels and kind, as a row tells them. */
function documented(markdown: string): string[] {
  const rows = markdown.matchAll(/^\| `(\w+)(?:\{([\w,]*)\})?`\s*\| (\w+)\. \S/gm)
  return [...rows].map(([, name, labels = '', kind = '']) => `${name} {${labels}} ${kind}`)
}

function expected(): string[] {
  return all.map(([name, { kind, labels }]) => {
    return `${name} {${labels.join(',')}} ${kind.charAt(0).toUpperCase()}${kind.slice(1)}`
  })
}

test('docs/metrics.md has every metric with its labels and its kind, and no other', () => {
  assert.deepEqual(documented(text).toSorted(), expected().toSorted())
})

test('a metric that is left out, invented or told with another label is seen', () => {
  const [row = ''] = /^\| `sluice_auth_total.*\n/m.exec(text) ?? []
  const wrong = [
    text.replace(row, ''),
    text.replace(row, row + row.replace('auth', 'other')),
    text.replace(row, row.replace('outcome', 'result')),
    text.replace(row, row.replace('Counter', 'Gauge')),
  ]
  for (const markdown of wrong) {
    assert.notDeepEqual(documented(markdown).toSorted(), expected().toSorted())
  }
})

test('a counter ends in _total, and nothing else does', () => {
  const wrong = all.filter(([name, { kind }]) => (kind === 'counter') !== name.endsWith('_total'))
  assert.deepEqual(wrong, [])
})

test('a histogram is of seconds or bytes', () => {
  const wrong = all.filter(
    ([name, { kind }]) => kind === 'histogram' && !/_(?:seconds|bytes)$/.test(name),
  )
  assert.deepEqual(wrong, [])
})

test('units are base units, and names are plain', () => {
  for (const [name, { labels }] of all) {
    assert.match(name, /^(?:sluice|process|nodejs)(?:_[a-z]+)+$/)
    assert.doesNotMatch(name, /_(?:ms|milliseconds|minutes|kb|mb|kilobytes|percent)(?:_|$)/)
    for (const label of labels) assert.match(label, /^[a-z]+$/, name)
    // Those that Prometheus makes itself.
    assert.ok(!labels.some((label) => ['le', 'quantile', 'job', 'instance'].includes(label)), name)
  }
})

test('each says what it is in a sentence of its own', () => {
  const helps = all.map(([, { help }]) => help)
  assert.equal(new Set(helps).size, helps.length)
  for (const help of helps) assert.match(help, /^\d?;? ?[\w/].{5,}\.$/)
})

test('no label can hold what clients make up', () => {
  const bounded = ['bucket', 'replica', 'from', 'to', 'limit', 'tier', 'source', 'kind', 'code']
  bounded.push('method', 'status', 'result', 'outcome', 'phase', 'reason', 'won', 'version', 'node')
  bounded.push('sink', 'of')
  const others = all.flatMap(([name, { labels }]) =>
    labels.filter((label) => !bounded.includes(label)).map((label) => `${name} ${label}`),
  )
  assert.deepEqual(others, [])
})
