/** Short ways to feed the configuration language. */
import type { Argument, Statement } from '../../src/config/ast.ts'
import type { Diagnostic } from '../../src/config/diagnostics.ts'
import type { FileAccess } from '../../src/config/file-access.ts'
import { parseSource } from '../../src/config/parse.ts'
import { positionAt, type Source } from '../../src/config/source.ts'

export function sourceOf(text: string, name = 'test.conf'): Source {
  return { name, text, includedFrom: [] }
}

/** The argument of `x ARGUMENT;`, as the parser makes it. */
export function argumentOf(written: string): Argument {
  return parseSource(sourceOf(`x ${written};`)).statements[0]!.arguments[0]!
}

/** Statements as nested arrays of their texts: `a b { c; }` is `[['a', 'b', [['c']]]]`. */
export type Outline = readonly (string | Outline)[]

export function outlineOf(statements: readonly Statement[]): Outline {
  return statements.map((statement) => {
    const words = [statement.name.text, ...statement.arguments.map((argument) => argument.text)]
    return statement.block === undefined ? words : [...words, outlineOf(statement.block)]
  })
}

/** Diagnostics as `line:column code`. */
export function codesOf(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.map(({ span, code }) => {
    const { line, column } = positionAt(span.source, span.start)
    return `${line}:${column} ${code}`
  })
}

/** A file system of a few texts, with errno errors; a text that begins with `!` is the errno that reading it gives. */
export function filesOf(
  texts: Readonly<Record<string, string>>,
  more: { env?: Readonly<Record<string, string>>; credentials?: string } = {},
): FileAccess {
  return {
    readFile(path) {
      const text = texts[path] ?? '!ENOENT'
      if (text.startsWith('!')) throw Object.assign(new Error(text), { code: text.slice(1) })
      return text
    },
    glob(pattern) {
      const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^$()[\]{}|\\]/g, '\\$&'))
      const expression = new RegExp(`^${parts.join('[^/]*')}$`)
      return Object.keys(texts).filter((path) => expression.test(path))
    },
    env: (name) => more.env?.[name],
    credentialsDirectory: more.credentials,
  }
}
