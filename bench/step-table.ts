// Steps beside their budgets, as a table for a terminal.

import { figure, table } from './table.ts'
import type { Timing } from './time.ts'

export function stepTable(timings: readonly Timing[]): string {
  const rows = timings.map(({ name, ns, budgetNs }) => [
    name,
    figure(ns),
    budgetNs === undefined ? '–' : String(budgetNs),
    budgetNs === undefined ? '' : ns <= budgetNs ? 'kept' : 'OVER',
  ])
  return table([['step', 'ns', 'budget ns', ''], ...rows], 1)
}
