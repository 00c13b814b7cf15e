// Two thousand clients that keep their connection for the next time: what they cost while they ask nothing.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { startChild } from '../support/children.ts'
import { openFront } from '../support/front.ts'
import { request } from '../support/http.ts'
import { untilMetrics } from '../support/metrics.ts'
import { residentBytes } from '../support/resident.ts'
import { until } from '../support/until.ts'

const CLIENTS = 2000
/** Some 12 are what Node takes; a buffer kept for each would be 16 more. */
const MOST_KIB_EACH = 24
const TIMEOUT_MS = 120_000
const PROGRAM = fileURLToPath(new URL('../support/idle-clients.ts', import.meta.url))

test(
  'an idle connection takes little memory, and keeps no other from being answered',
  { timeout: TIMEOUT_MS },
  async () => {
    await using front = await openFront({
      cache: { cache_layers: ['memory'] },
      server: { limits: { keep_alive_timeout: '10m' } },
    })
    front.put('small', 'x'.repeat(1024))
    for (let asked = 0; asked < 500; asked += 1) await request(`${front.url}/files/small`)
    const before = residentBytes(front.sluice.pid)

    const { opsUrl } = front
    const areOpen = (count: number): Promise<unknown> =>
      untilMetrics(
        opsUrl,
        `${count} are open`,
        (now) => now.sum('sluice_connections_open') === count,
      )
    let said = ''
    const args = [PROGRAM, String(front.port), String(CLIENTS), '/files/small', 'http']
    const clients = startChild(process.execPath, args, { onStdout: (text) => (said += text) })
    try {
      await until(
        'all are open',
        async () => said,
        (text) => text.includes(`open ${CLIENTS}`),
        TIMEOUT_MS,
      )
      await areOpen(CLIENTS)
      const eachKiB = (residentBytes(front.sluice.pid) - before) / CLIENTS / 1024
      assert.ok(eachKiB < MOST_KIB_EACH, `${eachKiB.toFixed(1)} KiB each`)
      assert.equal((await request(`${front.url}/files/small`)).status, 200)
      assert.doesNotMatch(said, /closed/)
    } finally {
      clients.kill('SIGKILL')
    }
    await clients.exited
    await areOpen(0)
  },
)
