/**
 * A connection that changed its protocol (RFC 9110 §7.8): bytes go both ways as they come. Neither socket is used for
 * HTTP again. Each direction waits when the other side does not take what it got.
 */
import type { ResponseHead } from '../http/response-head.ts'
import { C } from '../log/counters.ts'
import type { Client } from './client.ts'
import { Exchange } from './exchange.ts'
import { finish, Outcome } from './finish.ts'
import type { OriginRequest, OriginSink } from './origin-request.ts'
import type { RequestContext } from './request-context.ts'
import { interimText } from './response-out.ts'

/** Bytes that wait for the origin from which on the client has to. Over TLS some always do, until the turn is over. */
const TUNNEL_WINDOW_BYTES = 256 * 1024

const outcome = new Outcome()

export class Tunnel extends Exchange implements OriginSink {
  readonly #origin: OriginRequest
  #bytes = 0
  #done = false

  private constructor(client: Client, context: RequestContext, origin: OriginRequest) {
    super(client, context)
    this.#origin = origin
    origin.sink = this
  }

  /** `head` is the 101, `rest` what the origin sent behind it; both are valid during the call. */
  static open(client: Client, context: RequestContext, origin: OriginRequest, head: ResponseHead, rest: Buffer): void {
    const tunnel = new Tunnel(client, context, origin)
    const protocol = `Connection: Upgrade\r\nUpgrade: ${head.valueOf('upgrade') ?? ''}\r\n\r\n`
    const text = interimText(head).slice(0, -2) + protocol
    client.writeText(text)
    tunnel.#bytes = text.length
    const early = client.openTunnel()
    if (early !== undefined) tunnel.onClientTunnelData(early, early.length)
    if (rest.length > 0) tunnel.onTunnelData(rest, rest.length)
    client.resumeTunnel()
  }

  override onClientTunnelData(bytes: Buffer, length: number): void {
    const { link } = this.#origin
    if (link === undefined) return
    this.client.touchTunnel()
    this.context.worker.counters.add(C.originBytesOut, length)
    const { output } = this.context.worker
    // Both buffers are used again for the next read, so what the other side has not taken yet must be a copy.
    link.writeTunnel(output, bytes, length)
    if (link.unsentBytes <= TUNNEL_WINDOW_BYTES) return
    this.client.pauseTunnel()
    link.whenSent(output, () => this.client.resumeTunnel())
  }

  onTunnelData(bytes: Buffer, length: number): void {
    const { client } = this
    const { link } = this.#origin
    this.#bytes += length
    this.client.touchTunnel()
    client.writeCopy(bytes, 0, length)
    if (client.unsentBytes === 0 || link === undefined) return
    link.pause()
    client.whenFlushed(() => link.resume())
  }

  override onClientTunnelEnd(): void {
    this.#origin.link?.endTunnel()
    this.client.boundTunnel()
  }

  onTunnelEnd(): void {
    if (this.#origin.link?.isTunnel !== true) {
      this.client.closeTunnel()
      return
    }
    this.client.endTunnel()
    this.client.boundTunnel()
  }

  override onClientGone(): void {
    if (this.#done) return
    this.#done = true
    this.#origin.cancel()
    outcome.status = 101
    outcome.bytes = this.#bytes
    outcome.word = 'upgrade'
    outcome.reason = 'upgrade'
    outcome.backend = this.context.route.backend!.plan.name
    outcome.server = this.#origin.serverName
    outcome.request = this.context
    finish(this.client, this.context.head, this.context.route, outcome)
  }

  // The origin request has had its response, so none of these follows.
  onRequestReady(): void {}
  onInterim(): void {}
  onHead(): void {}
  onData(): void {}
  onPause(): void {}
  onEnd(): void {}
  onFail(): void {}
  onUpgrade(): void {}
}
