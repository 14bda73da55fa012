/** `site HOST ... { ... }` to the Plan: its routes in the order of precedence. */
import type { RoutePlan, SitePlan } from '../../plan/plan.ts'
import { headOf, type Node } from '../checked.ts'
import * as route from '../directives/route.ts'
import { on } from '../directives/site.ts'
import { type Contender, derivePrecedence, type Precedence } from '../precedence.ts'
import { placeOf } from './place.ts'
import { buildImplicitRoute, buildRoute, type NamedBlocks } from './route.ts'

/** A route with what decides its place. */
export interface ContendingRoute extends Contender {
  readonly plan: RoutePlan | undefined
  readonly node: Node<string>
}

export interface CompiledSite {
  readonly plan: SitePlan
  readonly node: Node<readonly string[]>
  readonly precedence: Precedence<ContendingRoute>
}

export function compileSite(node: Node<readonly string[]>, named: NamedBlocks): CompiledSite {
  const routes = node.block.all(route.route)
  const precedence = derivePrecedence(
    routes.map((one) => contend(one, node, named)).filter((one) => one.paths.length > 0),
  )
  const implicit =
    routes.length === 0 && !node.block.mentions(route.route) ? buildImplicitRoute(node, named) : undefined
  const plans = implicit === undefined ? precedence.order.flatMap((one) => one.plan ?? []) : [implicit]
  const plan: SitePlan = {
    name: node.value[0]!,
    hosts: node.value,
    listeners: node.block.all(on).flatMap((listeners) => listeners.value),
    routes: plans,
    place: placeOf(headOf(node)),
  }
  return { plan, node, precedence }
}

function contend(node: Node<string>, site: Node, named: NamedBlocks): ContendingRoute {
  const { block } = node
  return {
    name: node.value,
    paths: block.all(route.path).flatMap((path) => path.value),
    methods: block.all(route.routeMethod).flatMap((method) => method.value),
    when: block.value(route.when),
    overlap: block.value(route.overlap),
    before: block.all(route.before).map((before) => before.value),
    place: placeOf(headOf(node)),
    plan: buildRoute(node, site.block, named),
    node,
  }
}
