/**
 * The checked tree: every statement with the directive it is and the value its arguments gave. What could not be read
 * has been reported and is not in the tree; `isIncomplete` then keeps later checks from complaining about its absence.
 */
import type { Document, Span, Statement } from './ast.ts'
import type { NameUse } from './directives/arguments.ts'
import type { ContextName, Directive } from './directives/directive.ts'

export interface Node<T = unknown> {
  readonly directive: Directive<T>
  readonly statement: Statement
  readonly value: T
  /** Empty when the statement ended with `;`. */
  readonly block: Block
}

/** A block of the file, or the file itself. */
export class Block {
  readonly context: ContextName
  /** undefined: the file itself. */
  readonly statement: Statement | undefined
  readonly parent: Block | undefined
  /** In the order of the text. */
  readonly nodes: Node[] = []
  /** Statements whose arguments could not be read stand here by their directive, so that they do not count as missing. */
  readonly unreadable = new Set<Directive>()
  /** Something of the block was skipped. */
  isIncomplete = false

  constructor(context: ContextName, statement: Statement | undefined, parent: Block | undefined) {
    this.context = context
    this.statement = statement
    this.parent = parent
  }

  /** The first statement of this directive. */
  node<T>(directive: Directive<T>): Node<T> | undefined {
    return this.nodes.find((node): node is Node<T> => (node.directive as unknown) === directive)
  }

  /** All statements of this directive, in the order of the text. */
  all<T>(directive: Directive<T>): readonly Node<T>[] {
    return this.nodes.filter((node): node is Node<T> => (node.directive as unknown) === directive)
  }

  value<T>(directive: Directive<T>): T | undefined {
    return this.node(directive)?.value
  }

  /** The block of a statement that may stand once; empty when it is absent. */
  child(directive: Directive): Block {
    return this.node(directive)?.block ?? new Block(this.context, undefined, this)
  }

  /** True when the statement is there, readable or not. */
  mentions(directive: Directive): boolean {
    return this.unreadable.has(directive) || this.node(directive) !== undefined
  }
}

/** A name with the block it is defined in (its scope) or used in, and the directive that does so. */
export interface ScopedName extends NameUse {
  readonly block: Block
  readonly directive: Directive
}

export interface CheckedDocument {
  readonly document: Document
  readonly main: Block
  readonly definitions: readonly ScopedName[]
  readonly references: readonly ScopedName[]
  /** Arguments of statements that could not be read: perhaps the names of objects that then seem undefined. */
  readonly possibleNames: ReadonlySet<string>
  /** Names and arguments of unknown statements: whatever else is wrong there need not be said. */
  readonly skippedHeads: readonly Span[]
  /** Something somewhere was skipped: what seems unused may be used there. */
  readonly isIncomplete: boolean
}

/** Where a statement begins: its name. */
export function headOf(node: Node): Span {
  return node.statement.name.span
}

/** The name and the arguments of a statement, without its block. */
export function headSpan(statement: Statement): Span {
  const last = statement.arguments.at(-1)
  return { ...statement.name.span, end: (last ?? statement.name).span.end }
}
