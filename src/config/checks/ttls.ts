/** Two `ttl` statements of one block for exactly the same responses. */
import type { Block, CheckedDocument } from '../checked.ts'
import { headOf } from '../checked.ts'
import { buildTtl } from '../compile/settings.ts'
import { cache, rule } from '../directives/cache.ts'
import { ttl } from '../directives/cache-settings.ts'
import type { Report } from '../directives/directive.ts'
import { errorAt } from '../errors.ts'
import { relateTtls } from '../ttl-order.ts'

export function checkTtls(checked: CheckedDocument, report: Report): void {
  for (const node of [...checked.main.all(cache), ...checked.main.all(rule)]) checkBlock(node.block, report)
}

function checkBlock(block: Block, report: Report): void {
  const ttls = block.all(ttl).map((node) => ({ span: headOf(node), rule: buildTtl(node) }))
  for (const [index, later] of ttls.entries()) {
    const earlier = ttls.slice(0, index).find((one) => relateTtls(one.rule, later.rule) === 'equal')
    if (earlier === undefined) continue
    const notes = [{ message: 'first given here', span: earlier.span }]
    const help = 'keep one of them, or name other statuses, paths, types or lengths'
    report(errorAt(later.span, 'duplicate', 'two "ttl" statements for the same responses', help, notes))
  }
}
