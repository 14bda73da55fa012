/** What is wrong with a configuration, as values: collected, never thrown, printed by `formatDiagnostics`. */
import type { Span } from './ast.ts'

export interface Diagnostic {
  /** Kebab-case, promised: `unknown-name`, `missing-semicolon`. The wording of messages is not promised. */
  readonly code: string
  readonly severity: 'error' | 'warning'
  /** Lower case, no full stop, the operator's own word in double quotes. */
  readonly message: string
  readonly span: Span
  /** Other places that matter, such as the first of two duplicates. */
  readonly notes: readonly { readonly message: string; readonly span: Span | undefined }[]
  /** What would do: `did you mean "memcached"?`. */
  readonly help: string | undefined
}
