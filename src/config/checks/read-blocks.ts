/**
 * The syntax tree against the table of directives: every statement must be known, stand where it may, be given once if
 * it counts once, and have arguments that can be read. One mistake gives one diagnostic: a statement that failed is
 * left out, and what stands inside an unknown one is not looked at.
 */
import type { Document, Span, Statement } from '../ast.ts'
import { Block, type CheckedDocument, headSpan, type Node, type ScopedName } from '../checked.ts'
import type { Diagnostic } from '../diagnostics.ts'
import { ArgumentReader, type NameUse } from '../directives/arguments.ts'
import { type ContextName, type Directive, type Report, syntaxOf } from '../directives/directive.ts'
import { contextNamed, findDirective } from '../directives/table.ts'
import { errorAt } from '../errors.ts'
import { misplacedStatement } from './unknown-directives.ts'

/** `context`: the block whose statements the document holds; a file is the top level. */
export function readBlocks(document: Document, report: Report, context: ContextName = 'main'): CheckedDocument {
  const reader = new BlockReader(report)
  const main = new Block(context, undefined, undefined)
  reader.readStatements(document.statements, main)
  return {
    document,
    main,
    definitions: reader.definitions,
    references: reader.references,
    possibleNames: reader.possibleNames,
    skippedHeads: reader.skippedHeads,
    isIncomplete: reader.isIncomplete,
  }
}

class BlockReader {
  readonly definitions: ScopedName[] = []
  readonly references: ScopedName[] = []
  readonly possibleNames = new Set<string>()
  readonly skippedHeads: Span[] = []
  isIncomplete = false
  private readonly report: Report

  constructor(report: Report) {
    this.report = report
  }

  readStatements(statements: readonly Statement[], block: Block): void {
    const first = new Map<Directive, Statement>()
    for (const statement of statements) {
      const directive = findDirective(block.context, statement.name.text)
      if (directive === undefined) {
        this.skipUnknown(statement, block)
        continue
      }
      const earlier = first.get(directive)
      if (earlier !== undefined && directive.repeat === 'once') this.report(duplicate(statement, earlier))
      else this.readStatement(statement, directive, block)
      if (earlier === undefined) first.set(directive, statement)
    }
    this.reportMissing(block)
  }

  private skipUnknown(statement: Statement, block: Block): void {
    this.report(misplacedStatement(statement, block.context))
    this.skip(block)
    this.skippedHeads.push(headSpan(statement))
    this.rememberNames(statement)
  }

  private rememberNames(statement: Statement): void {
    for (const argument of statement.arguments) {
      if (!argument.secret) this.possibleNames.add(argument.text.replace(/^@/, ''))
    }
  }

  private readStatement(statement: Statement, directive: Directive, block: Block): void {
    if (statement.damaged) this.skip(block)
    const sink = {
      report: this.report,
      define: (use: NameUse) => this.definitions.push({ ...use, block, directive }),
      refer: (use: NameUse) => this.references.push({ ...use, block, directive }),
    }
    const reader = new ArgumentReader(statement, syntaxOf(directive), sink)
    const value = directive.shape.read(reader)
    reader.finish()
    const isReadable = value !== undefined && !reader.hasFailed
    const context = this.blockContext(statement, directive, value, isReadable)
    const inside = new Block(context ?? block.context, statement, block)
    inside.isIncomplete = statement.damaged
    if (context !== undefined && statement.block !== undefined) this.readStatements(statement.block, inside)
    if (isReadable) {
      block.nodes.push({ directive, statement, value, block: inside } satisfies Node)
      return
    }
    block.unreadable.add(directive)
    this.rememberNames(statement)
    this.skip(block)
  }

  /** The kind of the statement's block; undefined: it has none, or none that could be read. */
  private blockContext(
    statement: Statement,
    directive: Directive,
    value: unknown,
    isReadable: boolean,
  ): ContextName | undefined {
    const rule = directive.block
    const hasBlock = statement.block !== undefined
    const wrong = wrongBlock(statement, directive)
    if (wrong !== undefined) {
      if (isReadable && !statement.damaged) this.report(wrong)
      return undefined
    }
    if (rule === undefined || !hasBlock) return undefined
    if (isReadable) return rule.choose(value)
    return rule.contexts.length === 1 ? rule.contexts[0] : undefined
  }

  private reportMissing(block: Block): void {
    const { statement } = block
    if (statement === undefined || block.isIncomplete) return
    for (const directive of contextNamed(block.context).directives) {
      if (!directive.isRequired || block.mentions(directive)) continue
      const message = `${describe(statement)} has no "${directive.name}"`
      this.report(errorAt(statement.name.span, 'missing-statement', message, `add: ${directive.example}`))
    }
  }

  private skip(block: Block): void {
    block.isIncomplete = true
    this.isIncomplete = true
  }
}

/** `"listener public"`, `"limits"`. */
function describe(statement: Statement): string {
  const first = statement.arguments[0]
  const name = `"${statement.name.text}"`
  return first === undefined || first.secret ? name : `"${statement.name.text} ${first.text}"`
}

function wrongBlock(statement: Statement, directive: Directive): Diagnostic | undefined {
  const name = statement.name
  const hasBlock = statement.block !== undefined
  if (directive.block === undefined && hasBlock) {
    return errorAt(name.span, 'unexpected-block', `"${name.text}" takes no block`, `write: ${syntaxOf(directive)}`)
  }
  if (directive.block?.presence === 'required' && !hasBlock) {
    return errorAt(name.span, 'missing-block', `"${name.text}" needs a block`, `write: ${syntaxOf(directive)}`)
  }
  return undefined
}

function duplicate(statement: Statement, earlier: Statement): Diagnostic {
  const name = statement.name
  return errorAt(name.span, 'duplicate', `"${name.text}" is given twice`, 'keep one of them', [
    { message: 'first given here', span: earlier.name.span },
  ])
}
