// The unit for systemd: it is well formed, shut in, and does with the program what it says.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { listSettings } from '../../src/config/schema.ts'
import { partIfThere } from '../support/parts.ts'
import { RUNTIME_FLAGS } from '../support/sluice.ts'

const unit = readFileSync(new URL('../../deploy/systemd/sluice.service', import.meta.url), 'utf8')
const lines = unit.split('\n').filter((line) => /^\w+=/.test(line))
const valuesOf = (name: string): string[] =>
  lines.filter((line) => line.startsWith(`${name}=`)).map((line) => line.slice(name.length + 1))

const folder = mkdtempSync(join(tmpdir(), 'sluice-systemd-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test('the unit starts the program as its first line says, and stops it as late as need be', () => {
  const [start = ''] = valuesOf('ExecStart')
  for (const flag of RUNTIME_FLAGS) assert.ok(start.includes(` ${flag} `), start)
  assert.match(start, / serve --config \/etc\/sluice\/config\.yaml$/)
  const seconds = listSettings()
    .filter(({ path }) => path.startsWith('server.shutdown.'))
    .map(({ default: value }) => Number.parseInt(String(value), 10))
  const needed = seconds.reduce((sum, each) => sum + each)
  assert.ok(needed > 0)
  assert.ok(Number(valuesOf('TimeoutStopSec')[0]) > needed)
})

test('a reload begins with a check', () => {
  const [check = '', signal] = valuesOf('ExecReload')
  assert.match(check, /main\.js check --config \/etc\/sluice\/config\.yaml$/)
  assert.equal(signal, '/bin/kill -HUP $MAINPID')
})

// Where there is no systemd, nobody would start it with the unit.
const analyze = partIfThere('systemd-analyze')
if (analyze !== undefined) {
  test('systemd takes the unit, and finds it shut in', () => {
    const file = join(folder, 'sluice.service')
    // Where Node is there is a matter of the machine.
    writeFileSync(file, unit.replaceAll('/usr/bin/node', process.execPath))
    const verified = spawnSync(analyze, ['verify', file], { encoding: 'utf8' })
    const own = verified.stderr.split('\n').filter((line) => line.includes('sluice.service'))
    assert.deepEqual([verified.status, own], [0, []])

    const how = ['security', '--offline=true', '--threshold=20', file]
    const { status, stdout } = spawnSync(analyze, how, { encoding: 'utf8' })
    assert.equal(status, 0, stdout)
  })
}
