/** What the lexer and the parser have to say about a text. `config` makes diagnostics of it. */

/** Offsets are 0-based UTF-16 units, `end` exclusive. */
export interface Range {
  readonly start: number
  readonly end: number
}

export interface SyntaxProblem extends Range {
  /** Kebab-case and promised, like every diagnostic code. */
  readonly code: string
  readonly message: string
  readonly help: string | undefined
  readonly notes: readonly (Range & { readonly message: string })[]
  /** Text that reached no statement because of this problem; undefined: the repair lost nothing. */
  readonly skipped: Range | undefined
}

/** Past this many the rest is silent: a binary file is one mistake, not a million. */
const MAX_PROBLEMS = 100

/** Collects the problems of one text. */
export class ProblemList {
  readonly problems: SyntaxProblem[] = []

  /** `extra` fills in what most problems do not have. */
  report(
    code: string,
    start: number,
    end: number,
    message: string,
    help?: string,
    extra: { notes?: SyntaxProblem['notes']; skipped?: Range } = {},
  ): void {
    if (this.problems.length >= MAX_PROBLEMS) return
    this.problems.push({ code, start, end, message, help, notes: extra.notes ?? [], skipped: extra.skipped })
  }
}
