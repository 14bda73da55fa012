/** What the daemon wants of whoever reads the configuration: a Plan or the reasons why there is none, as text. */
import type { Plan } from '../plan/plan.ts'

export interface Loaded {
  /** undefined: the configuration has errors. */
  readonly plan: Plan | undefined
  /** All diagnostics, errors and warnings, for an operator's eyes; empty when there are none. */
  readonly text: string
  readonly errors: number
  readonly warnings: number
  /** Tests that fail, where the configuration requires that none does; their failures stand in `text`. */
  readonly failedTests: number
  /** Absolute paths of every file that was read, or would have been. */
  readonly files: readonly string[]
  /** Wall clock before the first of them was read. */
  readonly atMs: number
}

/** Reads the configuration anew; called at the start and for each reload. Never throws for what the files hold. */
export type Load = () => Loaded
