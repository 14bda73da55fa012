/** `shellac 1;` opens the file: a reader knows at once which language follows. */
import type { CheckedDocument } from '../checked.ts'
import type { Report } from '../directives/directive.ts'
import { findDirective } from '../directives/table.ts'
import { shellac } from '../directives/top-level.ts'
import { errorAt } from '../errors.ts'

export function checkVersion(checked: CheckedDocument, report: Report): void {
  const { statements, sources } = checked.document
  const source = sources[0]
  const first = statements[0]
  const stated = statements.find((statement) => findDirective('main', statement.name.text) === shellac)
  if (stated === undefined) {
    // Behind a broken beginning it may stand in the text that was skipped.
    if (source === undefined || statements.some((statement) => statement.damaged)) return
    const span = first?.name.span ?? { source, start: 0, end: 0 }
    report(errorAt(span, 'missing-version', 'the file does not say its language version', 'begin with: shellac 1;'))
  } else if (stated !== first) {
    const notes = [{ message: 'the first statement stands here', span: first?.name.span }]
    report(errorAt(stated.name.span, 'late-version', '"shellac" is not the first statement', 'move it up', notes))
  }
}
