/**
 * What rules may ask about a request and a response: the narrow view that routing, matchers and the caching rules share.
 *
 * The engine's parsed heads offer it directly, `shellac explain` and test blocks build it from text, so a rule gives the
 * same answer in all of them. Always true: field values hold no control byte but tab; `host`, `authority`, `path` and
 * `query` hold neither space nor control byte; all text is latin1, one letter per byte received.
 */

import type { TlsFacts } from './tls-facts.ts'

export interface RequestFacts {
  /** As received: methods are case-sensitive (RFC 9110 §9.1). */
  readonly method: string
  readonly scheme: 'http' | 'https'
  /** undefined: the request came without TLS. */
  readonly tls: TlsFacts | undefined
  /** The authority without port, lower case. */
  readonly host: string
  /** `host[:port]`, lower case. */
  readonly authority: string
  /** Up to the `?`, as received; `*` for the asterisk form. */
  readonly path: string
  /** After the `?`, without it; empty when there is none. */
  readonly query: string
  /** Tells `/a?` (true) from `/a` (false). */
  readonly hasQuery: boolean
  /** Textual IP address of the peer; empty for a unix socket. What X-Forwarded-For claims does not count here. */
  readonly clientAddress: string
  /** All lines of a field joined by `, `; undefined when there is none. `name` in lower case. */
  header(name: string): string | undefined
  /** Each line of a field; empty when there is none. `name` in lower case. */
  headers(name: string): readonly string[]
}

export interface ResponseFacts {
  readonly status: number
  /** As in RequestFacts. */
  header(name: string): string | undefined
  /** As in RequestFacts. */
  headers(name: string): readonly string[]
}
