/** Where a command's words go; tests pass one that remembers. */

export interface Terminal {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** All of standard input, as UTF-8. */
  readonly readInput: () => string
  /** Whether diagnostics on `err` may be coloured. */
  readonly color: boolean
}
