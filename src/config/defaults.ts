/**
 * Default behaviour, written in the language: the documented default of a directive is read like a statement of the
 * operator, so the manual and the daemon cannot disagree.
 */
import assert from 'node:assert/strict'
import type { Argument, Span } from './ast.ts'
import type { Block } from './checked.ts'
import { ArgumentReader } from './directives/arguments.ts'
import { type Directive, syntaxOf } from './directives/directive.ts'

const known = new Map<Directive, unknown>()

/** The value of a directive that nobody wrote. Only for directives that have a default. */
export function defaultOf<T>(directive: Directive<T>): T {
  if (!known.has(directive)) known.set(directive, readDefault(directive))
  return known.get(directive) as T
}

/** What the first of these blocks says that says anything, else the default. */
export function setting<T>(directive: Directive<T>, ...blocks: readonly Block[]): T {
  return stated(directive, ...blocks) ?? defaultOf(directive)
}

/** What the first of these blocks says that says anything. */
export function stated<T>(directive: Directive<T>, ...blocks: readonly Block[]): T | undefined {
  for (const block of blocks) {
    const value = block.value(directive)
    if (value !== undefined) return value
  }
  return undefined
}

function readDefault<T>(directive: Directive<T>): T {
  const text = directive.defaultText
  assert(text !== undefined, `directive "${directive.name}" has no default`)
  const source = { name: 'default', text, includedFrom: [] }
  const span: Span = { source, start: 0, end: text.length }
  const words = text === '' ? [] : text.split(' ')
  const args = words.map((word): Argument => ({ kind: 'bare', text: word, secret: false, substituted: false, span }))
  const statement = { name: { text: directive.name, span }, arguments: args, block: undefined, span, damaged: false }
  const fail = (): never => assert.fail(`default "${text}" of directive "${directive.name}" cannot be read`)
  const reader = new ArgumentReader(statement, syntaxOf(directive), { report: fail, define: fail, refer: fail })
  const value = directive.shape.read(reader)
  reader.finish()
  assert(value !== undefined)
  return value
}
