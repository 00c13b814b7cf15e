// Rows of text as a table: the first row is the head, and only the leftmost columns are words.

export function table(rows: readonly (readonly string[])[], wordColumns: number): string {
  const [head = []] = rows
  const widths = head.map((_, column) => {
    return Math.max(...rows.map((row) => row[column]?.length ?? 0))
  })
  const lines = rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return column < wordColumns ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
      .trimEnd(),
  )
  const rule = widths.map((width) => '─'.repeat(width)).join('  ')
  return [lines[0], rule, ...lines.slice(1)].join('\n')
}

/** Three significant digits, or all the whole ones. */
export function figure(value: number): string {
  if (value >= 100) return value.toFixed(0)
  return value.toFixed(value >= 10 ? 1 : 2)
}
