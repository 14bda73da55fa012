/** What a reader of one argument gives back, and the ways to say it. */
import type { Argument } from '../ast.ts'
import type { Diagnostic } from '../diagnostics.ts'
import { errorAt } from '../errors.ts'

export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly diagnostic: Diagnostic }

export function accept<T>(value: T): Read<T> {
  return { ok: true, value }
}

export function refuse(argument: Argument, code: string, message: string, help?: string): Read<never> {
  // A secret must not come back in the advice either.
  return { ok: false, diagnostic: errorAt(argument.span, code, message, argument.secret ? undefined : help) }
}

/** The argument as messages name it: in quotes, shortened, and never a secret. */
export function shown(argument: Argument): string {
  if (argument.secret) return 'this secret value'
  const text = argument.text.length > 60 ? `${argument.text.slice(0, 57)}...` : argument.text
  return `"${text.replaceAll(/\p{Cc}/gu, '?')}"`
}

/** The usual refusal: `"x" is no duration`. */
export function refuseAs(argument: Argument, code: string, what: string, help?: string): Read<never> {
  return refuse(argument, code, `${shown(argument)} is no ${what}`, help)
}
