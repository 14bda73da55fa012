/** Listeners and logs: every address once, every listener with something to serve. */
import type { ListenAddress } from '../../plan/plan.ts'
import { type CheckedDocument, headOf, type Node } from '../checked.ts'
import type { Report } from '../directives/directive.ts'
import { address, listener, redirectScheme } from '../directives/listener.ts'
import { log } from '../directives/log.ts'
import { proxyListen, proxyStats } from '../directives/memcached-proxy.ts'
import { on, site } from '../directives/site.ts'
import { errorAt, warningAt } from '../errors.ts'

export function checkListeners(checked: CheckedDocument, report: Report): void {
  const listeners = checked.main.all(listener)
  checkAddresses(checked, report)
  checkRedirecting(checked, listeners, report)
  if (!checked.isIncomplete) checkService(checked, report)
}

function checkAddresses(checked: CheckedDocument, report: Report): void {
  const first = new Map<string, Node>()
  for (const { node, addresses } of listenStatements(checked)) {
    for (const [index, value] of addresses.entries()) {
      const text = value.kind === 'unix' ? value.path : `${value.host}:${value.port}`
      const earlier = first.get(text)
      // Port 0 is another one each time.
      if (earlier === undefined || (value.kind === 'tcp' && value.port === 0)) {
        first.set(text, node)
        continue
      }
      const span = node.statement.arguments[index]!.span
      const notes = [{ message: 'first given here', span: headOf(earlier) }]
      report(errorAt(span, 'duplicate-address', `address "${text}" is listened on twice`, 'keep one of them', notes))
    }
  }
}

/** Every statement that opens a socket, in the order of the text. */
function listenStatements(checked: CheckedDocument): { node: Node; addresses: readonly ListenAddress[] }[] {
  return checked.main.nodes.flatMap(({ block }) => [
    ...block.all(address).map((node) => ({ node, addresses: node.value })),
    ...[proxyListen, proxyStats]
      .flatMap((directive) => block.all(directive))
      .map((node) => ({ node, addresses: [node.value] })),
  ])
}

function checkRedirecting(checked: CheckedDocument, listeners: readonly Node<string>[], report: Report): void {
  const redirecting = new Map(
    listeners.flatMap((node) => {
      const redirect = node.block.node(redirectScheme)
      return redirect === undefined ? [] : [[node.value, headOf(redirect)] as const]
    }),
  )
  for (const use of checked.references) {
    const redirect = use.directive === on ? redirecting.get(use.name) : undefined
    if (redirect === undefined) continue
    const message = `listener "${use.name}" redirects every request, so no site can be served on it`
    const notes = [{ message: 'it redirects here', span: redirect }]
    report(errorAt(use.span, 'redirecting-listener', message, `take "${use.name}" away`, notes))
  }
}

/** A site that no listener serves. */
function checkService(checked: CheckedDocument, report: Report): void {
  const firstSite = checked.main.node(site)
  if (firstSite === undefined || servingListeners(checked).length > 0) return
  const help = 'add: listener public { address *:80; }'
  report(errorAt(headOf(firstSite), 'no-listener', 'no listener accepts requests for this site', help))
}

function servingListeners(checked: CheckedDocument): readonly Node<string>[] {
  return checked.main.all(listener).filter((node) => !node.block.mentions(redirectScheme))
}

export function checkUnusedListeners(checked: CheckedDocument, report: Report): void {
  const named = checked.main.all(site).map((node) => node.block.all(on).flatMap((statement) => statement.value))
  // A site without "on" is served on all of them.
  if (named.some((names) => names.length === 0)) return
  for (const node of servingListeners(checked)) {
    if (named.some((names) => names.includes(node.value))) continue
    const message = `listener "${node.value}" is never used`
    const help = `write "on ${node.value};" in a site, or remove it`
    report(warningAt(node.statement.arguments[0]!.span, 'unused-name', message, help))
  }
}

export function checkLogs(checked: CheckedDocument, report: Report): void {
  const first = new Map<string, Node>()
  for (const node of checked.main.all(log)) {
    const earlier = first.get(node.value)
    if (earlier === undefined) {
      first.set(node.value, node)
      continue
    }
    const notes = [{ message: 'first given here', span: headOf(earlier) }]
    report(errorAt(headOf(node), 'duplicate', `"log ${node.value}" is given twice`, 'keep one of them', notes))
  }
}
