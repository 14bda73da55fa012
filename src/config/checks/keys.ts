/** Keys: each class and each negotiated field once in a block. */
import { type Block, type CheckedDocument, headOf, type Node } from '../checked.ts'
import { cache, rule } from '../directives/cache.ts'
import type { Report } from '../directives/directive.ts'
import { key, keyClass, keyVary } from '../directives/key.ts'
import { errorAt } from '../errors.ts'

export function checkKeys(checked: CheckedDocument, report: Report): void {
  for (const node of [...checked.main.all(cache), ...checked.main.all(rule)]) {
    const block: Block = node.block.child(key)
    reportTwice(block.all(keyClass), (one) => `class ${one.value.name}`, report)
    reportTwice(block.all(keyVary), (one) => `vary ${one.value.field}`, report)
  }
}

function reportTwice<T>(nodes: readonly Node<T>[], nameOf: (node: Node<T>) => string, report: Report): void {
  const first = new Map<string, Node<T>>()
  for (const node of nodes) {
    const name = nameOf(node)
    const earlier = first.get(name)
    if (earlier === undefined) {
      first.set(name, node)
      continue
    }
    const notes = [{ message: 'first given here', span: headOf(earlier) }]
    report(errorAt(headOf(node), 'duplicate', `"${name}" is given twice`, 'keep one of them', notes))
  }
}
