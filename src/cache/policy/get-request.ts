/** A request seen as the GET that would find what it changes: a key can be made of it, and rules asked. */

import type { RequestFacts } from '../../plan/facts.ts'
import type { TlsFacts } from '../../plan/tls-facts.ts'
import type { Target } from './same-origin.ts'

/** The fields and the client are those of `request`, the target is its own or another one of the same origin. */
export class GetRequest implements RequestFacts {
  readonly method = 'GET'
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly authority: string
  readonly path: string
  readonly query: string
  readonly hasQuery: boolean
  readonly clientAddress: string
  readonly #request: RequestFacts

  constructor(request: RequestFacts, target: Target = request) {
    this.scheme = request.scheme
    this.host = request.host
    this.authority = request.authority
    this.path = target.path
    this.query = target.query
    this.hasQuery = target.hasQuery
    this.clientAddress = request.clientAddress
    this.#request = request
  }

  get tls(): TlsFacts | undefined {
    return this.#request.tls
  }

  header(name: string): string | undefined {
    return this.#request.header(name)
  }

  headers(name: string): readonly string[] {
    return this.#request.headers(name)
  }
}
