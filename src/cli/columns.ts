/** Figures side by side, for people. */

/** Columns as wide as their widest cell; numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => String(row[at]).length)))
  const line = (cells: readonly (string | number)[]): string =>
    cells
      .map((cell, at) => (typeof cell === 'number' ? String(cell).padStart(widths[at]!) : cell.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd()
  return [line(head), ...rows.map(line)]
}

export function percentText(share: number): string {
  return `${(share * 100).toFixed(1)}%`
}
