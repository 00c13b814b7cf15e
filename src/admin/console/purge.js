// A purge in two steps: what it covers is shown before anything is done, and what is done is what
// was shown.

import { ask, may, whoIsHere } from './api.js'
import { byId, el, fill } from './dom.js'
import { bytes, count } from './format.js'

const TEXTS = {
  key: ['Key', 'The key of the object in its bucket.'],
  prefix: ['Prefix', 'Such as images/2024/.'],
  pattern: ['Pattern', '* is any text without “/”, ** any text, ? one character.'],
  tag: ['Tag', 'As objects carry it.'],
  all: ['', ''],
}

/** Of a choice of all buckets. */
const EVERY = ''

export const purge = {
  open(buckets) {
    const options = [
      ...buckets.map(({ bucket }) => el('option', { value: bucket }, bucket)),
      el('option', { value: EVERY }, 'All buckets'),
    ]
    const chosen = proposed ?? byId('purge-bucket').value
    proposed = undefined
    fill(byId('purge-bucket'), ...options)
    if (buckets.some(({ bucket }) => bucket === chosen)) byId('purge-bucket').value = chosen
    guard()
    showFields()
  },
}

/** The bucket of an object that is to be purged, until the list of buckets is there to choose it in. */
let proposed

/** Fills in the fields, for the view that opens next. */
export function proposePurge(bucket, key) {
  proposed = bucket
  byId('purge-kind').value = 'key'
  byId('purge-text').value = key
  byId('purge-form').dispatchEvent(new Event('input', { bubbles: true }))
}

export function listenToPurge(run) {
  const form = byId('purge-form')
  form.addEventListener('input', () => {
    showFields()
    fill(byId('purge-answer'))
  })
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    run(preview)
  })

  async function preview() {
    const order = orderOf()
    const answer = await ask('POST', 'cache/purge', { body: { ...order, dry_run: true } })
    const { entries, bytes: held, nodes } = answer
    const confirm = el(
      'button',
      {
        type: 'button',
        id: 'purge-confirm',
        class: 'danger',
        onclick: () => run(() => carryOut(order)),
      },
      order.soft ? 'Make it stale' : 'Purge',
    )
    const cancel = el(
      'button',
      { type: 'button', onclick: () => fill(byId('purge-answer')) },
      'Cancel',
    )
    fill(
      byId('purge-answer'),
      el(
        'section',
        { class: 'panel', 'aria-labelledby': 'purge-preview-title' },
        el('h2', { id: 'purge-preview-title', tabindex: '-1' }, 'Preview'),
        el('p', { id: 'purge-covers' }, `${wordsOf(order)} covers ${heldText(entries, held)}.`),
        el(
          'p',
          { class: 'hint' },
          `Nothing has been purged. Entries are heads and slices, as the fullest layer has them. ${nodesText(nodes)}`,
        ),
        el('p', { class: 'buttons' }, confirm, cancel),
      ),
    )
    // Not on the button: a second Enter must not be what purges.
    byId('purge-preview-title').focus()
  }
}

async function carryOut(order) {
  const { status, entries, bytes: held, nodes } = await ask('POST', 'cache/purge', { body: order })
  const isSure = status === 'ok'
  const said = `${wordsOf(order)} is ${order.soft ? 'stale' : 'purged'}: ${heldText(entries, held)}. ${nodesText(nodes)}`
  const doubt = isSure ? '' : ` But it is ${status.replace('_', ' ')}: ask again.`
  fill(
    byId('purge-answer'),
    el(
      'p',
      { id: 'purge-done', class: `notice ${isSure ? 'good' : 'bad'}`, tabindex: '-1' },
      said + doubt,
    ),
  )
  byId('purge-done').focus()
}

function orderOf() {
  const bucket = byId('purge-bucket').value
  const kind = byId('purge-kind').value
  const what = kind === 'all' ? true : byId('purge-text').value
  return {
    ...(bucket === EVERY ? {} : { bucket }),
    [kind]: what,
    ...(byId('purge-soft').checked ? { soft: true } : {}),
  }
}

function wordsOf(order) {
  const place = order.bucket === undefined ? 'all buckets' : order.bucket
  if (order.all) return order.bucket === undefined ? 'Everything' : `All of ${place}`
  const [kind] = Object.keys(TEXTS).filter((name) => order[name] !== undefined)
  return `${TEXTS[kind][0]} “${order[kind]}” in ${place}`
}

function heldText(entries, held) {
  return `${count(entries)} ${entries === 1 ? 'entry' : 'entries'}, ${bytes(held)}`
}

function nodesText({ acknowledged, known }) {
  return known === 1 ? '' : `${acknowledged} of ${known} nodes have said that they know.`
}

function showFields() {
  const kind = byId('purge-kind').value
  const [label, hint] = TEXTS[kind]
  byId('purge-text-label').textContent = label
  byId('purge-hint').textContent = hint
  byId('purge-text').closest('div').hidden = kind === 'all'
  byId('purge-text').required = kind !== 'all'
}

function guard() {
  const isAllowed = may('purger')
  byId('purge-preview').disabled = !isAllowed
  const reason = byId('purge-reason')
  reason.hidden = isAllowed
  reason.textContent = isAllowed
    ? ''
    : `A ${whoIsHere()?.role ?? 'stranger'} may look and not purge: that takes the role purger.`
}
