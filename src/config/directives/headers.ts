/**
 *     headers {
 *         request set X-Request-Id $request.id;
 *         response add Vary Accept-Language when @translated;
 *         response remove Server;
 *     }
 *
 * The one place of the language where order counts: edits run from top to bottom.
 */
import type { HeaderEdit, ValuePart } from '../../plan/plan.ts'
import { type ArgumentReader, nothing, readReference } from './arguments.ts'
import { type Context, directive, type Shape } from './directive.ts'
import { editableField, headerValue, matcherName, oneOf } from './values.ts'

export type EditArguments = Omit<HeaderEdit, 'place'>

const operation = oneOf('set', 'add', 'remove', 'default')

const editShape: Shape<EditArguments> = {
  syntax: `set|add|default FIELD VALUE [when ${matcherName.syntax}]`,
  otherSyntax: `remove FIELD [when ${matcherName.syntax}]`,
  read(reader) {
    const op = reader.next(operation)
    const name = op === undefined ? undefined : reader.next(editableField)
    if (op === undefined || name === undefined) return undefined
    const value = op === 'remove' ? noParts : reader.next(headerValue)
    const when = value === undefined ? undefined : readWhen(reader)
    const next = reader.peek()
    if (next !== undefined && op !== 'remove' && when === undefined && !reader.hasFailed) {
      return reader.fail(
        'unexpected-argument',
        'the value ends before this word',
        next.span,
        'put a value with spaces in quotes',
      )
    }
    return value === undefined || reader.hasFailed ? undefined : { op, name, value, when }
  },
}

const noParts: readonly ValuePart[] = []

/** `when @m` if it stands here. */
function readWhen(reader: ArgumentReader): string | undefined {
  return reader.takeWord('when') ? readReference(reader, 'matcher', matcherName) : undefined
}

export const requestEdit = directive({
  name: 'request',
  shape: editShape,
  repeat: 'many',
  phase: 'request edits',
  doc:
    'Changes a field of the request before it is looked up and sent on: "set" replaces, "add" adds a line, ' +
    '"default" sets it where it is missing, "remove" removes. A value may hold $variables.',
  example: 'request set X-Request-Id $request.id;',
  peers: [
    'proxy_set_header',
    'http-request set-header',
    'RequestHeader',
    'set bereq.http',
    'set req.http',
    'request_header_add',
  ],
})

export const responseEdit = directive({
  name: 'response',
  shape: editShape,
  repeat: 'many',
  phase: 'response edits',
  doc:
    'Changes a field of the response on its way to the client, in the same words. What is stored stays as the origin ' +
    'sent it, so a changed edit shows on hits at once. Edits without a variable and without "when" also come before ' +
    'the decision whether the response may be stored.',
  example: 'response set Strict-Transport-Security "max-age=31536000";',
  peers: [
    'add_header',
    'http-response set-header',
    'Header',
    'set resp.http',
    'set beresp.http',
    'more_set_headers',
    'reply_header_add',
  ],
})

export const headersContext: Context = {
  name: 'headers',
  doc: 'Edits of request and response fields. They run from top to bottom; this is the one block where order counts.',
  directives: [requestEdit, responseEdit],
}

export const headersBlock = directive({
  name: 'headers',
  shape: nothing,
  block: 'headers',
  repeat: 'many',
  phase: 'request edits',
  doc:
    "Edits of request and response fields. A site's edits run first, then the route's, then the rule's; \"clear " +
    'headers;" in a route drops what it would inherit.',
  example: 'headers { request set X-Request-Id $request.id; response remove Server; }',
  peers: ['add_header', 'proxy_set_header', 'header', 'set req.http', 'set resp.http', 'Header', 'RequestHeader'],
})
