/** What is known of a request for as long as anything works on it: longer than its connection, where a fetch goes on. */
import type { RequestHead } from '../http/request-head.ts'
import type { Reason } from '../log/reasons.ts'
import type { RequestFacts } from '../plan/facts.ts'
import type { VariableName } from '../plan/plan.ts'
import type { TlsFacts } from '../plan/tls-facts.ts'
import { clock } from '../util/clock.ts'
import type { Client } from './client.ts'
import { HeadFacts, type PeerSource } from './facts.ts'
import type { VariableSource } from './header-edits.ts'
import type { RouteRules, RouteRuntime } from './route-runtime.ts'
import type { Runtime } from './runtime.ts'
import { tlsVariable } from './tls-variables.ts'
import type { Worker } from './worker.ts'

/** What the heads that are sent on and stored are made of. */
export interface RequestView extends VariableSource, PeerSource {
  /** Its own, free to be changed. */
  readonly head: RequestHead
  readonly facts: RequestFacts
  readonly route: RouteRules
  readonly clientPort: number
  readonly requestId: string
  /** Where its answer was looked for; empty: the cache was not asked. */
  readonly key: string
  /** What `$cache.status` says in this answer. */
  readonly cacheWord: string
  /** Wall clock, milliseconds since 1970. */
  readonly nowMs: number
}

export class RequestContext implements RequestView {
  readonly worker: Worker
  readonly runtime: Runtime
  readonly listenerName: string
  readonly route: RouteRuntime
  /** An own copy. */
  readonly head: RequestHead
  readonly facts: HeadFacts
  readonly clientAddress: string
  readonly clientPort: number
  readonly isSecure: boolean
  readonly tls: TlsFacts | undefined
  /** Why what is stored does not answer the request; `none`: the cache was not asked. */
  missReason: Reason = 'none'
  key = ''
  /** The key that the pool was asked for last, and how often it was. */
  poolKey = ''
  poolLooks = 0
  /** With the reason `hit-for-miss`: why the earlier response was not stored. */
  refusal: Reason = 'none'
  /** What `$cache.status` says in this answer. */
  cacheWord = ''
  #requestId = ''

  /** `head` is copied. */
  constructor(client: Client, head: RequestHead, route: RouteRuntime) {
    this.worker = client.worker
    this.runtime = client.listener.runtime
    this.listenerName = client.listener.name
    this.route = route
    this.head = head.detach()
    this.clientAddress = client.clientAddress
    this.clientPort = client.clientPort
    this.isSecure = client.isSecure
    this.tls = client.tls
    this.facts = new HeadFacts(this.head, this)
  }

  /** Made when first asked for. */
  get requestId(): string {
    if (this.#requestId === '') this.#requestId = this.worker.nextRequestId()
    return this.#requestId
  }

  get nowMs(): number {
    return clock.nowMs
  }

  variable(name: VariableName): string {
    return variableText(this, name)
  }
}

/** What `$name` stands for in the edits of a request and its answers. */
export function variableText(view: RequestView, name: VariableName): string {
  const { head, route } = view
  switch (name) {
    case 'client.ip':
      return view.clientAddress
    case 'client.port':
      return String(view.clientPort)
    case 'request.id':
      return view.requestId
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
      return view.facts.scheme
    case 'tls.version':
    case 'tls.cipher':
    case 'tls.protocol':
    case 'tls.sni':
    case 'tls.client.state':
    case 'tls.client.subject':
    case 'tls.client.common-name':
    case 'tls.client.issuer':
    case 'tls.client.serial':
    case 'tls.client.fingerprint':
      return tlsVariable(view.tls, name)
    case 'route.name':
      return route.plan.name
    case 'backend.name':
      return route.backend?.plan.name ?? ''
    case 'cache.status':
      return view.cacheWord
    case 'time.iso8601':
      return new Date(view.nowMs).toISOString()
  }
}
