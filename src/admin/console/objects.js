// The objects that are asked for most, and those that came slowest.

import { ask } from './api.js'
import { byId, el, fill, table } from './dom.js'
import { proposePurge } from './purge.js'
import { bytes, clock, count, duration, milliseconds, NOTHING, percent } from './format.js'

export const objects = {
  everyMs: 3000,
  open() {},
  async refresh(signal) {
    const top = await ask('GET', 'top', { signal })
    byId('hottest-hint').textContent =
      `Requests of late: what is ${duration(top.half_life_seconds)} old counts half.`
    fill(byId('hottest'), hotTable(top.hottest))
    fill(byId('slowest'), slowTable(top.slowest))
  },
}

function hotTable(hottest) {
  const columns = [{ name: 'Object', kind: 'key' }, { name: 'Bucket' }]
  const rows = hottest.map(({ bucket, key, requests, hits, bytes: sent }) => [
    keyLink(bucket, key),
    bucket,
    count(requests),
    percent(requests > 0 ? Math.min(1, hits / requests) : Number.NaN),
    bytes(sent),
  ])
  const numbers = ['Requests', 'From the cache', 'Sent'].map((name) => ({ name, number: true }))
  return table('Hottest objects', [...columns, ...numbers], rows, 'Nothing was asked for yet.')
}

function slowTable(slowest) {
  const columns = [{ name: 'Object', kind: 'key' }, { name: 'Bucket' }]
  const rows = slowest.map((one) => [
    keyLink(one.bucket, one.key),
    one.bucket,
    milliseconds(one.first_byte_ms),
    milliseconds(one.duration_ms),
    String(one.status),
    one.cache,
    one.replica ?? NOTHING,
    clock(one.at),
  ])
  const numbers = ['First byte', 'Whole'].map((name) => ({ name, number: true }))
  const words = ['Status', 'Cache', 'Replica', 'At'].map((name) => ({ name }))
  return table('Slowest objects', [...columns, ...numbers, ...words], rows, 'Nothing was slow.')
}

/** To its purge, with the fields filled in. */
function keyLink(bucket, key) {
  const open = () => proposePurge(bucket, key)
  return el(
    'a',
    { href: '#purge', onclick: open, title: 'Purge this object' },
    key === '' ? '/' : key,
  )
}
