/** The rules in the notation of the XML recommendation (W3C, section 6): `name ::= expression`. */
import type { GrammarRule, Production } from './rules.ts'

/** One line for each rule, the `::=` below each other. */
export function toEbnf(rules: readonly GrammarRule[]): string {
  const width = Math.max(...rules.map(({ name }) => name.length))
  return rules.map(({ name, production }) => `${name.padEnd(width)} ::= ${write(production, false)}\n`).join('')
}

/** `isPart`: the expression stands inside another and needs parentheses if it has several parts. */
function write(production: Production, isPart: boolean): string {
  switch (production.kind) {
    case 'token':
      return production.isLiteral ? `"${production.text}"` : production.text
    case 'rule':
      return production.name
    case 'repetition':
      return `${write(production.part, true)}*`
    case 'sequence':
      return parenthesize(production.parts.map((part) => write(part, true)).join(' '), isPart)
    case 'choice':
      return parenthesize(production.parts.map((part) => write(part, true)).join(' | '), isPart)
  }
}

function parenthesize(text: string, isPart: boolean): string {
  return isPart ? `( ${text} )` : text
}
