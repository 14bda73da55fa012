/**
 * Fills in `${env:NAME}`, `${env:NAME:-default}`, `${file:PATH}` and `${cred:NAME}`.
 *
 * It works on arguments, never on text: whatever a variable or a file holds, the argument stays one argument, and what came in
 * is not looked at again. A statement whose substitution fails is left out, and the statements around it are `damaged`.
 * In a string, `$${` stands for `${`.
 */
import { resolve } from 'node:path'
import type { Argument, ProducedText, Statement } from './ast.ts'
import type { Diagnostic } from './diagnostics.ts'
import { errorAt } from './errors.ts'
import { type FileAccess, reasonOf } from './file-access.ts'

export interface Substituted {
  readonly statements: readonly Statement[]
  readonly diagnostics: readonly Diagnostic[]
  /** Absolute paths of the files that were read, or would have been. */
  readonly files: readonly string[]
}

/** `folder` is where relative paths in `${file:}` begin: the folder of the file the statements stand in. */
export function substitute(statements: readonly Statement[], folder: string, access: FileAccess): Substituted {
  const substitution = new Substitution(folder, access)
  return {
    statements: substitution.statements(statements),
    diagnostics: substitution.diagnostics,
    files: substitution.files,
  }
}

interface Produced {
  readonly text: string
  readonly secret: boolean
}

class Substitution {
  readonly diagnostics: Diagnostic[] = []
  readonly files: string[] = []
  readonly #folder: string
  readonly #access: FileAccess

  constructor(folder: string, access: FileAccess) {
    this.#folder = folder
    this.#access = access
  }

  statements(statements: readonly Statement[]): Statement[] {
    return statements.flatMap((statement) => this.#statement(statement) ?? [])
  }

  /** undefined: the statement cannot stand. */
  #statement(statement: Statement): Statement | undefined {
    const before = this.diagnostics.length
    const filled = statement.arguments.map((argument) => this.#argument(argument))
    const hasFailed = this.diagnostics.length > before
    const block = statement.block === undefined ? undefined : this.statements(statement.block)
    if (hasFailed) return undefined
    const isDamaged = this.diagnostics.length > before
    return { ...statement, arguments: filled, block, damaged: statement.damaged || isDamaged }
  }

  #argument(argument: Argument): Argument {
    const { text } = argument
    if (argument.kind === 'regex' || !text.includes('${')) return argument
    const produced: ProducedText[] = []
    let filled = ''
    let from = 0
    let inSource = argument.span.start
    for (let open = text.indexOf('${'); open !== -1; open = text.indexOf('${', from)) {
      inSource = argument.span.source.text.indexOf('${', inSource)
      const close = text.indexOf('}', open)
      if (text.charAt(open - 1) === '$' && argument.kind === 'quoted') {
        filled += `${text.slice(from, open - 1)}\${`
        from = open + 2
        inSource += 2
        continue
      }
      // A word without the brace has been reported by the lexer.
      if (close === -1 && argument.kind === 'bare') break
      const span = { ...argument.span, start: inSource, end: inSource + (close === -1 ? 2 : close + 1 - open) }
      const value = this.#value(text.slice(open + 2, close === -1 ? text.length : close), span, close !== -1)
      filled += text.slice(from, open)
      produced.push({ start: filled.length, end: filled.length + value.text.length, secret: value.secret })
      filled += value.text
      from = close === -1 ? text.length : close + 1
      inSource = span.end
    }
    const secret = argument.secret || produced.some((part) => part.secret)
    return { ...argument, text: filled + text.slice(from), secret, substituted: produced.length > 0, produced }
  }

  /** `content` is what stands between the braces; a failure is reported and gives no text. */
  #value(content: string, span: Argument['span'], isClosed: boolean): Produced {
    if (!isClosed)
      return this.#fail(
        span,
        'unclosed-substitution',
        'this "${" is not closed',
        'add "}", or write "$${" for the two characters',
      )
    const colon = content.indexOf(':')
    const kind = colon === -1 ? content : content.slice(0, colon)
    const rest = colon === -1 ? '' : content.slice(colon + 1)
    switch (kind) {
      case 'env':
        return this.#env(rest, span)
      case 'file':
        return this.#file(rest, span)
      case 'cred':
        return this.#credential(rest, span)
      default:
        return this.#unknown(content, span)
    }
  }

  #unknown(content: string, span: Argument['span']): Produced {
    const isName = /^\w{1,64}$/.test(content)
    const help = isName
      ? `did you mean "\${env:${content}}"?`
      : `write \${env:NAME}, \${env:NAME:-default}, \${file:PATH} or \${cred:NAME}`
    return this.#fail(span, 'unknown-substitution', `unknown substitution "${content.slice(0, 60)}"`, help)
  }

  #env(rest: string, span: Argument['span']): Produced {
    const dash = rest.indexOf(':-')
    const name = dash === -1 ? rest : rest.slice(0, dash)
    if (!/^[A-Za-z_]\w{0,127}$/.test(name)) {
      return this.#fail(
        span,
        'bad-substitution',
        `"${name.slice(0, 60)}" is no name of a variable`,
        `write \${env:NAME}`,
      )
    }
    const value = this.#access.env(name)
    // As in the shell, `:-` also stands in for a variable that is set to nothing.
    if (dash !== -1 && (value === undefined || value === '')) return { text: rest.slice(dash + 2), secret: false }
    if (value !== undefined) return { text: value, secret: false }
    const help = `set it, or give a default: \${env:${name}:-default}`
    return this.#fail(span, 'unset-variable', `the environment variable "${name}" is not set`, help)
  }

  #file(path: string, span: Argument['span']): Produced {
    if (path === '')
      return this.#fail(span, 'bad-substitution', 'no path stands behind "file:"', `write \${file:/run/secrets/NAME}`)
    return this.#read(resolve(this.#folder, path), span)
  }

  #credential(name: string, span: Argument['span']): Produced {
    if (!/^[\w.-]{1,255}$/.test(name) || name === '.' || name === '..') {
      return this.#fail(
        span,
        'bad-substitution',
        `"${name.slice(0, 60)}" is no name of a credential`,
        `write \${cred:NAME}`,
      )
    }
    const directory = this.#access.credentialsDirectory
    if (directory !== undefined) return this.#read(resolve(directory, name), span)
    const help = `give the unit "LoadCredential=${name}:/path", or use \${file:/path}`
    return this.#fail(span, 'no-credentials', 'the service manager has passed no credentials', help)
  }

  /** One line break at the end belongs to the editor, not to the secret. */
  #read(path: string, span: Argument['span']): Produced {
    this.files.push(path)
    try {
      return { text: this.#access.readFile(path).replace(/\r?\n$/, ''), secret: true }
    } catch (error) {
      return this.#fail(span, 'unreadable-file', `cannot read "${path}": ${reasonOf(error)}`)
    }
  }

  #fail(span: Argument['span'], code: string, message: string, help?: string): Produced {
    this.diagnostics.push(errorAt(span, code, message, help))
    return { text: '', secret: false }
  }
}
