/**
 * One request to a backend: chooses a server, gets a connection, sends the head, tries again where that is safe, and
 * passes what comes back to its sink.
 *
 * When another attempt is allowed (RFC 9110 §9.2.2: a request is not sent twice unless that is safe):
 * 1. nothing of the request was sent (connect failed): any method, within `retry { attempts }`;
 * 2. the connection had been idle in the pool and closed without an answer: idempotent methods without a body;
 * 3. it was a new connection that closed without an answer: as 2, within `retry { attempts }`;
 * 4. a server refused it on an HTTP/2 connection without looking at it: as 1, again on that server, as often as 2;
 * 5. a byte of the answer came: never.
 */

import { triedBit } from '../balance/balancer.ts'
import { B } from '../http/body-kind.ts'
import type { ResponseHead } from '../http/response-head.ts'
import { C } from '../log/counters.ts'
import type { Claim, Claimant } from '../net/origin-claim.ts'
import { type OriginErrorCode, originErrors } from '../net/origin-error.ts'
import type { OriginLink, OutgoingHead, ResponseSink } from '../net/origin-link.ts'
import type { OriginPool } from '../net/origin-pool.ts'
import { type OutgoingRequest, requestFieldList, requestHeadText } from './request-out.ts'
import type { BackendRuntime } from './runtime.ts'
import type { Worker } from './worker.ts'

/** What the owner of an origin request wants to know beside the response. */
export interface OriginSink extends ResponseSink {
  /** The head is on its way: the body may follow, through `link`. */
  onRequestReady(): void
}

const idempotentMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'])

/** Connections that had gone bad in the pool are replaced without counting as attempts, but not for ever. */
const MAX_STALE_CONNECTIONS = 3

export class OriginRequest implements Claimant, ResponseSink, OutgoingHead {
  sink: OriginSink
  /** Set from the moment the head was written until the response is complete. */
  link: OriginLink | undefined = undefined
  /** Index of the server in the backend's plan; -1 before one was chosen. */
  server = -1
  readonly backend: BackendRuntime
  readonly #worker: Worker
  readonly #out: OutgoingRequest
  #claim: Claim | undefined = undefined
  /** Bitmask of servers already tried. */
  #tried = 0
  #attempts = 0
  #staleConnections = 0
  #reused = false
  #fresh = false
  #bodyStarted = false
  /** What is reported when no other server is left to try. */
  #lastFailure: OriginErrorCode = 'no-server'
  #done = false

  constructor(out: OutgoingRequest, sink: OriginSink) {
    this.sink = sink
    this.backend = out.context.route.backend!
    this.#worker = out.context.worker
    this.#out = out
  }

  start(): void {
    this.#attempts++
    const server = this.backend.balancer.select(this.#tried)
    if (server === -1) {
      this.#end(this.#lastFailure) // in the name of the server that failed last, if one did
      return
    }
    this.server = server
    this.backend.balancer.started(server)
    this.#connect()
  }

  /** The body is being sent: from now on the request cannot be sent again. */
  bodyStarts(): void {
    this.#bodyStarted = true
  }

  /** Gives the request up; the sink hears nothing more. */
  cancel(): void {
    if (this.#done) return
    this.#done = true
    if (this.#claim !== undefined) this.#pool().cancel(this.#claim)
    if (this.server !== -1) this.backend.balancer.ended(this.server)
    this.link?.destroy()
    this.link = undefined
  }

  get serverName(): string {
    return this.server === -1 ? '' : this.backend.plan.servers[this.server]!.name
  }

  get method(): string {
    return this.#out.context.head.method
  }

  get upgrade(): string | undefined {
    return this.#out.upgrade
  }

  get hasBody(): boolean {
    return this.#out.context.head.hasBody
  }

  get isUnsized(): boolean {
    return this.#out.context.head.bodyKind === B.chunked
  }

  text(): string {
    return requestHeadText(this.#out, this.#pool().server)
  }

  fieldList(scheme: 'http' | 'https'): string[] {
    return requestFieldList(this.#out, this.#pool().server, scheme)
  }

  onConnection(link: OriginLink): void {
    this.#claim = undefined
    this.#reused = link.uses > 0
    this.#worker.counters.add(this.#reused ? C.originReuses : C.originConnects, 1)
    this.link = link
    this.#worker.counters.add(C.originBytesOut, link.send(this, this))
    if (this.link === link) this.sink.onRequestReady()
  }

  onNoConnection(code: OriginErrorCode): void {
    const isQueue = code === 'queue-full' || code === 'queue-timeout'
    this.#claim = undefined
    this.#worker.counters.add(isQueue ? C.queueRefused : C.originConnectErrors, 1)
    this.onFail(code)
  }

  onInterim(head: ResponseHead): void {
    this.sink.onInterim(head)
  }

  onHead(head: ResponseHead): void {
    this.sink.onHead(head)
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.#worker.counters.add(C.originBytesIn, end - start)
    this.sink.onData(bytes, start, end)
  }

  onPause(): void {
    this.sink.onPause()
  }

  onEnd(trailers: string | undefined): void {
    if (this.#done) return
    this.#done = true
    this.backend.balancer.succeeded(this.server)
    this.backend.balancer.ended(this.server)
    this.sink.onEnd(trailers)
    this.link = undefined
  }

  onFail(code: OriginErrorCode): void {
    if (this.#done) return
    this.link = undefined
    const isStaleConnection = code === 'refused-stream' || (code === 'closed-early' && this.#reused)
    if (originErrors[code].blames && !isStaleConnection) this.backend.balancer.failed(this.server)
    if (!this.#mayTryAgain(code, isStaleConnection)) {
      this.backend.balancer.ended(this.server)
      this.#end(code)
      return
    }
    this.#worker.counters.add(C.retries, 1)
    if (isStaleConnection) {
      this.#staleConnections++
      this.#fresh = this.#staleConnections >= MAX_STALE_CONNECTIONS
      this.#connect()
      return
    }
    this.backend.balancer.ended(this.server)
    this.#tried |= triedBit(this.server)
    this.#lastFailure = code
    this.start()
  }

  onUpgrade(head: ResponseHead, bytes: Buffer): void {
    this.backend.balancer.succeeded(this.server)
    this.sink.onUpgrade(head, bytes)
  }

  onTunnelData(bytes: Buffer, length: number): void {
    this.#worker.counters.add(C.originBytesIn, length)
    this.sink.onTunnelData(bytes, length)
  }

  onTunnelEnd(): void {
    this.sink.onTunnelEnd()
  }

  #connect(): void {
    const claim = this.#pool().acquire(this, this.#fresh, this.upgrade !== undefined)
    if (claim !== undefined && !claim.settled) this.#claim = claim
  }

  #pool(): OriginPool {
    return this.backend.pools[this.server]!
  }

  #mayTryAgain(code: OriginErrorCode, isStaleConnection: boolean): boolean {
    const { retry } = originErrors[code]
    if (retry === 'never' || this.#bodyStarted) return false
    if (retry === 'idempotent') {
      const { head } = this.#out.context
      if (!idempotentMethods.has(head.method) || head.hasBody) return false
    }
    if (isStaleConnection && !this.#fresh) return true
    return this.#attempts < this.backend.plan.retry.attempts
  }

  #end(code: OriginErrorCode): void {
    this.#done = true
    this.#worker.counters.add(code.endsWith('-timeout') ? C.originTimeouts : C.originErrors, 1)
    this.sink.onFail(code)
  }
}
