/** A request of a scenario, as matchers, keys and edits see it. */
import type { RequestHead } from '../http/request-head.ts'
import type { VariableName } from '../plan/plan.ts'
import type { RequestScript } from '../plan/test-plan.ts'
import type { TlsFacts } from '../plan/tls-facts.ts'
import { HeadFacts } from '../proxy/facts.ts'
import { type RequestView, variableText } from '../proxy/request-context.ts'
import type { RouteRules } from '../proxy/route-runtime.ts'

/** Stands for what the daemon would make up anew for each request. */
const REQUEST_ID = 'test-request'
/** The first port of those that a client's kernel chooses from (RFC 6335 §6). */
const CLIENT_PORT = 49_152

/** What a client of today agrees upon; it asks for the host of the URL and shows no certificate. */
const usualTls: TlsFacts = {
  version: '1.3',
  cipher: 'TLS_AES_128_GCM_SHA256',
  protocol: 'http/1.1',
  sni: '',
  client: undefined,
}

export class SimulatedFacts extends HeadFacts {
  readonly isSecure: boolean

  constructor(head: RequestHead, { clientAddress, scheme }: RequestScript) {
    const isSecure = scheme === 'https'
    super(head, { clientAddress, isSecure, tls: isSecure ? { ...usualTls, sni: head.host } : undefined })
    this.isSecure = isSecure
  }
}

export class SimulatedRequest implements RequestView {
  readonly head: RequestHead
  readonly facts: SimulatedFacts
  readonly route: RouteRules
  readonly clientAddress: string
  readonly clientPort = CLIENT_PORT
  readonly isSecure: boolean
  readonly tls: TlsFacts | undefined
  readonly requestId = REQUEST_ID
  readonly nowMs: number
  key = ''
  cacheWord = ''

  constructor(facts: SimulatedFacts, route: RouteRules, nowMs: number) {
    this.head = facts.head
    this.facts = facts
    this.route = route
    this.clientAddress = facts.clientAddress
    this.isSecure = facts.isSecure
    this.tls = facts.tls
    this.nowMs = nowMs
  }

  variable(name: VariableName): string {
    return variableText(this, name)
  }
}
