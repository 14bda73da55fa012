/**
 * Keys that leave out what decides the answer: two requests then share an object although the origin, or even the choice
 * of the origin, tells them apart.
 */
import type { KeyPlan, MatcherPlan, RoutePlan, VariableName } from '../../plan/plan.ts'
import { type CheckedDocument, headOf, type Node } from '../checked.ts'
import { placeOf } from '../compile/place.ts'
import type { Compiled } from '../compile.ts'
import type { Diagnostic } from '../diagnostics.ts'
import type { Report } from '../directives/directive.ts'
import { type EditArguments, headersBlock, requestEdit, responseEdit } from '../directives/headers.ts'
import { warningAt } from '../errors.ts'
import { relatePaths } from '../overlap/relate.ts'
import { type CachedRoute, cachedRoutes, hidesFromOrigin, leavesOf, type MatchLeaf, noteOf } from './cached-routes.ts'

export function checkSharedKeys(checked: CheckedDocument, compiled: Compiled, report: Report): void {
  const routes = cachedRoutes(checked, compiled)
  checkEdits(routes, report)
  const reportedSites = new Set<string>()
  for (const [index, left] of routes.entries()) {
    for (const right of routes.slice(index + 1)) {
      if (left.cacheName !== right.cacheName || !asksOtherwise(left.plan, right.plan)) continue
      if (left.site === right.site) checkRoutePair(left, right, compiled.plan.matchers, report)
      else checkSitePair(left, right, reportedSites, report)
    }
  }
}

/** Edits of one block reach many routes; each is told of once. */
function checkEdits(routes: readonly CachedRoute[], report: Report): void {
  const reported = new Set<Node>()
  for (const route of routes) {
    for (const node of editsOf(route)) {
      if (reported.has(node)) continue
      const diagnostic =
        (node.directive as unknown) === responseEdit ? describeVary(route, node) : describeVariable(route, node)
      if (diagnostic === undefined) continue
      reported.add(node)
      report(diagnostic)
    }
  }
}

/** Statements of the `headers` blocks whose edits the route runs. */
function editsOf({ plan, editBlocks }: CachedRoute): readonly Node<EditArguments>[] {
  const edits = [...plan.requestHeaders, ...plan.responseHeaders]
  const places = new Set(edits.map(({ place }) => JSON.stringify(place)))
  return editBlocks
    .flatMap((block) => block.all(headersBlock))
    .flatMap(({ block }) => [...block.all(requestEdit), ...block.all(responseEdit)])
    .filter((node) => places.has(JSON.stringify(placeOf(headOf(node)))))
}

/** `response add Vary FIELD`, where the origin never sees what the client says in the field. */
function describeVary({ plan }: CachedRoute, node: Node<EditArguments>): Diagnostic | undefined {
  const { op, name, value } = node.value
  if (op === 'remove' || name.toLowerCase() !== 'vary') return undefined
  const text = value.map((part) => (part.kind === 'text' ? part.text : '')).join('')
  const fields = text.split(',').map((field) => field.trim())
  const hidden = fields.find((field) => hidesFromOrigin(plan, field.toLowerCase()))
  if (hidden === undefined) return undefined
  const message = `responses are said to vary on "${hidden}", which route "${plan.name}" never shows to the origin`
  const help = `take "${hidden}" out of Vary, or let the origin see it`
  return warningAt(node.statement.arguments[2]!.span, 'vary-unseen', message, help)
}

/** `request set FIELD $request.query`, where the key leaves out what the variable holds. */
function describeVariable(
  { plan, settings, cacheName }: CachedRoute,
  node: Node<EditArguments>,
): Diagnostic | undefined {
  const { name, value } = node.value
  if (settings.key.headers.includes(name.toLowerCase())) return undefined
  const part = value.find((one) => one.kind === 'variable' && isLeftOut(one.name, settings.key))
  if (part?.kind !== 'variable') return undefined
  const message = `the origin sees "$${part.name}" in "${name}", and the key of route "${plan.name}" leaves it out`
  const help = `add "header ${name};" to the key of cache "${cacheName}", or send something else`
  return warningAt(node.statement.arguments[2]!.span, 'key-too-short', message, help)
}

function isLeftOut(variable: VariableName, key: KeyPlan): boolean {
  switch (variable) {
    case 'request.query':
    case 'request.uri':
      return key.query.mode !== 'all'
    case 'request.host':
      return !key.host
    case 'request.scheme':
      return !key.scheme
    default:
      return false
  }
}

/** Whether the same client request becomes different origin requests in the two routes. */
function asksOtherwise(left: RoutePlan, right: RoutePlan): boolean {
  const [one, other] = [left, right].map(({ action, rewrite, requestHeaders }) =>
    JSON.stringify([action, rewrite, requestHeaders.map((edit) => ({ ...edit, place: undefined }))]),
  )
  return one !== other
}

/** Of one site: the path decides, and it is part of the key; a `when` decides by more. */
function checkRoutePair(left: CachedRoute, right: CachedRoute, matchers: readonly MatcherPlan[], report: Report): void {
  const { routes } = left.site.plan
  const [first, second] = routes.indexOf(left.plan) < routes.indexOf(right.plan) ? [left, right] : [right, left]
  const { when } = first.plan
  if (when === undefined || !isReadFrom(first.plan) || !isReadFrom(second.plan)) return
  const isTold = [first, second].every(({ settings: { key } }) => tellsApart(key, when, matchers))
  if (isTold || relatePaths(first.plan.paths, second.plan.paths).relation === 'disjoint') return
  const names = `"${first.plan.name}" and "${second.plan.name}"`
  const message = `routes ${names} ask the origin differently, and share their objects`
  const definition = noteOf(second, `takes the same paths where "@${when}" does not hold`)
  const help = `add "class ${when} @${when};" to the key of cache "${first.cacheName}"`
  report(warningAt(noteOf(first, '').span!, 'shared-key', message, help, [definition]))
}

function isReadFrom({ methods }: RoutePlan): boolean {
  return methods.length === 0 || methods.includes('GET') || methods.includes('HEAD')
}

/** Whether all that the matcher looks at is in the key, or its outcome. */
function tellsApart(key: KeyPlan, matcher: string, matchers: readonly MatcherPlan[]): boolean {
  return (
    key.classes.some((one) => one.matcher === matcher) || leavesOf(matcher, matchers).every((leaf) => isIn(key, leaf))
  )
}

function isIn(key: KeyPlan, leaf: MatchLeaf): boolean {
  switch (leaf.kind) {
    case 'host':
      return key.host
    case 'scheme':
      return key.scheme
    case 'path':
      return true
    case 'query':
      return key.query.mode === 'all'
    case 'header':
      return key.headers.includes(leaf.name)
    case 'cookie':
      return key.cookies.includes(leaf.name)
    default:
      return false
  }
}

/** Of two sites: the host decides, which a key may leave out, and the listener, which is in no key. Each pair once. */
function checkSitePair(left: CachedRoute, right: CachedRoute, reported: Set<string>, report: Report): void {
  const pair = `${left.site.plan.name} ${right.site.plan.name}`
  if (reported.has(pair)) return
  const isHostless = !left.settings.key.host && !right.settings.key.host
  if (!isHostless && !isServedApart(left, right)) return
  if (relatePaths(left.plan.paths, right.plan.paths).relation === 'disjoint') return
  reported.add(pair)
  const names = `"${left.site.plan.name}" and "${right.site.plan.name}"`
  const message = `sites ${names} ask their origins differently, and share their objects`
  const notes = [{ ...noteOf(right, ''), message: `the same paths of "${right.site.plan.name}"` }]
  const help = isHostless
    ? 'take "host off" out of the key, or give one of them another cache'
    : 'give one of them another cache'
  report(warningAt(noteOf(left, '').span!, 'shared-key', message, help, notes))
}

/** One host on different listeners. On the same ones it belongs to one of the sites. */
function isServedApart({ site: { plan: left } }: CachedRoute, { site: { plan: right } }: CachedRoute): boolean {
  const isSame = left.listeners.toSorted().join(' ') === right.listeners.toSorted().join(' ')
  return (
    !isSame && left.hosts.some((one) => right.hosts.some((other) => takesHost(one, other) || takesHost(other, one)))
  )
}

function takesHost(pattern: string, host: string): boolean {
  return pattern === '*' || pattern === host || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)))
}
