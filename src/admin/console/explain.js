// What a request would get, step by step, with the reason of each.

import { ask } from './api.js'
import { byId, el, fill, tag } from './dom.js'
import { outline } from './format.js'

const HEADLINE = ['step', 'outcome', 'reason']

export const explain = { open() {} }

export function listenToExplain(run) {
  byId('explain-form').addEventListener('submit', (event) => {
    event.preventDefault()
    run(async () => {
      const answer = await ask('GET', 'explain', { query: questionOf() })
      fill(byId('explain-answer'), summaryOf(answer), stepsOf(answer.steps))
      byId('explain-said').textContent = `${answer.steps.length} steps.`
    })
  })
}

function questionOf() {
  const query = [
    ['path', byId('explain-path').value],
    ['method', byId('explain-method').value],
  ]
  for (const name of ['host', 'address']) {
    const value = byId(`explain-${name}`).value
    if (value !== '') query.push([name, value])
  }
  for (const line of byId('explain-headers').value.split('\n')) {
    if (line.trim() !== '') query.push(['header', line])
  }
  return query
}

function summaryOf({ summary, threads }) {
  const { served, status, code, reason, bucket, key } = summary
  const word = served === false ? 'Refused' : served === null ? 'The origin decides' : 'Served'
  const mood = served === false ? 'bad' : served === null ? 'warn' : 'good'
  const numbers = [status, code].filter((part) => part !== null && part !== undefined).join(' ')
  const place =
    bucket === undefined ? undefined : el('p', { class: 'key' }, `${bucket}: ${key ?? ''}`)
  const others = threads?.map((one, index) => {
    const told = [one.verdict, one.status, one.cache_status].filter(
      (part) => part !== undefined && part !== null,
    )
    return el('li', {}, `Thread ${index + 1}: ${told.join(', ')}`)
  })
  return el(
    'section',
    { class: 'panel', 'aria-labelledby': 'explain-summary' },
    el('h2', { id: 'explain-summary' }, tag(word, mood), ` ${numbers}`),
    el('p', {}, reason),
    place,
    el('p', { class: 'mono' }, `Cache-Status: ${summary.cache_status}`),
    others === undefined ? undefined : el('ul', { class: 'plain' }, ...others),
  )
}

function stepsOf(steps) {
  return el('ol', { class: 'steps', 'aria-label': 'Steps' }, ...steps.map(stepOf))
}

function stepOf(step) {
  const facts = Object.entries(step).filter(([name]) => !HEADLINE.includes(name))
  const mood = step.outcome === 'refused' ? 'bad' : ''
  return el(
    'li',
    { class: 'panel' },
    el('h3', {}, `${step.step} `, tag(step.outcome, mood)),
    el('p', {}, step.reason),
    facts.length === 0
      ? undefined
      : el(
          'dl',
          {},
          ...facts.flatMap(([name, value]) => [
            el('dt', {}, name),
            el('dd', {}, el('pre', {}, outline(value).replace(/^\n/, ''))),
          ]),
        ),
  )
}
