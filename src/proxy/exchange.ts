/**
 * A request in work: what its connection tells it. One of six, of which the first five may take turns on one request:
 * Miss (waits for a fetch), FillStream (streams what that stores), Rejoin (goes on where the store could not), Pass
 * (streams an origin's response), Tunnel (after 101); PurgeWait (a purge on its way to the other nodes).
 */
import type { Client } from './client.ts'
import type { RequestContext } from './request-context.ts'

export abstract class Exchange {
  readonly client: Client
  readonly context: RequestContext

  /** Takes the connection over from whatever worked on the request before. */
  constructor(client: Client, context: RequestContext) {
    this.client = client
    this.context = context
    client.exchange = this
  }

  /** The connection is closed: nothing can be written any more. */
  abstract onClientGone(): void

  /** Does `action`, which does not come from the connection. A fault then costs this connection, not the worker. */
  guard(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.context.worker.logFault(error)
      this.client.abort()
    }
  }

  /** Bytes of the request body, valid during the call. */
  onRequestData(_bytes: Buffer, _start: number, _end: number): void {}

  /** The request body is complete. */
  onRequestEnd(_trailers: string | undefined): void {}

  /** The request body is broken, too large, or did not come in time. */
  onRequestFailed(_status: number, _message: string): void {
    this.client.abort()
  }

  /** Bytes behind a 101, valid during the call. */
  onClientTunnelData(_bytes: Buffer, _length: number): void {}

  /** The client shut its sending side of a tunnel. */
  onClientTunnelEnd(): void {}
}
