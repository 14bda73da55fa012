/** `match @NAME { ... }` to the Plan. */
import type { MatcherPlan, MatchNode } from '../../plan/plan.ts'
import { type Block, headOf, type Node } from '../checked.ts'
import { all, any, not } from '../directives/match.ts'
import { placeOf } from './place.ts'

export function buildMatchers(nodes: readonly Node<string>[]): readonly MatcherPlan[] {
  const tests = new Map(nodes.map((node) => [node.value, buildTest(node.block)]))
  const needy = namesThatNeedResponse(tests)
  return nodes.map((node) => ({
    name: node.value,
    test: tests.get(node.value)!,
    needsResponse: needy.has(node.value),
    place: placeOf(headOf(node)),
  }))
}

/** Several conditions in one block must all hold; a single one stands for itself. */
function buildTest(block: Block): MatchNode {
  const nodes = buildConditions(block)
  return nodes.length === 1 ? nodes[0]! : { kind: 'all', nodes }
}

function buildConditions(block: Block): readonly MatchNode[] {
  return block.nodes.map((node): MatchNode => {
    switch (node.directive) {
      case all:
        return { kind: 'all', nodes: buildConditions(node.block) }
      case any:
        return { kind: 'any', nodes: buildConditions(node.block) }
      case not:
        return { kind: 'not', nodes: buildConditions(node.block) }
      default:
        // Every other directive of this block gives the condition itself.
        return node.value as MatchNode
    }
  })
}

/** Names of the matchers that look at a response, themselves or through another one. */
function namesThatNeedResponse(tests: ReadonlyMap<string, MatchNode>): ReadonlySet<string> {
  const needy = new Set<string>()
  for (let size = -1; size !== needy.size; ) {
    size = needy.size
    for (const [name, test] of tests) if (looksAtResponse(test, needy)) needy.add(name)
  }
  return needy
}

function looksAtResponse(node: MatchNode, needy: ReadonlySet<string>): boolean {
  switch (node.kind) {
    case 'all':
    case 'any':
    case 'not':
      return node.nodes.some((inside) => looksAtResponse(inside, needy))
    case 'matcher':
      return needy.has(node.name)
    default:
      return node.kind === 'status' || node.kind === 'response-header'
  }
}
