/** Matchers: not empty, not circular, and with nothing about the response where there is none yet. */
import type { Block, CheckedDocument, Node, ScopedName } from '../checked.ts'
import { buildMatchers } from '../compile/match.ts'
import type { Diagnostic } from '../diagnostics.ts'
import { bypass, noStore } from '../directives/cache-settings.ts'
import type { Directive, Report } from '../directives/directive.ts'
import { responseEdit } from '../directives/headers.ts'
import { logWhen } from '../directives/log.ts'
import { match, matchMatcher } from '../directives/match.ts'
import { errorAt } from '../errors.ts'

export function checkMatchers(checked: CheckedDocument, report: Report): void {
  const matchers = checked.main.all(match)
  for (const matcher of matchers) checkEmpty(matcher, report)
  checkCycles(checked, matchers, report)
  checkPhases(checked, matchers, report)
}

function checkEmpty(node: Node, report: Report): void {
  if (node.block.nodes.length === 0 && !node.block.isIncomplete) {
    const { name } = node.statement
    report(errorAt(name.span, 'empty-condition', `"${name.text}" holds no condition`, 'add one, such as: method POST;'))
  }
  for (const inside of node.block.nodes) if (inside.directive.block !== undefined) checkEmpty(inside, report)
}

function checkCycles(checked: CheckedDocument, matchers: readonly Node<string>[], report: Report): void {
  const uses = new Map<string, readonly ScopedName[]>()
  for (const matcher of matchers) {
    const inside = checked.references.filter(
      (use) => use.directive === matchMatcher && isWithin(use.block, matcher.block),
    )
    uses.set(matcher.value, inside)
  }
  const finished = new Set<string>()
  for (const name of uses.keys()) {
    const circle = findCircle([{ name, use: undefined }], uses, finished)
    if (circle !== undefined) report(describeCircle(circle))
  }
}

function describeCircle(circle: readonly ScopedName[]): Diagnostic {
  const last = circle.at(-1)!
  const way = [last, ...circle].map((use) => `"@${use.name}"`).join(' to ')
  const notes = circle.slice(0, -1).map((use) => ({ message: `"@${use.name}" is used here`, span: use.span }))
  const message = `matcher "@${last.name}" leads back to itself: ${way}`
  return errorAt(last.span, 'matcher-cycle', message, 'take one of these uses away', notes)
}

/** A matcher on the way of the search, and the use that led to it; the first has none. */
interface Step {
  readonly name: string
  readonly use: ScopedName | undefined
}

/** Depth first from the last step; gives the uses that make the first circle met. `finished` need no second look. */
function findCircle(
  way: readonly Step[],
  uses: ReadonlyMap<string, readonly ScopedName[]>,
  finished: Set<string>,
): readonly ScopedName[] | undefined {
  const { name } = way.at(-1)!
  if (finished.has(name)) return undefined
  finished.add(name)
  for (const use of uses.get(name) ?? []) {
    const start = way.findIndex((step) => step.name === use.name)
    if (start !== -1) return [...way.slice(start + 1).flatMap((step) => step.use ?? []), use]
    const circle = findCircle([...way, { name: use.name, use }], uses, finished)
    if (circle !== undefined) return circle
  }
  return undefined
}

function isWithin(block: Block, outer: Block): boolean {
  for (let at: Block | undefined = block; at !== undefined; at = at.parent) if (at === outer) return true
  return false
}

/** Statements that are decided when the response is known. */
const RESPONSE_TIME: ReadonlySet<Directive> = new Set<Directive>([responseEdit, logWhen, matchMatcher, noStore])

function checkPhases(checked: CheckedDocument, matchers: readonly Node<string>[], report: Report): void {
  const plans = buildMatchers(matchers)
  const needy = new Set(plans.filter((plan) => plan.needsResponse).map((plan) => plan.name))
  for (const use of checked.references) {
    if (use.kind !== 'matcher' || !needy.has(use.name) || RESPONSE_TIME.has(use.directive)) continue
    const message = `matcher "@${use.name}" looks at the response, and "${use.directive.name}" is decided before there is one`
    const definition = checked.definitions.find((one) => one.kind === 'matcher' && one.name === use.name)
    const notes = [{ message: 'defined here', span: definition?.span }]
    const instead = use.directive === bypass ? ', or name it in "no-store"' : ''
    const help = `take "status" and "response-header" out of it${instead}`
    report(errorAt(use.span, 'response-matcher', message, help, notes))
  }
}
