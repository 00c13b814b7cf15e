// The configuration in force, and what the last reload changed, where the answer tells it.

import { ask, Refused } from './api.js'
import { byId, el, fill, table } from './dom.js'
import { instant, outline } from './format.js'

export const config = {
  open() {},
  async refresh(signal) {
    const [sections, reloads] = await Promise.all([
      ask('GET', 'config', { signal }),
      ask('GET', 'reload', { signal }).catch(unlessThereIsNone),
    ])
    fill(byId('config-changes'), ...changesOf(reloads))
    fill(byId('config-sections'), ...Object.entries(sections).map(sectionOf))
  },
}

function unlessThereIsNone(error) {
  if (error instanceof Refused && error.status === 404) return undefined
  throw error
}

function sectionOf([name, value]) {
  const text = outline(value).replace(/^\n/, '')
  return el(
    'details',
    { class: 'panel', open: true },
    el('summary', {}, el('h2', {}, name)),
    el('pre', { tabindex: '0', role: 'group', 'aria-label': name }, text),
  )
}

function changesOf(reloads) {
  if (reloads === undefined) return []
  const { config_generation: generation, since, last, last_reloaded: reloaded } = reloads
  const state = el('p', {}, `Configuration ${generation}, in force since ${instant(since)}.`)
  const refused = last?.outcome === 'refused' ? [refusedPanel(last)] : []
  return [state, ...refused, ...(reloaded === null ? [] : [changesPanel(reloaded)])]
}

function refusedPanel({ at, problems }) {
  const items = problems.map(({ path, message }) => el('li', {}, `${path}: ${message}`))
  return el(
    'section',
    { class: 'notice bad', 'aria-labelledby': 'refused-title' },
    el('h2', { id: 'refused-title' }, `The last reload was refused, ${instant(at)}`),
    el('ul', {}, ...items),
  )
}

function changesPanel({ at, trigger, changes }) {
  const rows = changes.map(({ path, before, after }) => [path, valueText(before), valueText(after)])
  return el(
    'section',
    { class: 'panel', 'aria-labelledby': 'changes-title' },
    el('h2', { id: 'changes-title' }, 'Changed by the last reload'),
    el('p', { class: 'hint' }, `${instant(at)}, by ${trigger}`),
    el(
      'div',
      { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': 'Changes' },
      table('Changes', COLUMNS, rows, 'Nothing.'),
    ),
  )
}

const COLUMNS = [
  { name: 'Setting', kind: 'key' },
  { name: 'Before', kind: 'text' },
  { name: 'Now', kind: 'text' },
]

/** What was not there, or is not any more, is null. */
function valueText(value) {
  if (value === undefined || value === null) return 'none'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
