/** Routes that use a cache, with the blocks that their settings come from: what the checks of sharing look at. */
import type { CacheSettings, MatcherPlan, MatchNode, RoutePlan } from '../../plan/plan.ts'
import { Block, type CheckedDocument, headOf, type Node } from '../checked.ts'
import type { CompiledSite } from '../compile/site.ts'
import type { Compiled } from '../compile.ts'
import type { Diagnostic } from '../diagnostics.ts'
import { cache, rule } from '../directives/cache.ts'
import { route } from '../directives/route.ts'
import { cacheChoice, useCache } from '../directives/site-statements.ts'

export interface CachedRoute {
  readonly site: CompiledSite
  readonly plan: RoutePlan
  readonly cacheName: string
  readonly settings: CacheSettings
  /** The route, or the site that is its own only route. */
  readonly node: Node
  /** The rule, if there is one, and the cache: from the strongest to the weakest. */
  readonly cacheBlocks: readonly Block[]
  /** Site, route and rule: where edits of its requests and responses stand, in the order they run. */
  readonly editBlocks: readonly Block[]
}

/** In the order of the text. */
export function cachedRoutes(checked: CheckedDocument, compiled: Compiled): readonly CachedRoute[] {
  return compiled.sites.flatMap((site) => {
    const nodes = site.node.block.all(route)
    return nodes.length === 0
      ? cachedRoute(checked, site, undefined)
      : nodes.flatMap((node) => cachedRoute(checked, site, node))
  })
}

/** Empty when the route has no cache. */
function cachedRoute(
  checked: CheckedDocument,
  site: CompiledSite,
  node: Node<string> | undefined,
): readonly CachedRoute[] {
  const plan = site.plan.routes.find((one) => node === undefined || one.name === node.value)
  if (plan?.cache === undefined) return []
  const { name: cacheName, settings } = plan.cache
  const siteBlock = site.node.block
  const own = node?.block ?? new Block('route', undefined, siteBlock)
  const choice = own.value(cacheChoice) ?? siteBlock.value(cacheChoice)
  const ruleBlock = checked.main.all(rule).find((one) => one.value === choice?.rule)?.block
  const cacheBlock = checked.main
    .all(cache)
    .find((one) => one.value === (own.value(useCache) ?? siteBlock.value(useCache)))!.block
  const rules = ruleBlock === undefined ? [] : [ruleBlock]
  return [
    {
      site,
      plan,
      cacheName,
      settings,
      node: node ?? site.node,
      cacheBlocks: [...rules, cacheBlock],
      editBlocks: [siteBlock, own, ...rules],
    },
  ]
}

/** How a message points at a route. */
export function noteOf({ plan, node }: CachedRoute, what: string): Diagnostic['notes'][number] {
  return { message: `route "${plan.name}" ${what}`, span: node.statement.arguments[0]?.span ?? headOf(node) }
}

export type MatchLeaf = Exclude<MatchNode, { kind: 'all' | 'any' | 'not' | 'matcher' }>

/** The single conditions that a matcher is made of, through all others that it names. No circles: those are errors. */
export function leavesOf(name: string, matchers: readonly MatcherPlan[]): readonly MatchLeaf[] {
  const plan = matchers.find((one) => one.name === name)
  return plan === undefined ? [] : leavesBelow(plan.test, matchers)
}

function leavesBelow(node: MatchNode, matchers: readonly MatcherPlan[]): readonly MatchLeaf[] {
  switch (node.kind) {
    case 'all':
    case 'any':
    case 'not':
      return node.nodes.flatMap((inside) => leavesBelow(inside, matchers))
    case 'matcher':
      return leavesOf(node.name, matchers)
    default:
      return [node]
  }
}

/** Whether the origin never sees what the client says in this field (lower case): it is removed, or always the same. */
export function hidesFromOrigin(plan: RoutePlan, field: string): boolean {
  return plan.requestHeaders.some(
    ({ op, name, value, when }) =>
      name.toLowerCase() === field &&
      when === undefined &&
      (op === 'remove' || (op === 'set' && value.every((part) => part.kind === 'text'))),
  )
}
