/**
 * Statements by which a response that is meant for one client may be given to all.
 *
 * The configuration itself tells that there are such responses: a matcher that looks at a cookie or at Authorization, by
 * which a route of the site is chosen or keeps out of the cache. A route that stores more than the origin allows and does
 * nothing of the kind has probably been forgotten. `content public;` says that it has not.
 */
import type { MatcherPlan } from '../../plan/plan.ts'
import { type CheckedDocument, headOf, type Node } from '../checked.ts'
import type { Compiled } from '../compile.ts'
import type { Diagnostic } from '../diagnostics.ts'
import { content, grace, override, staleIfError, store, ttl } from '../directives/cache-settings.ts'
import type { Directive, Report } from '../directives/directive.ts'
import { path } from '../directives/route.ts'
import { warningAt } from '../errors.ts'
import { type CachedRoute, cachedRoutes, hidesFromOrigin, leavesOf, noteOf } from './cached-routes.ts'

/** What tells one user from another: `cookie "session"`, `field "authorization"`. */
type Credential = string

export function checkSharing(checked: CheckedDocument, compiled: Compiled, report: Report): void {
  const routes = cachedRoutes(checked, compiled)
  const { matchers } = compiled.plan
  const reported = new Set<Node>()
  for (const route of routes) {
    if (route.cacheBlocks.some((block) => block.mentions(content))) continue
    const handled = handledCredentials(route, matchers)
    const open = [...siteCredentials(route, matchers)].filter(([credential]) => !handled.has(credential))
    for (const lift of liftsOf(route)) {
      if (reported.has(lift)) continue
      const shared = open.find(([credential]) => isSharedBy(lift, credential))
      const diagnostic =
        shared === undefined ? describeStale(route, lift, handled) : describeOpen(route, lift, shared, checked)
      if (diagnostic === undefined) continue
      reported.add(lift)
      report(diagnostic)
    }
  }
}

/** Credentials the site knows of, with the matcher that looks at each. */
function siteCredentials(route: CachedRoute, matchers: readonly MatcherPlan[]): ReadonlyMap<Credential, string> {
  const found = new Map<Credential, string>()
  for (const plan of route.site.plan.routes) {
    const names = [plan.when ?? [], plan.cache?.settings.bypass ?? [], plan.cache?.settings.noStore ?? []].flat()
    for (const name of names) {
      for (const credential of credentialsIn(name, matchers)) if (!found.has(credential)) found.set(credential, name)
    }
  }
  return found
}

/** Those that the route keeps out of the cache, tells apart in the key, or hides from the origin. */
function handledCredentials(
  { plan, settings }: CachedRoute,
  matchers: readonly MatcherPlan[],
): ReadonlySet<Credential> {
  const { key, bypass, noStore } = settings
  const names = [plan.when ?? [], bypass, noStore, key.classes.map(({ matcher }) => matcher)].flat()
  const handled = new Set(names.flatMap((name) => credentialsIn(name, matchers)))
  for (const name of key.cookies) handled.add(cookieCredential(name))
  for (const name of key.headers) handled.add(fieldCredential(name))
  const isHidden = (field: string): boolean => hidesFromOrigin(plan, field) || key.headers.includes(field)
  if (isHidden('authorization')) handled.add(AUTHORIZATION)
  if (!isHidden('cookie')) return handled
  // Every cookie there is.
  for (const matcher of matchers) {
    for (const one of credentialsIn(matcher.name, matchers)) if (one.startsWith('cookie')) handled.add(one)
  }
  return handled.add(cookieCredential('*'))
}

const cookieCredential = (name: string): Credential => `cookie "${name}"`
const fieldCredential = (name: string): Credential => `field "${name}"`
const AUTHORIZATION = fieldCredential('authorization')

function credentialsIn(name: string, matchers: readonly MatcherPlan[]): readonly Credential[] {
  return leavesOf(name, matchers).flatMap((leaf) => {
    if (leaf.kind === 'cookie') return [cookieCredential(leaf.name)]
    return leaf.kind === 'header' && leaf.name === 'authorization' ? [AUTHORIZATION] : []
  })
}

const SHARING: ReadonlySet<string> = new Set(['private', 'no-store', 'set-cookie', 'authorization'])

/** Statements of the route's rule and cache that store what would not be stored without them, or for longer. */
function liftsOf({ plan, cacheBlocks }: CachedRoute): readonly Node[] {
  const edits = plan.responseHeaders.some(
    ({ op, name, when }) => op === 'remove' && name.toLowerCase() === 'set-cookie' && when === undefined,
  )
  const shares = (word: string): boolean => SHARING.has(word) && !(word === 'set-cookie' && edits)
  return cacheBlocks.flatMap((block) => [
    ...block
      .all(ttl)
      .filter(({ value }) => value.mode === 'override' && value.ttlMs > 0 && speaksOfPages(value.statuses)),
    ...block.all(override).filter(({ value }) => value.some(shares)),
    ...block.all(store).filter(({ value }) => value.some(shares)),
  ])
}

/** Answers to requests with Authorization stay out of the cache unless their own word lets them in (RFC 9111 §3.5). */
function isSharedBy(lift: Node, credential: Credential): boolean {
  const words = lift.directive === (override as Directive) ? (lift.value as readonly string[]) : undefined
  if (credential === AUTHORIZATION) return words?.includes('authorization') === true
  return words === undefined || words.some((word) => word !== 'authorization')
}

function speaksOfPages(statuses: readonly (readonly [number, number])[]): boolean {
  return statuses.length === 0 || statuses.some(([from, to]) => from <= 200 && 200 <= to)
}

function describeOpen(
  route: CachedRoute,
  lift: Node,
  [credential, matcher]: readonly [Credential, string],
  checked: CheckedDocument,
): Diagnostic {
  const message = `${shown(lift)} may give everybody what the origin made for one holder of ${credential}`
  const definition = checked.definitions.find((one) => one.kind === 'matcher' && one.name === matcher)
  const notes = [
    noteOf(route, 'stores by it, whatever the client sends'),
    { message: `"@${matcher}" tells these clients apart elsewhere`, span: definition?.span },
    ...deceptionNotes(route, lift),
  ]
  const field = credential === AUTHORIZATION ? 'Authorization' : 'Cookie'
  const help = `add "bypass @${matcher};" or "remove request ${field};", or say that all of it is for everybody: content public;`
  return warningAt(headOf(lift), 'shared-private', message, help, notes)
}

/** A path by its ending is chosen by whoever writes the link: many an origin takes what follows its page for nothing. */
function deceptionNotes({ node }: CachedRoute, lift: Node): Diagnostic['notes'] {
  if (lift.directive !== (ttl as Directive)) return []
  for (const statement of node.block.all(path)) {
    for (const [index, pattern] of statement.value.entries()) {
      const ending = pattern.kind === 'glob' ? /^\*\*([^/*]*\.[^/*]+)$/.exec(pattern.pattern)?.[1] : undefined
      if (ending === undefined) continue
      const message = `this also takes "/account/x${ending}", which many origins answer with "/account"`
      return [{ message, span: statement.statement.arguments[index]!.span }]
    }
  }
  return []
}

/** Answers for one client that live on past their end; nothing in the route knows one client from another. */
function describeStale(
  { settings, cacheBlocks }: CachedRoute,
  lift: Node,
  handled: ReadonlySet<Credential>,
): Diagnostic | undefined {
  if (lift.directive === (ttl as Directive) || handled.size > 0) return undefined
  const isGrace = (settings.graceMs ?? 0) > 0
  if (!isGrace && (settings.staleIfErrorMs ?? 0) === 0) return undefined
  const node = cacheBlocks.flatMap((block) => block.all(isGrace ? grace : staleIfError))[0]!
  const message = `"${node.directive.name}" keeps answering with what ${shown(lift)} lets in, made for one client perhaps`
  const notes = [{ message: 'what is for one client is stored here', span: headOf(lift) }]
  const help = 'add "grace 0s; stale-if-error 0s;" to the rule, or say that all of it is for everybody: content public;'
  return warningAt(headOf(node), 'stale-private', message, help, notes)
}

/** A statement without its block, as it was written. */
function shown({ statement }: Node): string {
  return `"${[statement.name, ...statement.arguments].map(({ text }) => text).join(' ')}"`
}
