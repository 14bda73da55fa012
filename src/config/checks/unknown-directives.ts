/** What to say about a statement that does not belong where it stands: the one message most newcomers read first. */
import type { Statement } from '../ast.ts'
import type { Diagnostic } from '../diagnostics.ts'
import type { Context, ContextName } from '../directives/directive.ts'
import { contextNamed, contexts, contextsWith, findByPeerWord, type PeerMatch } from '../directives/table.ts'
import { errorAt } from '../errors.ts'
import { didYouMean, suggest } from '../suggest.ts'

/** Blocks with more statements than this are not listed in a help line. */
const MAX_LISTED = 14

export function misplacedStatement(statement: Statement, context: ContextName): Diagnostic {
  const { text, span } = statement.name
  const homes = contextsWith(text)
  const peer = bestPeer(text, context)
  if (homes.length > 0) {
    const message = `"${text}" is not allowed ${placeName(context)}`
    const home = `it belongs ${placeNames(homes)}`
    return errorAt(span, 'wrong-context', message, peer === undefined ? home : `${home}; ${peerHelp(peer, context)}`)
  }
  const help = peer === undefined ? nearMiss(text, context) : peerHelp(peer, context)
  return errorAt(span, 'unknown-directive', `unknown directive "${text}" ${placeName(context)}`, help)
}

/** `in a route`, `at the top level`. */
export function placeName(context: ContextName): string {
  return context === 'main' ? 'at the top level' : `in "${context}"`
}

function placeNames(places: readonly Context[]): string {
  return places.map((place) => placeName(place.name)).join(' or ')
}

/** The directive that another server's word means, one that may stand here before all others. */
function bestPeer(word: string, context: ContextName): PeerMatch | undefined {
  const matches = findByPeerWord(word)
  return matches.find((match) => isIn(match, context)) ?? matches[0]
}

function isIn(match: PeerMatch, context: ContextName): boolean {
  return match.contexts.some((place) => place.name === context)
}

function peerHelp(match: PeerMatch, context: ContextName): string {
  const where = isIn(match, context) ? '' : ` ${placeNames(match.contexts)}`
  return `Shellac's word for it is "${match.directive.name}"${where}: ${match.directive.example}`
}

function nearMiss(word: string, context: ContextName): string | undefined {
  const here = contextNamed(context).directives.map((one) => one.name)
  const near = didYouMean(suggest(word, here))
  if (near !== undefined) return near
  const others = new Set(contexts.flatMap((other) => other.directives.map((one) => one.name)))
  const far = suggest(word, others)[0]
  if (far !== undefined) return `did you mean "${far}"? it belongs ${placeNames(contextsWith(far))}`
  return here.length <= MAX_LISTED ? `what may stand here: ${here.join(', ')}` : undefined
}
