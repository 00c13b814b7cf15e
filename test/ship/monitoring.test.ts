// What Prometheus and Grafana are given: it is well formed, it asks for nothing that Sluice does not tell,
// and every alert fires when it should and leads to a page that says what to do.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { load } from 'js-yaml'

import { partMissing, requirePart } from '../support/parts.ts'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly annotations: Readonly<Record<string, string>>
}

interface Panel {
  readonly id: number
  readonly title: string
  readonly type: string
  readonly targets?: readonly { readonly expr: string }[]
}

interface Dashboard {
  readonly panels: readonly Panel[]
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
// The project's own files, in the shape that promtool and the tests below hold them to.
const parse = (text: string): { groups: { rules: Rule[] }[] } =>
  load(text) as { groups: { rules: Rule[] }[] }

const alerts = read('deploy/prometheus/alerts.yml')
const rules = parse(alerts).groups.flatMap(({ rules }) => rules)
const dashboard = JSON.parse(read('deploy/grafana/sluice.json')) as Dashboard
const panels = dashboard.panels.filter(({ type }) => type !== 'row')
const drawn = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
const documented = metricsOf(read('docs/metrics.md'))

const folder = mkdtempSync(join(tmpdir(), 'sluice-monitoring-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** Labels by name, of the rows of the tables. */
function metricsOf(markdown: string): Map<string, readonly string[]> {
  const rows = markdown.matchAll(/^\| `(\w+)(?:\{([\w,]+)\})?` /gm)
  return new Map([...rows].map(([, name = '', labels = '']) => [name, labels.split(',')]))
}

interface Question {
  readonly name: string
  readonly labels: readonly string[]
}

function questionsIn(expression: string): Question[] {
  const found = expression.matchAll(/\b((?:sluice|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)
  return [...found].map(([, name = '', matchers = '']) => ({
    name: name.replace(/_(?:bucket|sum|count)$/, ''),
    labels: [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
  }))
}

function untold(expressions: readonly string[]): string[] {
  return expressions.flatMap(questionsIn).flatMap(({ name, labels }) => {
    const known = documented.get(name)
    if (known === undefined) return [`${name} does not exist`]
    // Prometheus's own, by where it has scraped.
    const all = [...known, 'instance', 'job', 'le']
    return labels.filter((label) => !all.includes(label)).map((label) => `${name} has no ${label}`)
  })
}

function promtool(...args: string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(requirePart('promtool'), args, { encoding: 'utf8' })
  return { status, said: stdout + stderr }
}

test('alerts and dashboard ask for what there is, and the dashboard shows all of it', () => {
  assert.ok(documented.size > 40)
  assert.deepEqual(untold([...rules.map(({ expr }) => expr), ...drawn]), [])
  const shown = new Set(drawn.flatMap(questionsIn).map(({ name }) => name))
  const own = [...documented.keys()].filter((name) => name.startsWith('sluice_'))
  const elsewhere = ['sluice_prewarm_bytes_total', 'sluice_build_info']
  assert.deepEqual(
    own.filter((name) => !shown.has(name) && !elsewhere.includes(name)),
    [],
  )
})

test('what does not exist is noticed', () => {
  assert.deepEqual(untold(['rate(sluice_hits_total[5m])', 'sluice_replica_healthy{zone="a"}']), [
    'sluice_hits_total does not exist',
    'sluice_replica_healthy has no zone',
  ])
})

test('panels are told apart, each with a question', () => {
  const ids = dashboard.panels.map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length)
  for (const { title, targets = [] } of panels) assert.ok(targets.length > 0, title)
})

test('every alert leads to its section of the runbook', () => {
  const sections = [...read('docs/runbook.md').matchAll(/^### (\w+)$/gm)].map(
    ([, name = '']) => name,
  )
  const names = rules.map(({ alert }) => alert)
  assert.deepEqual(new Set(sections), new Set(names))
  assert.equal(sections.length, names.length)
  for (const { alert, annotations } of rules) {
    assert.equal(annotations['runbook'], `docs/runbook.md#${alert.toLowerCase()}`)
  }
})

const skip = partMissing('promtool')

test('Prometheus takes the alerts, and what samples it is given', { skip }, () => {
  const place = join(folder, 'alerts.yml')
  writeFileSync(place, alerts)
  for (const file of ['deploy/prometheus/scrape.yml', 'deploy/compose/prometheus.yml']) {
    const config = join(folder, 'prometheus.yml')
    writeFileSync(config, read(file).replace('/etc/prometheus/alerts.yml', place))
    const { status, said } = promtool('check', 'config', config)
    assert.equal(status, 0, said)
  }
})

test('Prometheus understands every panel', { skip }, () => {
  const asked = drawn.map((expr, index) => ({
    record: `panel:${index}`,
    expr: expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$(?:instance|bucket)/g, '.*'),
  }))
  const file = join(folder, 'panels.yml')
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules: asked }] }))
  const { status, said } = promtool('check', 'rules', '--lint=none', file)
  assert.equal(status, 0, said)
})

test('each alert fires with its cause, and would be missed if it did not', { skip }, () => {
  cpSync(join(ROOT, 'deploy/prometheus/alerts.test.yml'), join(folder, 'alerts.test.yml'))
  const test = (groups: string): ReturnType<typeof promtool> => {
    writeFileSync(join(folder, 'alerts.yml'), groups)
    return promtool('test', 'rules', join(folder, 'alerts.test.yml'))
  }
  const whole = test(alerts)
  assert.equal(whole.status, 0, whole.said)

  const silent = rules.map((rule) => ({ ...rule, expr: 'up > 2' }))
  const { said } = test(JSON.stringify({ groups: [{ name: 'sluice', rules: silent }] }))
  const missed = [...said.matchAll(/alertname: ?(\w+)/g)].map(([, name]) => name)
  assert.deepEqual(
    rules.map(({ alert }) => alert).filter((alert) => !missed.includes(alert)),
    [],
  )
})
