/**
 * Which of a site's routes is asked first, derived from what they match and never from where they stand.
 *
 * Two routes are compared in three dimensions: paths, methods, and `when`. Each gives a relation, and together:
 *
 *     1. one dimension disjoint          no request meets both, nothing to decide
 *     2. all equal                       a mistake: one of the two would never be taken
 *     3. equal or narrower, not all equal   the narrower goes first
 *     4. anything else                   overlap: "before", "overlap wins" or "overlap yields" must decide, or it is a mistake
 *
 * The decided pairs form a graph, and the order is a topological one; routes that no pair orders stand by name.
 */
import type { PathPattern, Place } from '../plan/plan.ts'
import { type Relation, relatePaths } from './overlap/relate.ts'

/** What precedence looks at. */
export interface Contender {
  readonly name: string
  readonly paths: readonly PathPattern[]
  /** Empty: every method. */
  readonly methods: readonly string[]
  readonly when: string | undefined
  readonly overlap: 'yields' | 'wins' | undefined
  /** Names of routes this one goes before. */
  readonly before: readonly string[]
  readonly place: Place
}

/** Two routes that some request could meet both, the one that is asked first, and why. */
export interface DecidedPair {
  readonly first: Contender
  readonly second: Contender
  readonly reason: string
  /** A path both match. */
  readonly witness: string | undefined
}

export interface UndecidedPair {
  readonly left: Contender
  readonly right: Contender
  readonly problem: 'same-requests' | 'overlap' | 'both-yield' | 'both-win' | 'both-before'
  readonly witness: string | undefined
}

/** `first before second` stands in the file, but every request of `second` is one of `first`. */
export interface ShadowingPair {
  readonly first: Contender
  readonly second: Contender
}

export interface Precedence<T extends Contender> {
  /** Strongest first. */
  readonly order: readonly T[]
  readonly decided: readonly DecidedPair[]
  readonly undecided: readonly UndecidedPair[]
  readonly shadowing: readonly ShadowingPair[]
  /** Names that the decisions send round in a circle; empty: none. */
  readonly cycle: readonly string[]
}

export function derivePrecedence<T extends Contender>(contenders: readonly T[]): Precedence<T> {
  const decided: DecidedPair[] = []
  const undecided: UndecidedPair[] = []
  const shadowing: ShadowingPair[] = []
  for (const [index, left] of contenders.entries()) {
    for (const right of contenders.slice(index + 1)) {
      const { relation, witness } = relateRoutes(left, right)
      if (relation === 'disjoint') continue
      const decision = decide(left, right, relation)
      if (typeof decision === 'string') undecided.push({ left, right, problem: decision, witness })
      else decided.push({ ...decision, witness })
      const shadow = findShadow(left, right, relation)
      if (shadow !== undefined) shadowing.push(shadow)
    }
  }
  return { ...sort(contenders, decided), decided, undecided, shadowing }
}

export function relateRoutes(left: Contender, right: Contender): { relation: Relation; witness: string | undefined } {
  const methods = relateMethods(left.methods, right.methods)
  if (methods === 'disjoint') return { relation: 'disjoint', witness: undefined }
  const paths = relatePaths(left.paths, right.paths)
  return { relation: combine([paths.relation, methods, relateWhen(left.when, right.when)]), witness: paths.witness }
}

function combine(relations: readonly Relation[]): Relation {
  const has = (relation: Relation): boolean => relations.includes(relation)
  if (has('disjoint')) return 'disjoint'
  if (has('overlap') || (has('narrower') && has('wider'))) return 'overlap'
  if (has('narrower')) return 'narrower'
  return has('wider') ? 'wider' : 'equal'
}

function relateMethods(left: readonly string[], right: readonly string[]): Relation {
  if (left.length === 0 || right.length === 0) {
    if (left.length === right.length) return 'equal'
    return left.length === 0 ? 'wider' : 'narrower'
  }
  const isLeftInside = left.every((method) => right.includes(method))
  const isRightInside = right.every((method) => left.includes(method))
  if (isLeftInside) return isRightInside ? 'equal' : 'narrower'
  if (isRightInside) return 'wider'
  return left.some((method) => right.includes(method)) ? 'overlap' : 'disjoint'
}

/** Nothing is known about two different matchers, so some request may meet both. */
function relateWhen(left: string | undefined, right: string | undefined): Relation {
  if (left === right) return 'equal'
  if (left === undefined) return 'wider'
  return right === undefined ? 'narrower' : 'overlap'
}

type Decision = Omit<DecidedPair, 'witness'>

function decide(left: Contender, right: Contender, relation: Relation): Decision | UndecidedPair['problem'] {
  if (relation === 'narrower') return { first: left, second: right, reason: 'narrower' }
  if (relation === 'wider') return { first: right, second: left, reason: 'narrower' }
  if (relation === 'equal') return 'same-requests'
  const isLeftBefore = left.before.includes(right.name)
  const isRightBefore = right.before.includes(left.name)
  if (isLeftBefore && isRightBefore) return 'both-before'
  if (isLeftBefore) return { first: left, second: right, reason: `"before ${right.name}" on ${left.name}` }
  if (isRightBefore) return { first: right, second: left, reason: `"before ${left.name}" on ${right.name}` }
  return decideByOverlap(left, right)
}

function decideByOverlap(left: Contender, right: Contender): Decision | UndecidedPair['problem'] {
  if (left.overlap === right.overlap) {
    if (left.overlap === undefined) return 'overlap'
    return left.overlap === 'yields' ? 'both-yield' : 'both-win'
  }
  const isLeftFirst = left.overlap === 'wins' || right.overlap === 'yields'
  const [first, second] = isLeftFirst ? [left, right] : [right, left]
  const isWon = first.overlap === 'wins'
  return { first, second, reason: isWon ? `"overlap wins" on ${first.name}` : `"overlap yields" on ${second.name}` }
}

function findShadow(left: Contender, right: Contender, relation: Relation): ShadowingPair | undefined {
  if (relation === 'wider' && left.before.includes(right.name)) return { first: left, second: right }
  if (relation === 'narrower' && right.before.includes(left.name)) return { first: right, second: left }
  return undefined
}

function sort<T extends Contender>(
  contenders: readonly T[],
  decided: readonly DecidedPair[],
): { order: readonly T[]; cycle: readonly string[] } {
  const rest = [...contenders].sort((a, b) => (a.name < b.name ? -1 : 1))
  const earlier = new Map<Contender, Set<Contender>>(rest.map((route) => [route, new Set()]))
  for (const { first, second } of decided) earlier.get(second)!.add(first)
  const placed = new Set<Contender>()
  const order: T[] = []
  while (rest.length > 0) {
    const at = rest.findIndex((route) => [...earlier.get(route)!].every((other) => placed.has(other)))
    if (at === -1) return { order: [...order, ...rest], cycle: findCycle(rest, earlier) }
    const [next] = rest.splice(at, 1)
    order.push(next!)
    placed.add(next!)
  }
  return { order, cycle: [] }
}

/** Every one of `rest` has an earlier one among them: walking back must come round. */
function findCycle(
  rest: readonly Contender[],
  earlier: ReadonlyMap<Contender, ReadonlySet<Contender>>,
): readonly string[] {
  const walked: Contender[] = []
  let at = rest[0]!
  while (!walked.includes(at)) {
    walked.push(at)
    at = [...earlier.get(at)!].find((other) => rest.includes(other))!
  }
  return walked
    .slice(walked.indexOf(at))
    .reverse()
    .map((route) => route.name)
}
