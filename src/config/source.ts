/** A text with a name: a configuration file, or a built-in configuration. */

export interface Source {
  /** As the operator named it: what diagnostics print. */
  readonly name: string
  readonly text: string
  /** The chain of `include` statements that led here, innermost first. */
  readonly includedFrom: readonly { readonly name: string; readonly line: number }[]
}

/** 1-based line and column (in UTF-16 units) of a 0-based offset. */
export function positionAt(source: Source, offset: number): { line: number; column: number } {
  let line = 1
  let lineStart = 0
  for (let at = source.text.indexOf('\n'); at !== -1 && at < offset; at = source.text.indexOf('\n', at + 1)) {
    line++
    lineStart = at + 1
  }
  return { line, column: offset - lineStart + 1 }
}
