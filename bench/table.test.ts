import assert from 'node:assert/strict'
import { test } from 'node:test'

import { stepTable } from './step-table.ts'
import { figure, table } from './table.ts'

test('words stand to the left, figures to the right, and columns are as wide as their widest', () => {
  const rows = [
    ['who', 'req/s'],
    ['nginx', '7'],
    ['us', '123456'],
  ]
  assert.equal(table(rows, 1), 'who     req/s\n─────  ──────\nnginx       7\nus     123456')
})

test('a figure has three digits that count, or all the whole ones', () => {
  const cases = [0.123, 1.2345, 12.345, 123.45, 61_234.5]
  assert.deepEqual(cases.map(figure), ['0.12', '1.23', '12.3', '123', '61235'])
})

test('a step has its budget beside it and whether it is kept', () => {
  const rows = stepTable([
    { name: 'kept', ns: 100, budgetNs: 100 },
    { name: 'not kept', ns: 101, budgetNs: 100 },
    { name: 'without one', ns: 12.3, budgetNs: undefined },
  ]).split('\n')
  assert.deepEqual(
    rows.slice(2).map((row) => row.split(/ {2,}/)),
    [
      ['kept', '100', '100', 'kept'],
      ['not kept', '101', '100', 'OVER'],
      ['without one', '12.3', '–'],
    ],
  )
})
