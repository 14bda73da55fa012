/** A listener of one worker: its socket, and what of the current Plan its clients follow. Outlives reloads. */
import type { Listener } from '../net/listener.ts'
import type { ListenAddress } from '../plan/plan.ts'
import type { ProxyRuntime } from './proxy-runtime.ts'

export class ProxyListener {
  readonly address: ListenAddress
  /** It tells statistics, and reads no requests. */
  readonly isStats: boolean
  /** undefined only while it is being opened. */
  socket: Listener | undefined = undefined
  /** Requests that are read from now on follow this. */
  runtime: ProxyRuntime

  constructor(address: ListenAddress, isStats: boolean, runtime: ProxyRuntime) {
    this.address = address
    this.isStats = isStats
    this.runtime = runtime
  }
}
