/**
 * Why a head is refused: the one list. Parsers return the negative index of an entry, so that hostile input costs neither
 * an exception nor a string. `status` is what a client gets; a bad head from a backend is a 502 whatever stands here.
 */

export interface HeadError {
  readonly code: string
  readonly status: number
  readonly message: string
}

const table = [
  { code: 'none', status: 0, message: 'no error' },
  { code: 'bad-request-line', status: 400, message: 'request line is not "METHOD SP TARGET SP VERSION"' },
  { code: 'method-too-long', status: 501, message: 'method is longer than any known one' },
  { code: 'bad-target', status: 400, message: 'request target holds a forbidden byte or has no known form' },
  { code: 'target-too-long', status: 414, message: 'request target is longer than the limit' },
  { code: 'bad-version', status: 400, message: 'protocol version is not "HTTP/" DIGIT "." DIGIT' },
  { code: 'unsupported-version', status: 505, message: 'protocol version is neither HTTP/1.1 nor HTTP/1.0' },
  { code: 'bad-status-line', status: 502, message: 'status line is not "VERSION SP 3DIGIT SP REASON"' },
  { code: 'bad-line-ending', status: 400, message: 'line does not end with CR LF' },
  { code: 'head-too-large', status: 431, message: 'head is larger than the limit' },
  { code: 'too-many-fields', status: 431, message: 'head has more fields than the limit' },
  { code: 'bad-field-name', status: 400, message: 'field name is empty, not a token, or not followed by a colon' },
  { code: 'space-before-colon', status: 400, message: 'white space between field name and colon' },
  { code: 'line-folding', status: 400, message: 'field line begins with white space' },
  { code: 'bad-field-value', status: 400, message: 'field value holds a control character' },
  { code: 'host-missing', status: 400, message: 'HTTP/1.1 request without Host' },
  { code: 'host-repeated', status: 400, message: 'more than one Host' },
  { code: 'bad-host', status: 400, message: 'Host or authority is not a name or address with an optional port' },
  { code: 'bad-content-length', status: 400, message: 'Content-Length is not a decimal number within bounds' },
  { code: 'content-length-repeated', status: 400, message: 'more than one Content-Length' },
  { code: 'length-and-coding', status: 400, message: 'both Content-Length and Transfer-Encoding' },
  { code: 'bad-transfer-encoding', status: 400, message: 'Transfer-Encoding is not "chunked"' },
  { code: 'unknown-transfer-coding', status: 501, message: 'transfer coding other than chunked' },
  { code: 'coding-in-http-1.0', status: 400, message: 'Transfer-Encoding in an HTTP/1.0 message' },
  { code: 'bad-connection', status: 400, message: 'Connection is not a short list of tokens' },
  {
    code: 'bad-pseudo-field',
    status: 400,
    message: 'pseudo field is unknown, repeated, missing, or behind other fields',
  },
  { code: 'bad-scheme', status: 400, message: ':scheme is not what the connection speaks' },
  { code: 'connection-field', status: 400, message: 'field of a connection of HTTP/1.1 in a request of HTTP/2' },
  { code: 'two-authorities', status: 400, message: ':authority and Host differ' },
  { code: 'protected-connection-option', status: 400, message: 'Connection names a field that must reach the backend' },
] as const satisfies readonly HeadError[]

export type HeadErrorCode = (typeof table)[number]['code']

/** By the negated return value of a head parser; 0 is never returned as an error. */
export const headErrors: readonly HeadError[] = table

/** What a head parser returns for this error: the negated index into `headErrors`. */
export function refusal(code: HeadErrorCode): number {
  return -table.findIndex((error) => error.code === code)
}
