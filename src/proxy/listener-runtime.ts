/** A listener of one worker: its socket, and what of the current Plan its connections follow. Outlives reloads. */
import type { HeadLimits } from '../http/request-head.ts'
import type { Listener } from '../net/listener.ts'
import type { LimitsPlan, ListenAddress, ListenerPlan } from '../plan/plan.ts'
import type { ListenerProtocol } from '../plan/tls-plan.ts'
import type { TlsServer } from '../tls/tls-server.ts'
import type { Runtime } from './runtime.ts'

export class ListenerRuntime {
  readonly address: ListenAddress
  /** undefined only while it is being opened. */
  socket: Listener | undefined = undefined
  /** No longer in the Plan: open connections finish their request. */
  closed = false
  name: string
  limits: LimitsPlan
  headLimits: HeadLimits
  protocols: readonly ListenerProtocol[]
  redirectHttps: boolean
  redirectPort: number | undefined
  runtime: Runtime
  /** undefined: clients speak without TLS. */
  tls: TlsServer | undefined

  constructor(address: ListenAddress, plan: ListenerPlan, runtime: Runtime, tls: TlsServer | undefined) {
    this.address = address
    this.name = plan.name
    this.limits = plan.limits
    this.headLimits = headLimits(plan.limits)
    this.protocols = plan.protocols
    this.redirectHttps = plan.redirectHttps
    this.redirectPort = plan.redirectPort
    this.runtime = runtime
    this.tls = tls
  }

  /** From now on requests follow another Plan; those in work keep the Runtime they began with. */
  follow(plan: ListenerPlan, runtime: Runtime, tls: TlsServer | undefined): void {
    this.name = plan.name
    this.limits = plan.limits
    this.headLimits = headLimits(plan.limits)
    this.protocols = plan.protocols
    this.redirectHttps = plan.redirectHttps
    this.redirectPort = plan.redirectPort
    this.runtime = runtime
    this.tls = tls
  }
}

function headLimits(limits: LimitsPlan): HeadLimits {
  return { headBytes: limits.headerBytes, targetBytes: limits.targetBytes, fields: limits.headers }
}
