/** Short ways to make the diagnostics that most code needs. */
import type { Span } from './ast.ts'
import type { Diagnostic } from './diagnostics.ts'

export function errorAt(
  span: Span,
  code: string,
  message: string,
  help?: string,
  notes: Diagnostic['notes'] = [],
): Diagnostic {
  return { code, severity: 'error', message, span, notes, help }
}

export function warningAt(
  span: Span,
  code: string,
  message: string,
  help?: string,
  notes: Diagnostic['notes'] = [],
): Diagnostic {
  return { code, severity: 'warning', message, span, notes, help }
}
