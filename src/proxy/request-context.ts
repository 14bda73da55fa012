/** What is known of a request for as long as anything works on it: longer than its connection, where a fetch goes on. */
import type { RequestHead } from '../http/request-head.ts'
import type { Reason } from '../log/reasons.ts'
import type { VariableName } from '../plan/plan.ts'
import { clock } from '../util/clock.ts'
import type { ClientConnection } from './client-connection.ts'
import { type AddressSource, HeadFacts } from './facts.ts'
import type { VariableSource } from './header-edits.ts'
import type { RouteRuntime } from './route-runtime.ts'
import type { Runtime } from './runtime.ts'
import type { Worker } from './worker.ts'

export class RequestContext implements VariableSource, AddressSource {
  readonly worker: Worker
  readonly runtime: Runtime
  readonly listenerName: string
  readonly route: RouteRuntime
  /** An own copy. */
  readonly head: RequestHead
  readonly facts: HeadFacts
  readonly clientAddress: string
  /** Why what is stored does not answer the request; `none`: the cache was not asked. */
  missReason: Reason = 'none'
  /** What `$cache.status` says in this answer. */
  cacheWord = ''
  readonly #clientPort: number
  #requestId = ''

  /** `head` is copied. */
  constructor(connection: ClientConnection, head: RequestHead, route: RouteRuntime) {
    this.worker = connection.worker
    this.runtime = connection.listener.runtime
    this.listenerName = connection.listener.name
    this.route = route
    this.head = head.detach()
    this.clientAddress = connection.clientAddress
    this.#clientPort = connection.clientPort
    this.facts = new HeadFacts(this.head, this)
  }

  /** Made when first asked for. */
  get requestId(): string {
    if (this.#requestId === '') this.#requestId = this.worker.nextRequestId()
    return this.#requestId
  }

  variable(name: VariableName): string {
    const { head, route } = this
    switch (name) {
      case 'client.ip':
        return this.clientAddress
      case 'client.port':
        return String(this.#clientPort)
      case 'request.id':
        return this.requestId
      case 'request.method':
        return head.method
      case 'request.host':
        return head.host
      case 'request.path':
        return head.path
      case 'request.query':
        return head.query
      case 'request.uri':
        return head.uri
      case 'request.scheme':
        return this.facts.scheme
      case 'route.name':
        return route.plan.name
      case 'backend.name':
        return route.backend?.plan.name ?? ''
      case 'cache.status':
        return this.cacheWord
      case 'time.iso8601':
        return new Date(clock.nowMs).toISOString()
    }
  }
}
