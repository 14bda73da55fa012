/** Reads the arguments of one statement from left to right, reports what does not fit, and notes names it meets. */
import type { Argument, Span, Statement } from '../ast.ts'
import type { Diagnostic } from '../diagnostics.ts'
import type { Read } from '../values/read.ts'
import type { ObjectKind, Report, Shape } from './directive.ts'

/** One typed argument. */
export interface Value<T> {
  /** As help shows it: `TIME`, `on|off`. */
  readonly syntax: string
  /** What it gives is marked as secret in the Plan, so a secret may stand here. */
  readonly takesSecrets?: true
  read(argument: Argument): Read<T>
}

/** A name of an object where it is defined or used. */
export interface NameUse {
  readonly kind: ObjectKind
  readonly name: string
  readonly span: Span
}

/** Where a reader leaves what it finds. */
export interface ArgumentSink {
  readonly report: Report
  readonly define: (use: NameUse) => void
  readonly refer: (use: NameUse) => void
}

export class ArgumentReader {
  readonly statement: Statement
  /** True once anything was reported: the value must not be used, and nothing more should be reported. */
  hasFailed = false
  /** What messages show of how the statement is written. */
  private syntax: string
  private readonly sink: ArgumentSink
  private at = 0

  constructor(statement: Statement, syntax: string, sink: ArgumentSink) {
    this.statement = statement
    this.syntax = syntax
    this.sink = sink
  }

  /** What has been read tells which of several forms it is: messages show that one. */
  narrow(form: string): void {
    this.syntax = `${this.statement.name.text} ${form};`
  }

  peek(): Argument | undefined {
    return this.statement.arguments[this.at]
  }

  /** How many arguments nobody has taken yet. */
  remaining(): number {
    return this.statement.arguments.length - this.at
  }

  /** The next argument as it stands; undefined: there is none. */
  take(): Argument | undefined {
    const argument = this.peek()
    if (argument !== undefined) this.at++
    return argument
  }

  /** True, and the argument is consumed, if it is this bare word. */
  takeWord(word: string): boolean {
    const argument = this.peek()
    if (argument?.kind !== 'bare' || argument.text !== word) return false
    this.at++
    return true
  }

  /** The same, but another argument or none is reported. */
  expectWord(word: string): boolean {
    if (this.takeWord(word)) return true
    const found = this.peek()
    if (found === undefined) this.missing(`"${word}"`)
    else this.fail('unexpected-argument', `"${word}" must stand here`, found.span, `write: ${this.syntax}`)
    return false
  }

  /** The next argument as a typed value; a missing or wrong one is reported and gives undefined. */
  next<T>(value: Value<T>): T | undefined {
    const argument = this.take()
    if (argument === undefined) return this.missing(value.syntax)
    // Whatever is not marked may be logged, or named in a message.
    if (argument.secret && value.takesSecrets === undefined) {
      const help =
        'only passwords, values of header fields and what fields are compared with may be secret; take "${env:NAME}"'
      return this.fail('secret-not-allowed', 'a secret cannot stand here', argument.span, help)
    }
    const read = value.read(argument)
    return read.ok ? read.value : this.reject(read.diagnostic)
  }

  /** All further arguments, at least one; each wrong one is reported. */
  rest<T>(value: Value<T>): readonly T[] | undefined {
    if (this.peek() === undefined) return this.missing(value.syntax)
    const values: T[] = []
    while (this.peek() !== undefined) {
      const read = this.next(value)
      if (read !== undefined) values.push(read)
    }
    return this.hasFailed ? undefined : values
  }

  define(kind: ObjectKind, name: string, span: Span): void {
    this.sink.define({ kind, name, span })
  }

  refer(kind: ObjectKind, name: string, span: Span): void {
    this.sink.refer({ kind, name, span })
  }

  fail(code: string, message: string, span: Span, help: string | undefined): undefined {
    return this.reject({ code, severity: 'error', message, span, notes: [], help })
  }

  reject(diagnostic: Diagnostic): undefined {
    this.hasFailed = true
    this.sink.report(diagnostic)
    return undefined
  }

  /** Reports the first argument that nobody took. */
  finish(): void {
    const argument = this.peek()
    if (argument === undefined || this.hasFailed) return
    const shown = argument.secret ? 'a secret value' : `"${argument.text}"`
    this.fail('unexpected-argument', `unexpected argument ${shown}`, argument.span, `write: ${this.syntax}`)
  }

  private missing(what: string): undefined {
    const name = this.statement.name
    return this.fail('missing-argument', `"${name.text}" needs ${what}`, name.span, `write: ${this.syntax}`)
  }
}

/** No argument at all. */
export const nothing: Shape<true> = { syntax: '', read: () => true }

/** Exactly one argument. */
export function one<T>(value: Value<T>): Shape<T> {
  return { syntax: value.syntax, read: (reader) => reader.next(value) }
}

/** One argument or more. */
export function many<T>(value: Value<T>): Shape<readonly T[]> {
  return { syntax: `${value.syntax} ...`, read: (reader) => reader.rest(value) }
}

/** One argument that may be left out for `otherwise`. */
export function optional<T>(value: Value<T>, otherwise: T): Shape<T> {
  return {
    syntax: `[${value.syntax}]`,
    read: (reader) => (reader.peek() === undefined ? otherwise : reader.next(value)),
  }
}

/** The name under which an object is declared. */
export function definition(kind: ObjectKind, name: Value<string>): Shape<string> {
  return {
    syntax: name.syntax,
    read(reader) {
      const argument = reader.peek()
      const text = reader.next(name)
      if (text !== undefined && argument !== undefined) reader.define(kind, text, argument.span)
      return text
    },
  }
}

/** The name of an object declared elsewhere. */
export function reference(kind: ObjectKind, name: Value<string>): Shape<string> {
  return { syntax: name.syntax, read: (reader) => readReference(reader, kind, name) }
}

/** The names of objects declared elsewhere. */
export function references(kind: ObjectKind, name: Value<string>): Shape<readonly string[]> {
  return {
    syntax: `${name.syntax} ...`,
    read(reader) {
      const names: string[] = []
      do {
        const read = readReference(reader, kind, name)
        if (read !== undefined) names.push(read)
      } while (reader.peek() !== undefined)
      return reader.hasFailed ? undefined : names
    },
  }
}

export function readReference(reader: ArgumentReader, kind: ObjectKind, name: Value<string>): string | undefined {
  const argument = reader.peek()
  const text = reader.next(name)
  if (text !== undefined && argument !== undefined) reader.refer(kind, text, argument.span)
  return text
}
