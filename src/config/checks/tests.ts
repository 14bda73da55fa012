/** Test blocks: they speak of routes and backends that exist, and do not contradict themselves. */
import { type CheckedDocument, headSpan, type Node } from '../checked.ts'
import type { Compiled } from '../compile.ts'
import { backend } from '../directives/backend.ts'
import type { Report } from '../directives/directive.ts'
import { test, testHeader, testOrigin } from '../directives/test-block.ts'
import { testExpect } from '../directives/test-expect.ts'
import { errorAt } from '../errors.ts'
import { didYouMean, suggest } from '../suggest.ts'

export function checkTests(checked: CheckedDocument, compiled: Compiled, report: Report): void {
  const routes = compiled.sites.flatMap((site) => site.plan.routes.map((route) => route.name))
  const backends = checked.main.all(backend).map((node) => node.value)
  for (const { block } of checked.main.all(test)) {
    for (const node of block.all(testExpect)) {
      const expected = node.value
      // What could not be read elsewhere may be what is named here.
      if (checked.isIncomplete) continue
      if (expected.kind === 'route') checkName(node, 'route', expected.name, routes, report)
      if (expected.kind === 'backend') checkName(node, 'backend', expected.name, backends, report)
    }
    checkOrigin(block.node(testOrigin), report)
  }
}

function checkName(node: Node, kind: string, name: string, known: readonly string[], report: Report): void {
  if (known.includes(name)) return
  const span = node.statement.arguments[1]!.span
  const help = didYouMean(suggest(name, known)) ?? (known.length === 0 ? undefined : `defined: ${known.join(', ')}`)
  report(errorAt(span, 'unknown-name', `no ${kind} is named "${name}"`, help))
}

function checkOrigin(node: Node | undefined, report: Report): void {
  const field = node?.block.node(testHeader)
  if (node === undefined || field === undefined) return
  const { kind } = node.value as { kind: string }
  if (kind === 'failure') {
    report(
      errorAt(headSpan(field.statement), 'conflict', 'an origin that fails sends no fields', 'leave the field out'),
    )
  }
}
