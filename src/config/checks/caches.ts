/** Sizes that cannot be meant. */
import type { CheckedDocument } from '../checked.ts'
import { cache, rule, tier } from '../directives/cache.ts'
import { maxObject } from '../directives/cache-settings.ts'
import type { Report } from '../directives/directive.ts'
import { errorAt } from '../errors.ts'

/** The smallest store that holds anything worth the name. */
const MIN_TIER_BYTES = 1 << 20

export function checkCaches(checked: CheckedDocument, report: Report): void {
  for (const node of checked.main.all(cache)) {
    const size = node.block.node(tier)
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

/** `cache off;` turns caching off, so a rule of that name could not be chosen. */
function checkRuleNames(checked: CheckedDocument, report: Report): void {
  for (const node of checked.main.all(rule)) {
    if (node.value !== 'off') continue
    const { span } = node.statement.arguments[0]!
    report(errorAt(span, 'bad-name', 'a rule cannot be named "off"', '"cache off;" means no cache'))
  }
}
