import assert from 'node:assert/strict'
import { test } from 'node:test'

import { readOptions } from './options.ts'
import { ROAD_NAMES, ROADS } from './roads.ts'

test('without arguments every road is measured with all of its sizes, beside everybody', () => {
  assert.deepEqual(readOptions([]), {
    cells: ROAD_NAMES.map((road) => ({ road, sizes: ROADS[road].sizes })),
    others: ['nginx', 'nginx-tuned', 'varnish', 'sluice-2'],
    rounds: 5,
    roundSeconds: 3,
    warmUpSeconds: 2,
    mostWarmUps: 3,
    cpuProfile: false,
  })
})

test('a quick run has every road, with its smallest size, in short rounds', () => {
  const options = readOptions(['--quick'])
  assert.deepEqual(
    options?.cells.map(({ road }) => road),
    ROAD_NAMES,
  )
  for (const { sizes } of options?.cells ?? []) assert.equal(sizes[0], '1KB')
  assert.deepEqual([options?.rounds, options?.roundSeconds], [2, 1])
})

test('roads, sizes, servers, rounds and seconds can be chosen, in a quick run too', () => {
  const roads = ['--road', 'memory', '--road', 'Range', '--size', '1mb', '--size', '64KB']
  const options = readOptions(['--quick', ...roads, '--server', 'nginx', '--rounds', '9'])
  assert.deepEqual(options?.cells, [
    { road: 'memory', sizes: ['64KB', '1MB'] },
    { road: 'range', sizes: ['64KB'] },
  ])
  assert.deepEqual(options?.others, ['nginx'])
  assert.deepEqual([options?.rounds, options?.roundSeconds], [9, 1])
  assert.deepEqual(readOptions(['--server', 'none', '--seconds', '2'])?.others, [])
})

test('what is not known is told', () => {
  const cases: readonly (readonly [argv: string[], said: RegExp])[] = [
    [['--road', 'moon'], /no road moon: memory, disk/],
    [['--size', '2KB'], /no size 2KB: 1KB, 64KB/],
    [['--server', 'apache'], /no server apache: nginx/],
    [['--rounds', '0'], /--rounds is a whole number from 1 to 100, not 0/],
    [['--seconds', '1.5'], /--seconds is a whole number from 1 to 600, not 1\.5/],
    [['--road', '304', '--size', '64MB'], /no such road has such a size/],
    [['--fast'], /--fast/],
  ]
  for (const [argv, said] of cases) assert.throws(() => readOptions(argv), said)
})

test('who asks for help gets nothing measured', () => {
  assert.equal(readOptions(['--help']), undefined)
})
