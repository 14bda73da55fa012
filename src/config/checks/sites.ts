/** Sites: no host twice on one listener, something to do for every request, access rules that agree. */
import type { PathPattern } from '../../plan/plan.ts'
import { type Block, type CheckedDocument, headOf, type Node } from '../checked.ts'
import type { Report } from '../directives/directive.ts'
import { path, route, routeMethod, when } from '../directives/route.ts'
import { on, site } from '../directives/site.ts'
import { allow, deny, proxy } from '../directives/site-statements.ts'
import { errorAt, warningAt } from '../errors.ts'
import { relatePaths } from '../overlap/relate.ts'

export function checkSites(checked: CheckedDocument, report: Report): void {
  const sites = checked.main.all(site)
  checkHosts(sites, report)
  for (const node of sites) {
    checkAccess(node.block, report)
    for (const one of node.block.all(route)) checkAccess(one.block, report)
    const isEmpty = !node.block.mentions(route) && !node.block.mentions(proxy) && !node.block.isIncomplete
    if (isEmpty) report(errorAt(headOf(node), 'missing-action', 'this site answers nothing', 'add: proxy BACKEND;'))
  }
}

function checkHosts(sites: readonly Node<readonly string[]>[], report: Report): void {
  for (const [index, node] of sites.entries()) {
    for (const [at, host] of node.value.entries()) {
      const span = node.statement.arguments[at]!.span
      if (node.value.indexOf(host) < at) {
        report(errorAt(span, 'duplicate-host', `host "${host}" is given twice`, 'keep one of them'))
        continue
      }
      const earlier = sites.slice(0, index).find((other) => other.value.includes(host) && shareListener(node, other))
      if (earlier === undefined) continue
      const notes = [
        { message: 'the other site', span: earlier.statement.arguments[earlier.value.indexOf(host)]?.span },
      ]
      const message = `host "${host}" belongs to another site already`
      const help = 'put both into one site, or serve them on different listeners with "on"'
      report(errorAt(span, 'duplicate-host', message, help, notes))
    }
  }
}

const everything: readonly PathPattern[] = [{ kind: 'glob', pattern: '/**' }]

/**
 * A site with routes serves nothing but these: its own "proxy" is what they inherit. Whoever adds a first route to a site
 * that proxied everything seldom means that. Only for a file without errors.
 */
export function checkUncovered(checked: CheckedDocument, report: Report): void {
  for (const { block } of checked.main.all(site)) {
    const inherited = block.node(proxy)
    const routes = block.all(route)
    if (inherited === undefined || routes.length === 0) continue
    const unconditional = routes.filter((one) => !one.block.mentions(when) && !one.block.mentions(routeMethod))
    const paths = unconditional.flatMap((one) => one.block.all(path).flatMap((node) => node.value))
    const { relation } = relatePaths(everything, paths)
    if (relation !== 'wider' && relation !== 'disjoint') continue
    const message = `requests that no route takes get 404, not this "${inherited.directive.name}"`
    report(warningAt(headOf(inherited), 'uncovered-paths', message, 'add "route rest { path /**; }"'))
  }
}

/** A site without "on" is served on every listener. */
function shareListener(left: Node, right: Node): boolean {
  const leftNames = left.block.all(on).flatMap((node) => node.value)
  const rightNames = right.block.all(on).flatMap((node) => node.value)
  if (leftNames.length === 0 || rightNames.length === 0) return true
  return leftNames.some((name) => rightNames.includes(name))
}

/** `all` decides on the rest, so it can decide only once. */
function checkAccess(block: Block, report: Report): void {
  const alls = [...block.all(allow), ...block.all(deny)].filter((node) => node.value.matcher === undefined)
  alls.sort((a, b) => headOf(a).start - headOf(b).start)
  const [first, second] = alls
  if (first === undefined || second === undefined) return
  const notes = [{ message: 'first given here', span: headOf(first) }]
  const message = 'what happens to everybody else is said twice'
  report(errorAt(headOf(second), 'duplicate', message, 'keep one "allow all" or "deny all"', notes))
}
