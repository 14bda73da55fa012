/** What to say about a statement that does not belong where it stands: the one message most newcomers read first. */
import type { Statement } from '../ast.ts'
import type { Diagnostic } from '../diagnostics.ts'
import type { Context, ContextName } from '../directives/directive.ts'
import {
  contextNamed,
  contexts,
  contextsWith,
  findByPeerWord,
  findDirective,
  type PeerMatch,
} from '../directives/table.ts'
import { errorAt } from '../errors.ts'
import { foreignWords } from '../foreign-words.ts'
import { didYouMean, suggest } from '../suggest.ts'

/** Blocks with more statements than this are not listed in a help line. */
const MAX_LISTED = 14

export function misplacedStatement(statement: Statement, context: ContextName): Diagnostic {
  const { text, span } = statement.name
  const homes = contextsWith(text)
  const foreign = foreignHelp(text, context)
  if (homes.length === 0) {
    const message = `unknown directive "${text}" ${placeName(context)}`
    return errorAt(span, 'unknown-directive', message, foreign ?? nearMiss(text, context))
  }
  const help =
    foreign === undefined
      ? homeHelp(text, homes, context)
      : `${foreign} (our own "${text}" belongs ${placeNames(homes)})`
  return errorAt(span, 'wrong-context', `"${text}" is not allowed ${placeName(context)}`, help)
}

/** Where the word belongs. What only a route can do is most often written straight into a site. */
function homeHelp(word: string, homes: readonly Context[], context: ContextName): string {
  const longer = didYouMean(longerNames(word, context))
  if (longer !== undefined) return `${longer} (our own "${word}" belongs ${placeNames(homes)})`
  const places = `it belongs ${placeNames(nearestHomes(homes, context))}`
  const inRoute = context === 'site' ? findDirective('route', word) : undefined
  if (inRoute === undefined) return places
  return `${places}: route all { ${word === 'path' ? '' : 'path /**; '}${inRoute.example} }`
}

const editWords: ReadonlySet<string> = new Set(['set', 'add', 'remove', 'default'])

/** What a user of another server should write instead. */
function foreignHelp(word: string, context: ContextName): string | undefined {
  if (context === 'headers' && editWords.has(word)) {
    return `say first whose field it is: request ${word} ...; or: response ${word} ...;`
  }
  const advice = foreignWords.get(word)
  if (advice !== undefined) return advice
  const peer = bestPeer(word, context)
  return peer === undefined ? undefined : peerHelp(peer, context)
}

/** Of several blocks a statement may stand in, those that may stand here. */
function nearestHomes(homes: readonly Context[], context: ContextName): readonly Context[] {
  const inside = contextNamed(context).directives.flatMap((one) => one.block?.contexts ?? [])
  const near = homes.filter((home) => inside.includes(home.name))
  return near.length === 0 ? homes : near
}

/** `in "route"`, `at the top level`. */
function placeName(context: ContextName): string {
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

/** `timeout` of a backend may be its `connect-timeout`. */
function longerNames(word: string, context: ContextName): readonly string[] {
  const names = contextNamed(context).directives.map((one) => one.name)
  return names.filter((name) => name !== word && name.split('-').includes(word))
}

function nearMiss(word: string, context: ContextName): string | undefined {
  const here = contextNamed(context).directives.map((one) => one.name)
  const near = didYouMean(suggest(word, here))
  if (near !== undefined) return near
  const longer = didYouMean(longerNames(word, context))
  if (longer !== undefined) return longer
  const others = new Set(contexts.flatMap((other) => other.directives.map((one) => one.name)))
  const far = suggest(word, others)[0]
  if (far !== undefined) return `did you mean "${far}"? it belongs ${placeNames(contextsWith(far))}`
  return here.length <= MAX_LISTED ? `what may stand here: ${here.join(', ')}` : undefined
}
