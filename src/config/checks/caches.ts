/** Sizes that cannot be meant, and what a cache cannot do with the tiers it has. */
import { type Block, type CheckedDocument, headOf, type Node } from '../checked.ts'
import type { Compiled } from '../compile.ts'
import type { Diagnostic } from '../diagnostics.ts'
import { cache, memoryTierOf, poolTierOf, rule, tier } from '../directives/cache.ts'
import { collapse, collapseScope, maxObject } from '../directives/cache-settings.ts'
import type { Report } from '../directives/directive.ts'
import { errorAt } from '../errors.ts'
import { cachedRoutes, noteOf } from './cached-routes.ts'

/** The smallest store that holds anything worth the name. */
const MIN_TIER_BYTES = 1 << 20

export function checkCaches(checked: CheckedDocument, report: Report): void {
  for (const node of checked.main.all(cache)) {
    checkTiers(node, report)
    const size = memoryTierOf(node.block)
    if (size === undefined) continue
    const sizeSpan = size.statement.arguments.at(-1)!.span
    if (size.value.bytes < MIN_TIER_BYTES) {
      report(errorAt(sizeSpan, 'out-of-range', 'a memory tier needs at least 1MiB', 'write 1MiB or more'))
    }
    const largest = node.block.node(maxObject)
    if (largest === undefined || largest.value <= size.value.bytes) continue
    const notes = [{ message: 'the room it has', span: sizeSpan }]
    const message = '"max-object" is larger than the whole cache'
    report(errorAt(largest.statement.arguments[0]!.span, 'out-of-range', message, 'raise "tier memory"', notes))
  }
  checkRuleNames(checked, report)
}

function checkTiers(node: Node<string>, report: Report): void {
  for (const first of [memoryTierOf(node.block), poolTierOf(node.block)]) {
    const again = node.block.all(tier).filter((one) => one !== first && one.value.kind === first?.value.kind)
    for (const one of again) {
      const message = `cache "${node.value}" has a second tier of ${one.value.kind}`
      const notes = [{ message: 'the first one', span: headOf(first!) }]
      report(errorAt(headOf(one), 'duplicate', message, 'keep one of them', notes))
    }
  }
}

/** Machines find each other in the pool, so a fetch for the whole cluster needs one. */
export function checkClusters(checked: CheckedDocument, compiled: Compiled, report: Report): void {
  const told = new Set<Node>()
  const check = (blocks: readonly Block[], cacheNode: Node<string>, notes: Diagnostic['notes']): void => {
    const scope = blocks.map((block) => block.child(collapse).node(collapseScope)).find((node) => node !== undefined)
    const hasPool = cacheNode.block.isIncomplete || poolTierOf(cacheNode.block) !== undefined
    if (scope?.value !== 'cluster' || hasPool || told.has(scope)) return
    told.add(scope)
    const message = `cache "${cacheNode.value}" has no memcached pool in which machines could agree on one fetch`
    const help = 'add "tier memcached NAME;" to the cache, or write "scope machine;"'
    report(errorAt(headOf(scope), 'no-pool', message, help, notes))
  }
  for (const node of checked.main.all(cache)) check([node.block], node, [])
  for (const route of cachedRoutes(checked, compiled)) {
    const node = checked.main.all(cache).find((one) => one.block === route.cacheBlocks.at(-1))
    if (node !== undefined) check(route.cacheBlocks, node, [noteOf(route, `uses cache "${node.value}"`)])
  }
}

/** `cache off;` turns caching off, so a rule of that name could not be chosen. */
function checkRuleNames(checked: CheckedDocument, report: Report): void {
  for (const node of checked.main.all(rule)) {
    if (node.value !== 'off') continue
    const { span } = node.statement.arguments[0]!
    report(errorAt(span, 'bad-name', 'a rule cannot be named "off"', '"cache off;" means no cache'))
  }
}
