/** Pairs of routes whose order nothing decides, with an example that both match. */

import type { Span } from '../ast.ts'
import { headOf } from '../checked.ts'
import type { CompiledSite, ContendingRoute } from '../compile/site.ts'
import type { Diagnostic } from '../diagnostics.ts'
import type { Report } from '../directives/directive.ts'
import { before, path } from '../directives/route.ts'
import { errorAt } from '../errors.ts'
import type { UndecidedPair } from '../precedence.ts'

export function checkPrecedence(sites: readonly CompiledSite[], report: Report): void {
  for (const site of sites) {
    const routes = new Map(site.precedence.order.map((route) => [route.name, route]))
    const find = (name: string): ContendingRoute => routes.get(name)!
    for (const pair of site.precedence.undecided) {
      // The one that stands later in the file is told about the earlier one.
      const [earlier, later] = inFileOrder(find(pair.left.name), find(pair.right.name))
      report(describeUndecided(pair, earlier, later, site))
    }
    for (const { first, second } of site.precedence.shadowing)
      report(describeShadowing(find(first.name), find(second.name)))
    if (site.precedence.cycle.length > 0) report(describeCycle(site.precedence.cycle.map(find)))
  }
}

function inFileOrder(left: ContendingRoute, right: ContendingRoute): readonly [ContendingRoute, ContendingRoute] {
  const isBehind =
    headOf(left.node).source === headOf(right.node).source && headOf(left.node).start > headOf(right.node).start
  return isBehind ? [right, left] : [left, right]
}

function describeUndecided(
  pair: UndecidedPair,
  earlier: ContendingRoute,
  later: ContendingRoute,
  site: CompiledSite,
): Diagnostic {
  const example = pair.witness === undefined ? '' : `: both match ${exampleUrl(site, pair.witness)}`
  const notes = [{ message: `route "${earlier.name}"`, span: pathSpan(earlier) }]
  const span = pathSpan(later)
  const names = `"${earlier.name}" and "${later.name}"`
  switch (pair.problem) {
    case 'same-requests': {
      const help = 'remove one of them, or tell them apart by "path", "method" or "when"'
      return errorAt(span, 'same-requests', `routes ${names} match the same requests${example}`, help, notes)
    }
    case 'overlap': {
      const help = `add "overlap yields;" or "overlap wins;" to one of them, or "before ${earlier.name};" to ${later.name}`
      return errorAt(span, 'route-overlap', `routes ${names} overlap, and neither is narrower${example}`, help, notes)
    }
    case 'both-yield':
      return errorAt(
        span,
        'route-overlap',
        `routes ${names} both yield to each other${example}`,
        decideHelp(later, earlier),
        notes,
      )
    case 'both-win':
      return errorAt(
        span,
        'route-overlap',
        `routes ${names} both win over each other${example}`,
        decideHelp(later, earlier),
        notes,
      )
    case 'both-before':
      return errorAt(
        span,
        'route-overlap',
        `routes ${names} are both before each other${example}`,
        'remove one "before"',
        notes,
      )
  }
}

function decideHelp(later: ContendingRoute, earlier: ContendingRoute): string {
  return `add "before ${earlier.name};" to ${later.name}, or the other way round`
}

/** A URL that an operator can try. */
function exampleUrl(site: CompiledSite, path: string): string {
  const host = site.plan.hosts[0]!.replace(/^\*$/, 'any.example').replace(/^\*\./, 'any.')
  return `http://${host}${path}`
}

function pathSpan(route: ContendingRoute): Span {
  return route.node.block.node(path)?.statement.arguments[0]?.span ?? headOf(route.node)
}

function describeShadowing(first: ContendingRoute, second: ContendingRoute): Diagnostic {
  const statement = first.node.block.all(before).find((node) => node.value === second.name)
  const span = statement?.statement.arguments[0]?.span ?? headOf(first.node)
  const message = `route "${second.name}" would never be taken: all its requests match "${first.name}" too`
  const notes = [{ message: `route "${second.name}"`, span: pathSpan(second) }]
  return errorAt(span, 'shadowed-route', message, 'remove "before"; the narrower route goes first', notes)
}

function describeCycle(routes: readonly ContendingRoute[]): Diagnostic {
  const names = [...routes, routes[0]!].map((route) => `"${route.name}"`).join(' before ')
  const notes = routes.slice(1).map((route) => ({ message: `route "${route.name}"`, span: headOf(route.node) }))
  const help = 'change one "before" or "overlap" among them'
  return errorAt(headOf(routes[0]!.node), 'route-cycle', `the routes have no order: ${names}`, help, notes)
}
