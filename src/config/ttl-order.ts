/**
 * Which of several `ttl` statements of one block holds, whatever their order: the more exact one. They are compared by
 * status first, then by path, then by type, then by length; the first of the four that tells them apart decides.
 *
 *     ttl 404 path /a/** 1s;     1. fewer statuses than 4xx
 *     ttl 4xx 10s;               2.
 *     ttl path /a/** 1h;         3. the plain statuses, fewer paths
 *     ttl 5m;                    4.
 *
 * Of those that fit a response and have no more exact one that fits, the shortest time holds: what is kept too briefly
 * costs a fetch, what is kept too long is wrong. Two that fit exactly the same responses are a mistake.
 */
import type { TtlRule } from '../plan/plan.ts'
import { type Relation, relatePaths } from './overlap/relate.ts'

/** One statement, not yet compared with the others. */
export type TtlStatement = Omit<TtlRule, 'yieldsTo'>

/**
 * The shorter first, and each with the positions of those that go before it where they fit too; the same for every order
 * of `rules`. No plain order would do: of three statements each may go before the next, as each pair is compared anew.
 * `start`: the position of the first.
 */
export function orderTtls(rules: readonly TtlStatement[], start = 0): readonly TtlRule[] {
  const ordered = [...rules].sort((a, b) => a.ttlMs - b.ttlMs || (tieKey(a) < tieKey(b) ? -1 : 1))
  return ordered.map((rule) => ({
    ...rule,
    yieldsTo: ordered.flatMap((other, index) => (relateTtls(rule, other) === 'wider' ? [start + index] : [])),
  }))
}

function tieKey(rule: TtlStatement): string {
  return JSON.stringify([rule.mode, rule.statuses, rule.path, rule.contentType, rule.lengths])
}

/** `narrower`: the left one goes first. `overlap` and `equal`: neither is the more exact. */
export function relateTtls(left: TtlStatement, right: TtlStatement): Relation {
  const status = relateStatuses(left.statuses, right.statuses)
  const path = relatePatterns(left.path, right.path)
  const type = relateTypes(left.contentType, right.contentType)
  const length = relateLengths(left.lengths, right.lengths)
  const relations = [status, path, type, length]
  if (relations.includes('disjoint')) return 'disjoint'
  return relations.find((relation) => relation !== 'equal') ?? 'equal'
}

function relateStatuses(left: TtlRule['statuses'], right: TtlRule['statuses']): Relation {
  const inLeft = codesOf(left)
  const inRight = codesOf(right)
  const common = [...inLeft].filter((code) => inRight.has(code)).length
  if (common === 0) return 'disjoint'
  if (common === inLeft.size) return common === inRight.size ? 'equal' : 'narrower'
  return common === inRight.size ? 'wider' : 'overlap'
}

function codesOf(ranges: TtlRule['statuses']): Set<number> {
  const codes = new Set<number>()
  for (const [low, high] of ranges) for (let code = low; code <= high; code++) codes.add(code)
  return codes
}

function relatePatterns(left: string | undefined, right: string | undefined): Relation {
  if (left === undefined || right === undefined) return relateOptional(left, right)
  return relatePaths([{ kind: 'glob', pattern: left }], [{ kind: 'glob', pattern: right }]).relation
}

/** `text/html` is narrower than `text/*`. */
function relateTypes(left: string | undefined, right: string | undefined): Relation {
  if (left === undefined || right === undefined) return relateOptional(left, right)
  if (left === right) return 'equal'
  if (right.endsWith('/*') && left.startsWith(right.slice(0, -1))) return 'narrower'
  if (left.endsWith('/*') && right.startsWith(left.slice(0, -1))) return 'wider'
  return 'disjoint'
}

function relateLengths(left: TtlRule['lengths'], right: TtlRule['lengths']): Relation {
  if (left === undefined || right === undefined) return relateOptional(left, right)
  const [leftLeast, leftMost] = left
  const [rightLeast, rightMost] = right
  if (leftMost < rightLeast || rightMost < leftLeast) return 'disjoint'
  if (leftLeast === rightLeast && leftMost === rightMost) return 'equal'
  if (leftLeast >= rightLeast && leftMost <= rightMost) return 'narrower'
  return leftLeast <= rightLeast && leftMost >= rightMost ? 'wider' : 'overlap'
}

function relateOptional<T>(left: T | undefined, right: T | undefined): Relation {
  if (left === right) return 'equal'
  return left === undefined ? 'wider' : 'narrower'
}
