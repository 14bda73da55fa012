/** The rules of the parser as plain data, for the files that are generated from them. */
import { Alternation, Alternative, type IProduction, NonTerminal, Repetition, Terminal } from 'chevrotain'
import { parser } from './parser.ts'

export type Production =
  /** `";"`, or the name of a token: `word`. */
  | { readonly kind: 'token'; readonly text: string; readonly isLiteral: boolean }
  | { readonly kind: 'rule'; readonly name: string }
  | { readonly kind: 'sequence'; readonly parts: readonly Production[] }
  | { readonly kind: 'choice'; readonly parts: readonly Production[] }
  /** None or more. */
  | { readonly kind: 'repetition'; readonly part: Production }

export interface GrammarRule {
  readonly name: string
  readonly production: Production
}

/** In the order of the parser, the rule for a whole file first. */
export function grammarRules(): readonly GrammarRule[] {
  const rules = Object.values(parser.getGAstProductions())
  return rules.map(({ name, definition }) => ({ name, production: sequence(definition) }))
}

function sequence(definition: readonly IProduction[]): Production {
  const parts = definition.map(convert)
  return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts }
}

function convert(production: IProduction): Production {
  if (production instanceof Terminal) {
    const { LABEL, PATTERN, name } = production.terminalType
    return { kind: 'token', text: LABEL ?? name, isLiteral: typeof PATTERN === 'string' }
  }
  if (production instanceof NonTerminal) return { kind: 'rule', name: production.nonTerminalName }
  if (production instanceof Repetition) return { kind: 'repetition', part: sequence(production.definition) }
  if (production instanceof Alternation) return { kind: 'choice', parts: production.definition.map(convert) }
  if (production instanceof Alternative) return sequence(production.definition)
  throw new Error(`no way to write down a ${production.constructor.name}`)
}
