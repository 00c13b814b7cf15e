// Fetching ahead: begun, followed, ended.

import { ask, may, whoIsHere } from './api.js'
import { byId, el, fill, table, tag } from './dom.js'
import { bytes, clock, count } from './format.js'

const MOODS = { running: '', completed: 'good', failed: 'bad', cancelled: 'warn' }

let doRun = () => {}

export const prewarm = {
  everyMs: 1000,
  open(buckets) {
    const cached = buckets.filter((bucket) => bucket.cached)
    fill(
      byId('prewarm-bucket'),
      ...cached.map(({ bucket }) => el('option', { value: bucket }, bucket)),
    )
    guard(cached.length > 0)
  },
  async refresh(signal) {
    const { tasks } = await ask('GET', 'cache/prewarm', { signal })
    showTasks(tasks)
  },
}

export function listenToPrewarm(run) {
  doRun = run
  byId('prewarm-form').addEventListener('submit', (event) => {
    event.preventDefault()
    run(async () => {
      const { task_id: id } = await ask('POST', 'cache/prewarm', { body: orderOf() })
      byId('prewarm-said').textContent = `The task ${id} has begun.`
      await prewarm.refresh()
    })
  })
}

function orderOf() {
  const bucket = byId('prewarm-bucket').value
  const keys = byId('prewarm-keys')
    .value.split('\n')
    .filter((line) => line !== '')
  if (keys.length > 0) return { bucket, keys }
  const prefix = byId('prewarm-prefix').value
  const most = byId('prewarm-most').value
  return {
    bucket,
    ...(prefix === '' ? {} : { prefix }),
    recursive: byId('prewarm-recursive').checked,
    ...(most === '' ? {} : { max_files: Number(most) }),
  }
}

function showTasks(tasks) {
  // Whoever stands on a button keeps standing there.
  const focused = document.activeElement?.dataset?.task
  const columns = [{ name: 'What', kind: 'key' }, { name: 'State' }, { name: 'Progress' }]
  const numbers = ['Objects', 'Failed', 'Bytes'].map((name) => ({ name, number: true }))
  const all = [...columns, ...numbers, { name: 'Began' }, { name: 'End it' }]
  fill(byId('tasks'), table('Prewarming tasks', all, tasks.map(rowOf), 'There are none.'))
  if (focused === undefined) return
  for (const button of byId('tasks').querySelectorAll('button')) {
    if (button.dataset.task === focused) button.focus()
  }
}

function rowOf(task) {
  const { order, status, reason, objects, bytes: fetched, started_at: began } = task
  const { found, done, skipped, unstored, failed } = objects
  const tried = done + skipped + unstored + failed
  const progress = el('progress', {
    max: Math.max(1, found),
    value: found === 0 && status === 'completed' ? 1 : tried,
    'aria-label': `${whatOf(order)}: ${tried} of ${found}`,
  })
  return [
    whatOf(order),
    el('span', {}, tag(status, MOODS[status]), reason === undefined ? '' : ` ${reason}`),
    el('span', { class: 'progress' }, progress, ` ${count(tried)} of ${count(found)}`),
    count(done),
    count(failed),
    bytes(fetched),
    clock(began),
    status === 'running' ? cancelButton(task) : '',
  ]
}

function cancelButton({ task_id: id, order }) {
  const cancel = async () => {
    await ask('DELETE', `cache/prewarm/${encodeURIComponent(id)}`)
    byId('prewarm-said').textContent = `The task ${id} is cancelled.`
    await prewarm.refresh()
  }
  return el(
    'button',
    {
      type: 'button',
      'data-task': id,
      'aria-label': `Cancel ${whatOf(order)}`,
      disabled: !may('purger'),
      onclick: () => doRun(cancel),
    },
    'Cancel',
  )
}

function whatOf({ bucket, prefix, keys }) {
  if (keys !== undefined) return `${bucket}: ${count(keys)} keys`
  return prefix === undefined ? `${bucket}: all` : `${bucket}: ${prefix}`
}

function guard(isAnyCached) {
  const isAllowed = may('purger')
  byId('prewarm-start').disabled = !isAllowed || !isAnyCached
  const reason = byId('prewarm-reason')
  reason.hidden = isAllowed && isAnyCached
  if (!isAllowed) {
    const role = whoIsHere()?.role ?? 'stranger'
    reason.textContent = `A ${role} may look and not fetch ahead: that takes the role purger.`
  } else if (!isAnyCached) reason.textContent = 'No bucket is cached.'
}
