/**
 * The connections of one worker to one origin server: idle ones are reused, last in first out (the warmest, and the
 * others can time out); beyond the limit requests wait in a bounded queue.
 *
 * Always true: `#all` holds the connections in every state but closed; `#idle` only clean ones; a request waits only
 * while no connection is idle.
 */
import type { Socket } from 'node:net'
import type { BackendPlan, ServerPlan } from '../plan/plan.ts'
import { clock } from '../util/clock.ts'
import { type ConnectionOwner, OriginConnection, type OriginLimits } from './origin-connection.ts'
import type { OriginDial } from './origin-dial.ts'
import type { OriginErrorCode } from './origin-error.ts'
import type { OriginLink } from './origin-link.ts'
import type { OriginTls } from './origin-tls.ts'
import type { Resolver } from './resolver.ts'
import { TimerEntry, type TimerWheel } from './timer-wheel.ts'

/** A request that needs a connection. Exactly one of the two is called, perhaps before `acquire` returns. */
export interface Claimant {
  onConnection(link: OriginLink): void
  onNoConnection(code: OriginErrorCode): void
}

/** A claimant in the queue, or one whose connection is being opened. */
export class Claim extends TimerEntry {
  readonly claimant: Claimant
  readonly #pool: OriginPool
  /** One of the claimant's two methods was called, or it cancelled. */
  settled = false
  /** It waits in the queue (and not for a connection of its own). */
  queued = false

  constructor(claimant: Claimant, pool: OriginPool) {
    super()
    this.claimant = claimant
    this.#pool = pool
  }

  override onTimeout(): void {
    this.#pool.expire(this)
  }
}

/** What the pools of a worker, or of a backend, have in common. */
export interface OriginSurroundings {
  readonly wheel: TimerWheel
  readonly resolver: Resolver
  /** undefined: no TLS. */
  readonly tls: OriginTls | undefined
  /** Told what a claimant or a response's sink throws. */
  readonly onFault: (error: unknown) => void
  /** Told why a server is not spoken to over TLS. */
  readonly onTlsTrouble: (server: ServerPlan, code: OriginErrorCode, detail: string) => void
}

export class OriginPool implements ConnectionOwner {
  readonly server: ServerPlan
  readonly onFault: (error: unknown) => void
  readonly #plan: BackendPlan
  readonly #limits: OriginLimits
  readonly #wheel: TimerWheel
  readonly #dial: OriginDial
  readonly #onTlsTrouble: OriginSurroundings['onTlsTrouble']
  readonly #idle: OriginConnection[] = []
  /** In order of arrival; settled ones are skipped when their turn comes. */
  readonly #queue: Claim[] = []
  readonly #connecting = new Map<OriginConnection, Claim>()
  readonly #all = new Set<OriginConnection>()
  #waiting = 0
  #closed = false

  constructor(server: ServerPlan, plan: BackendPlan, surroundings: OriginSurroundings) {
    const { wheel, resolver, tls, onFault, onTlsTrouble } = surroundings
    this.server = server
    this.onFault = onFault
    this.#onTlsTrouble = onTlsTrouble
    this.#plan = plan
    this.#wheel = wheel
    this.#dial = { address: server.address, resolver, tls: tls?.forServer(server), protocol: plan.protocol }
    this.#limits = {
      headBytes: plan.responseHeaderBytes,
      targetBytes: plan.responseHeaderBytes,
      fields: plan.responseHeaders,
      connectTimeoutMs: plan.connectTimeoutMs,
      firstByteTimeoutMs: plan.firstByteTimeoutMs,
      betweenBytesTimeoutMs: plan.betweenBytesTimeoutMs,
    }
  }

  /** Connections in any state. */
  get size(): number {
    return this.#all.size
  }

  /**
   * A connection for one request: an idle one at once (unless `fresh`), else a new one, else a place in the queue.
   * Returns a handle for `cancel`; undefined when the claim is already settled.
   */
  acquire(claimant: Claimant, fresh: boolean): Claim | undefined {
    if (!fresh) {
      const idle = this.#idle.pop()
      if (idle !== undefined) {
        claimant.onConnection(idle)
        return undefined
      }
    }
    const claim = new Claim(claimant, this)
    // What is idle makes room for one that is wanted fresh: nobody waits while a connection is idle.
    if (this.#all.size >= this.#plan.connections) this.#idle[0]?.destroy()
    if (this.#all.size < this.#plan.connections) {
      this.#open(claim)
      return claim
    }
    if (this.#waiting >= this.#plan.queue.length) {
      claim.settled = true
      claimant.onNoConnection('queue-full')
      return undefined
    }
    claim.queued = true
    this.#waiting++
    this.#queue.push(claim)
    this.#wheel.schedule(claim, clock.monotonicMs + this.#plan.queue.waitMs)
    return claim
  }

  /** The request no longer wants a connection; one that is being opened for it becomes idle when it is there. */
  cancel(claim: Claim): void {
    if (!claim.settled) this.#settle(claim)
  }

  /** A queued claim has waited its time (called by the timer wheel through the claim). */
  expire(claim: Claim): void {
    if (claim.settled) return
    this.#settle(claim)
    claim.claimant.onNoConnection('queue-timeout')
  }

  /** Closes idle connections; those in use close when their response is complete. */
  close(): void {
    this.#closed = true
    for (const connection of this.#idle.splice(0)) connection.destroy()
  }

  onOpen(connection: OriginConnection): void {
    const claim = this.#connecting.get(connection)
    this.#connecting.delete(connection)
    if (claim === undefined || claim.settled) {
      this.onFree(connection)
      return
    }
    claim.settled = true
    claim.claimant.onConnection(connection)
  }

  onOpenFailed(connection: OriginConnection, code: OriginErrorCode): void {
    const claim = this.#connecting.get(connection)
    this.#connecting.delete(connection)
    this.#all.delete(connection)
    if (claim !== undefined && !claim.settled) {
      claim.settled = true
      claim.claimant.onNoConnection(code)
    }
    this.#serveQueue()
  }

  onOpenHttp2(connection: OriginConnection, socket: Socket): void {
    socket.destroy()
    this.onOpenFailed(connection, 'no-protocol')
  }

  onTlsTrouble(code: OriginErrorCode, detail: string): void {
    this.#onTlsTrouble(this.server, code, detail)
  }

  onFree(connection: OriginConnection): void {
    const next = this.#nextWaiting()
    if (next !== undefined) {
      next.claimant.onConnection(connection)
      return
    }
    if (this.#closed || this.#idle.length >= this.#plan.keepAlive) {
      connection.destroy()
      return
    }
    this.#idle.push(connection)
    this.#wheel.schedule(connection, clock.monotonicMs + this.#plan.idleTimeoutMs)
  }

  onClosed(connection: OriginConnection): void {
    this.#all.delete(connection)
    this.#connecting.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at !== -1) this.#idle.splice(at, 1)
    this.#serveQueue()
  }

  #open(claim: Claim): void {
    const connection = new OriginConnection(this.#dial, this, this.#limits, this.#wheel)
    this.#all.add(connection)
    this.#connecting.set(connection, claim)
  }

  /** A place became free: a new connection is opened for whoever waits longest. */
  #serveQueue(): void {
    if (this.#all.size >= this.#plan.connections) return
    const claim = this.#nextWaiting()
    if (claim === undefined) return
    claim.settled = false // it waits on, now for its own connection
    this.#open(claim)
  }

  #nextWaiting(): Claim | undefined {
    for (let claim = this.#queue.shift(); claim !== undefined; claim = this.#queue.shift()) {
      if (claim.settled) continue
      this.#settle(claim)
      return claim
    }
    return undefined
  }

  #settle(claim: Claim): void {
    claim.settled = true
    if (!claim.queued) return
    claim.queued = false
    this.#waiting--
    this.#wheel.cancel(claim)
    while (this.#queue[0]?.settled) this.#queue.shift() // all wait equally long, so the settled ones gather in front
  }
}
