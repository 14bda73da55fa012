/**
 * The connections of one worker to one origin server: idle ones are reused, last in first out (the warmest, and the
 * others can time out); beyond the limit requests wait in a bounded queue.
 *
 * Over HTTP/2 a connection is a session with places for many requests, so few are opened: who finds no place waits for one
 * that is being opened already, and another is opened when all are full. With `protocol auto` the first answer tells which
 * of the two ways a server is spoken to.
 *
 *     claim --idle connection, place in a session--> link
 *           --being opened (#dials)--> connection --HTTP/2--> session --> link, for all who wait for it
 *           --no room--> #queue --> whatever becomes free first
 *
 * Always true: `#all` holds the connections and sessions in every state but closed and leaving; `#idle` only clean
 * connections, `#sessions` only open ones; a request waits only while no connection is idle and no session has room.
 */
import type { Socket } from 'node:net'
import type { BackendPlan, ServerPlan } from '../plan/plan.ts'
import { clock } from '../util/clock.ts'
import { Claim, type Claimant } from './origin-claim.ts'
import { type ConnectionOwner, OriginConnection } from './origin-connection.ts'
import type { OriginDial } from './origin-dial.ts'
import type { OriginErrorCode } from './origin-error.ts'
import type { OriginLimits, OriginLink } from './origin-link.ts'
import { OriginSession, type SessionOwner } from './origin-session.ts'
import type { OriginTls } from './origin-tls.ts'
import type { Resolver } from './resolver.ts'
import type { TimerWheel } from './timer-wheel.ts'

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

/** What is being opened, and for whom. */
interface Dialling {
  readonly claims: readonly Claim[]
  readonly add: (claim: Claim) => void
  /** It may turn out to be HTTP/2, and serve all of them. */
  readonly isShared: boolean
}

/** How many wait for a session that has not said yet how many it takes: as many as it ought to (RFC 9113 §6.5.2). */
const ASSUMED_STREAMS = 100

export class OriginPool implements ConnectionOwner, SessionOwner {
  readonly server: ServerPlan
  readonly onFault: (error: unknown) => void
  readonly #plan: BackendPlan
  readonly #limits: OriginLimits
  readonly #wheel: TimerWheel
  readonly #dial: OriginDial
  readonly #onTlsTrouble: OriginSurroundings['onTlsTrouble']
  readonly #idle: OriginConnection[] = []
  /** In order of opening. */
  readonly #sessions: OriginSession[] = []
  /** In order of arrival; settled ones are skipped when their turn comes. */
  readonly #queue: Claim[] = []
  readonly #dials = new Map<OriginConnection | OriginSession, Dialling>()
  readonly #all = new Set<OriginConnection | OriginSession>()
  /** The last server that had the choice took HTTP/1.1. */
  #choseHttp1: boolean
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
    this.#choseHttp1 = plan.protocol === 'h1'
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
   * `upgrades`: it is to change its protocol, for which a stream of HTTP/2 will not do where there is a choice.
   * Returns a handle for `cancel`; undefined when the claim is already settled.
   */
  acquire(claimant: Claimant, fresh: boolean, upgrades = false): Claim | undefined {
    const needsHttp1 = upgrades && this.#plan.protocol === 'auto'
    const link = (fresh ? undefined : this.#idle.pop()) ?? (needsHttp1 ? undefined : this.#openStream())
    if (link !== undefined) {
      claimant.onConnection(link)
      return undefined
    }
    const claim = new Claim(claimant, needsHttp1, this.#expire)
    this.#place(claim)
    return claim.settled ? undefined : claim
  }

  /** The request no longer wants a connection; one that is being opened for it becomes idle when it is there. */
  cancel(claim: Claim): void {
    if (!claim.settled) this.#settle(claim)
  }

  /** Closes idle connections; those in use close when their response is complete. */
  close(): void {
    this.#closed = true
    for (const connection of this.#idle.splice(0)) connection.destroy()
    for (const session of this.#sessions.splice(0)) session.leave()
  }

  onOpen(connection: OriginConnection): void {
    const dialling = this.#takeDial(connection)
    if (dialling?.isShared === true) this.#choseHttp1 = true
    const claims = dialling?.claims ?? []
    const taker = claims.findIndex((claim) => claim.grant(() => connection))
    if (taker === -1) this.onFree(connection)
    else for (const claim of claims.slice(taker + 1)) if (!claim.settled) this.#place(claim)
  }

  onOpenHttp2(connection: OriginConnection, socket: Socket, deadlineMs: number): void {
    const dialling = this.#takeDial(connection)
    this.#all.delete(connection)
    this.#choseHttp1 = false
    const { idleTimeoutMs, connectTimeoutMs } = this.#plan
    const times = { deadlineMs, idleTimeoutMs, pingTimeoutMs: connectTimeoutMs }
    const session = new OriginSession(socket, this, this.#limits, this.#wheel, times)
    this.#all.add(session)
    if (dialling !== undefined) this.#dials.set(session, dialling)
  }

  onOpenFailed(connection: OriginConnection, code: OriginErrorCode): void {
    this.#onDialFailed(connection, code)
  }

  onTlsTrouble(code: OriginErrorCode, detail: string): void {
    this.#onTlsTrouble(this.server, code, detail)
  }

  onFree(connection: OriginConnection): void {
    const next = this.#nextWaiting(true)
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
    this.#dials.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at !== -1) this.#idle.splice(at, 1)
    this.#serveQueue()
  }

  onSessionOpen(session: OriginSession): void {
    const dialling = this.#takeDial(session)
    this.#sessions.push(session)
    for (const claim of dialling?.claims ?? []) {
      if (session.hasRoom) claim.grant(() => session.open())
      else if (!claim.settled) this.#place(claim)
    }
    this.onSessionFree(session)
  }

  onSessionFailed(session: OriginSession, code: OriginErrorCode): void {
    this.#onDialFailed(session, code)
  }

  onSessionFree(session: OriginSession): void {
    while (session.hasRoom) {
      const next = this.#nextWaiting(false)
      if (next === undefined) break
      next.claimant.onConnection(session.open())
    }
    const isUnwanted = this.#closed || (session.isIdle && this.#plan.keepAlive === 0)
    if (isUnwanted) session.leave()
  }

  onSessionGone(session: OriginSession): void {
    this.#all.delete(session)
    const at = this.#sessions.indexOf(session)
    if (at !== -1) this.#sessions.splice(at, 1)
    this.#serveQueue()
  }

  #onDialFailed(what: OriginConnection | OriginSession, code: OriginErrorCode): void {
    const dialling = this.#takeDial(what)
    this.#all.delete(what)
    for (const claim of dialling?.claims ?? []) claim.refuse(code)
    this.#serveQueue()
  }

  #takeDial(what: OriginConnection | OriginSession): Dialling | undefined {
    const dialling = this.#dials.get(what)
    this.#dials.delete(what)
    return dialling
  }

  #openStream(): OriginLink | undefined {
    for (const session of this.#sessions) if (session.hasRoom) return session.open()
    return undefined
  }

  /** It waits for a connection that is being opened, or in the queue, or is told that there is no place in it. */
  #place(claim: Claim): void {
    if (this.#join(claim)) return
    // What is idle makes room for what is wanted: nobody waits while a connection is idle.
    if (this.#isFull) this.#idle[0]?.destroy()
    if (this.#isFull && claim.needsHttp1) this.#sessions.find((session) => session.isIdle)?.leave()
    if (!this.#isFull) this.#open(claim)
    else if (this.#waiting >= this.#plan.queue.length) claim.refuse('queue-full')
    else this.#enqueue(claim)
  }

  #enqueue(claim: Claim): void {
    claim.queued = true
    this.#waiting++
    this.#queue.push(claim)
    this.#wheel.schedule(claim, clock.monotonicMs + this.#plan.queue.waitMs)
  }

  get #isFull(): boolean {
    return this.#all.size >= this.#plan.connections
  }

  /** Whether it waits for what is being opened for others. */
  #join(claim: Claim): boolean {
    const dialling = claim.needsHttp1 ? undefined : this.#sharedDial()
    dialling?.add(claim)
    return dialling !== undefined
  }

  #sharedDial(): Dialling | undefined {
    if (this.#choseHttp1) return undefined
    for (const dialling of this.#dials.values()) {
      if (dialling.isShared && dialling.claims.length < ASSUMED_STREAMS) return dialling
    }
    return undefined
  }

  #open(claim: Claim): void {
    const dial: OriginDial = claim.needsHttp1 ? { ...this.#dial, protocol: 'h1' } : this.#dial
    const connection = new OriginConnection(dial, this, this.#limits, this.#wheel)
    const claims = [claim]
    this.#all.add(connection)
    const isShared = dial.protocol !== 'h1'
    this.#dials.set(connection, { claims, add: (another) => claims.push(another), isShared })
  }

  /** A place became free: a new connection is opened for whoever waits longest. */
  #serveQueue(): void {
    while (!this.#isFull || this.#sharedDial() !== undefined) {
      const claim = this.#nextWaiting(!this.#isFull)
      if (claim === undefined) return
      claim.settled = false // it waits on, now for a connection that is being opened
      if (!this.#join(claim)) this.#open(claim)
    }
  }

  /** Whoever waits longest; `isHttp1`: of all, else of those who can do with a stream. */
  #nextWaiting(isHttp1: boolean): Claim | undefined {
    while (this.#queue[0]?.settled === true) this.#queue.shift()
    const at = isHttp1 ? 0 : this.#queue.findIndex((claim) => !claim.settled && !claim.needsHttp1)
    const claim = at === -1 ? undefined : this.#queue.splice(at, 1)[0]
    if (claim !== undefined) this.#settle(claim)
    return claim
  }

  /** A queued claim has waited its time. */
  readonly #expire = (claim: Claim): void => {
    if (claim.settled) return
    this.#settle(claim)
    claim.claimant.onNoConnection('queue-timeout')
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
