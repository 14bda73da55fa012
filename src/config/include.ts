/**
 * Reads a configuration with everything it includes: `include GLOB;` gives way to the statements of the files it names.
 * Relative paths begin at the folder of the file they stand in; the files of a glob come in the order of their names.
 */
import { dirname, isAbsolute, relative, resolve } from 'node:path'
import type { Document, Span, Statement } from './ast.ts'
import type { Diagnostic } from './diagnostics.ts'
import { errorAt } from './errors.ts'
import { type FileAccess, reasonOf } from './file-access.ts'
import { parseSource } from './parse.ts'
import { positionAt, type Source } from './source.ts'
import { substitute } from './substitute.ts'

/** Files inside files; deeper is a cycle through links. */
const MAX_DEPTH = 16
const MAX_FILES = 1000

export interface ReadResult {
  readonly document: Document
  readonly diagnostics: readonly Diagnostic[]
  /** Absolute paths of every file read or looked for, and of the folders that globs looked into; also on failure. */
  readonly files: readonly string[]
}

/** Reads a file, or a text that is in no file (its relative paths begin at the current folder). Never throws. */
export function readDocument(entry: Source | { readonly path: string }, access: FileAccess): ReadResult {
  const reader = new DocumentReader(access)
  const statements = 'path' in entry ? reader.entryFile(entry.path) : reader.source(entry, resolve('.'), [])
  const document = { statements, sources: reader.sources }
  return { document, diagnostics: reader.diagnostics, files: [...reader.files] }
}

class DocumentReader {
  readonly sources: Source[] = []
  readonly diagnostics: Diagnostic[] = []
  readonly files = new Set<string>()
  readonly #access: FileAccess
  #hasReportedFull = false

  constructor(access: FileAccess) {
    this.#access = access
  }

  entryFile(name: string): readonly Statement[] {
    const path = resolve(name)
    this.files.add(path)
    try {
      const source = { name, text: this.#access.readFile(path), includedFrom: [] }
      return this.source(source, dirname(path), [path])
    } catch (error) {
      const span = { source: { name, text: '', includedFrom: [] }, start: 0, end: 0 }
      this.diagnostics.push(errorAt(span, 'unreadable-file', `cannot read "${name}": ${reasonOf(error)}`))
      return []
    }
  }

  /** `open` are the absolute paths of the files around this text, outermost first, its own the last. */
  source(source: Source, folder: string, open: readonly string[]): readonly Statement[] {
    this.sources.push(source)
    const parsed = parseSource(source)
    const filled = substitute(parsed.statements, folder, this.#access)
    const found = [...parsed.diagnostics, ...filled.diagnostics]
    this.diagnostics.push(...found.sort((a, b) => a.span.start - b.span.start))
    for (const file of filled.files) this.files.add(file)
    return this.#expand(filled.statements, folder, open)
  }

  #expand(statements: readonly Statement[], folder: string, open: readonly string[]): Statement[] {
    const expanded: Statement[] = []
    for (const statement of statements) {
      if (statement.name.text === 'include') expanded.push(...this.#include(statement, folder, open))
      else if (statement.block === undefined) expanded.push(statement)
      else expanded.push(this.#expandBlock(statement, statement.block, folder, open))
    }
    return expanded
  }

  #expandBlock(statement: Statement, block: readonly Statement[], folder: string, open: readonly string[]): Statement {
    if (!hasInclude(block)) return statement
    const before = this.diagnostics.length
    const expanded = this.#expand(block, folder, open)
    return { ...statement, block: expanded, damaged: statement.damaged || this.diagnostics.length > before }
  }

  #include(statement: Statement, folder: string, open: readonly string[]): readonly Statement[] {
    const [argument, extra] = statement.arguments
    const { span } = statement.name
    if (argument === undefined)
      return this.#fail(span, 'missing-argument', '"include" needs a path', 'write: include PATH;')
    if (extra !== undefined) {
      const help = 'write an "include" for each, or a path with "*"'
      return this.#fail(extra.span, 'unexpected-argument', '"include" takes one path', help)
    }
    if (statement.block !== undefined)
      return this.#fail(span, 'unexpected-block', '"include" takes no block', 'write: include PATH;')
    if (argument.kind === 'regex' || argument.text === '') {
      return this.#fail(argument.span, 'bad-path', '"include" needs a path', 'write: include conf.d/*.conf;')
    }
    if (argument.secret) return this.#fail(argument.span, 'bad-path', 'a path that is included cannot be secret')
    const pattern = resolve(folder, argument.text)
    const paths = /[*?[]/.test(argument.text) ? this.#glob(pattern, open) : [pattern]
    return paths.flatMap((path) => this.#includeFile(path, argument.span, argument.text, open))
  }

  /** The file with the glob in it is left out, so that `include *.conf;` is no cycle. */
  #glob(pattern: string, open: readonly string[]): string[] {
    this.files.add(fixedFolder(pattern))
    const including = open.at(-1)
    const found = this.#access.glob(pattern).filter((path) => path !== including)
    for (const path of found) this.files.add(dirname(path))
    return found.sort()
  }

  #includeFile(path: string, span: Span, written: string, open: readonly string[]): readonly Statement[] {
    this.files.add(path)
    if (open.includes(path)) {
      const help = 'remove one of the "include" statements of this circle'
      return this.#fail(span, 'include-cycle', `"${nameOf(path, written)}" includes itself`, help)
    }
    if (open.length >= MAX_DEPTH) return this.#fail(span, 'too-deep', `files are included deeper than ${MAX_DEPTH}`)
    if (this.sources.length >= MAX_FILES) return this.#failFull(span)
    let text: string
    try {
      text = this.#access.readFile(path)
    } catch (error) {
      return this.#fail(span, 'unreadable-file', `cannot read "${nameOf(path, written)}": ${reasonOf(error)}`)
    }
    const from = { name: span.source.name, line: positionAt(span.source, span.start).line }
    const source = { name: nameOf(path, written), text, includedFrom: [from, ...span.source.includedFrom] }
    return this.source(source, dirname(path), [...open, path])
  }

  #failFull(span: Span): readonly Statement[] {
    if (this.#hasReportedFull) return []
    this.#hasReportedFull = true
    return this.#fail(span, 'too-many-files', `more than ${MAX_FILES} files are included`)
  }

  #fail(span: Span, code: string, message: string, help?: string): readonly Statement[] {
    this.diagnostics.push(errorAt(span, code, message, help))
    return []
  }
}

function hasInclude(statements: readonly Statement[]): boolean {
  return statements.some(({ name, block }) => name.text === 'include' || (block !== undefined && hasInclude(block)))
}

/** The folder in front of the first part of a glob that holds a wildcard. */
function fixedFolder(pattern: string): string {
  const parts = pattern.split('/')
  const first = parts.findIndex((part) => /[*?[]/.test(part))
  return parts.slice(0, first).join('/') || '/'
}

/** What diagnostics call an included file: by its absolute path if it was included so, else from the current folder. */
function nameOf(path: string, written: string): string {
  const near = relative(resolve('.'), path)
  return isAbsolute(written) || near.startsWith('../..') || near === '' ? path : near
}
