/**
 * A request as its origin sees it: after the route's edits, which come before key and look-up. What selects a stored
 * response must be what the origin chose by: a field the route removes cannot make answers differ, one it sets can.
 *
 * Looking at fields this way costs an object and a run of the edits, so `sentFacts` gives the request itself where the
 * fields asked for are not touched.
 */
import type { RequestFacts } from '../plan/facts.ts'
import type { TlsFacts } from '../plan/tls-facts.ts'
import type { Client } from './client.ts'
import type { HeadFacts } from './facts.ts'
import type { VariableSource } from './header-edits.ts'
import { RequestContext } from './request-context.ts'
import type { RouteRules, RouteRuntime } from './route-runtime.ts'

export class SentFacts implements RequestFacts {
  readonly #request: RequestFacts
  readonly #route: RouteRules
  readonly #source: VariableSource

  constructor(request: RequestFacts, route: RouteRules, source: VariableSource) {
    this.#request = request
    this.#route = route
    this.#source = source
  }

  get method(): string {
    return this.#request.method
  }

  get scheme(): 'http' | 'https' {
    return this.#request.scheme
  }

  get tls(): TlsFacts | undefined {
    return this.#request.tls
  }

  get host(): string {
    return this.#request.host
  }

  get authority(): string {
    return this.#request.authority
  }

  get path(): string {
    return this.#request.path
  }

  get query(): string {
    return this.#request.query
  }

  get hasQuery(): boolean {
    return this.#request.hasQuery
  }

  get clientAddress(): string {
    return this.#request.clientAddress
  }

  header(name: string): string | undefined {
    if (!this.#route.touchesRequest(name)) return this.#request.header(name)
    const values = this.headers(name)
    return values.length === 0 ? undefined : values.join(', ')
  }

  headers(name: string): readonly string[] {
    const received = this.#request.headers(name)
    if (!this.#route.touchesRequest(name)) return received
    const values = this.#route.requestEdits.valuesAfter(name, received, this.#source, this.#request)
    // The address of the client is a value of these that no edit shows.
    return this.#route.isForwardingField(name) ? [...values, this.#request.clientAddress] : values
  }
}

/** `request` as its origin sees it, as far as the fields `names` (lower case) go. */
export function sentFacts(
  request: HeadFacts,
  names: readonly string[],
  route: RouteRuntime,
  client: Client,
): RequestFacts {
  for (const name of names) {
    if (route.touchesRequest(name)) {
      return new SentFacts(request, route, new RequestContext(client, request.head, route))
    }
  }
  return request
}
