/**
 * An origin whose every byte a test decides.
 *
 *     const origin = await startOrigin((request) => ok('hello', 'Cache-Control: max-age=60'))     // an answer per request
 *     const origin = await startConnectionOrigin(async (peer) => {                                // or the whole connection
 *       await peer.request()
 *       peer.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal')
 *       peer.reset()
 *     })
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestEnd, onTestFailure } from './cleanup.ts'
import { type ReceivedRequest, readRequest, readRequestHead } from './http-message.ts'
import { waitFor } from './wait.ts'
import { Wire } from './wire.ts'

/** One connection of the proxy to the origin. */
export class OriginPeer extends Wire {
  /** 0-based, in order of accept. */
  readonly index: number
  readonly #origin: ScriptedOrigin

  constructor(socket: Socket, index: number, origin: ScriptedOrigin) {
    super(socket)
    this.index = index
    this.#origin = origin
  }

  /** The next request with its body, recorded by the origin; undefined when the proxy closed instead. */
  async request(): Promise<ReceivedRequest | undefined> {
    const request = await readRequest(this)
    if (request) this.#origin.requests.push(request)
    return request
  }

  /** The next request's head alone, not recorded; the body stays to be read with `read`. */
  requestHead(): ReturnType<typeof readRequestHead> {
    return readRequestHead(this)
  }

  wait(ms: number): Promise<void> {
    return sleep(ms)
  }
}

export type ConnectionScript = (peer: OriginPeer) => Promise<void>
export type RequestScript = (request: ReceivedRequest, peer: OriginPeer) => Answer | Promise<Answer>
/** Bytes of the answer; `undefined`: the script has sent them itself; `close`: end the connection after them. */
export type Answer = string | Buffer | undefined | { readonly close: string | Buffer }

export class ScriptedOrigin {
  /** Whole requests in order of arrival, over all connections. */
  readonly requests: ReceivedRequest[] = []
  /** Connections accepted so far. */
  connections = 0
  /** What went wrong in a script; a test that cares looks, any test that fails shows it. */
  readonly errors: Error[] = []
  readonly server: Server
  readonly #sockets = new Set<Socket>()

  constructor(script: ConnectionScript) {
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
      const peer = new OriginPeer(socket, this.connections++, this)
      script(peer).catch((error: Error) => {
        this.errors.push(error)
        socket.destroy()
      })
    })
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  get openConnections(): number {
    return this.#sockets.size
  }

  waitForRequests(count: number): Promise<boolean> {
    return waitFor(`${count} requests at the origin`, () => this.requests.length >= count)
  }

  /** Reset every connection and stop listening; from now on connecting is refused. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.resetAndDestroy()
    if (!this.server.listening) return
    await new Promise<void>((resolve) => this.server.close(() => resolve()))
  }
}

/** `port`: listen there instead of on a port of the kernel's choice, to come back after a stop. */
export async function startConnectionOrigin(script: ConnectionScript, port = 0): Promise<ScriptedOrigin> {
  const origin = new ScriptedOrigin(script)
  await new Promise<void>((resolve, reject) => {
    origin.server.once('error', reject)
    origin.server.listen(port, '127.0.0.1', resolve)
  })
  onTestEnd(() => origin.stop())
  onTestFailure(() => {
    for (const error of origin.errors) console.error(`origin script: ${error.message}`)
  })
  return origin
}

/** One answer per request, connections kept until the proxy closes them. */
export function startOrigin(script: RequestScript, port = 0): Promise<ScriptedOrigin> {
  return startConnectionOrigin(async (peer) => {
    for (let request = await peer.request(); request; request = await peer.request()) {
      const answer = await script(request, peer)
      if (answer === undefined) continue
      if (typeof answer === 'string' || Buffer.isBuffer(answer)) peer.send(answer)
      else {
        peer.send(answer.close)
        break
      }
    }
    peer.end()
  }, port)
}

/** A 200 with this body and these header lines. */
export function ok(body: string, ...fields: string[]): string {
  return reply(200, body, ...fields)
}

/** An answer of any status with Content-Length; the reason phrase is left empty. */
export function reply(status: number, body: string, ...fields: string[]): string {
  const lines = [`HTTP/1.1 ${status} `, ...fields, `Content-Length: ${Buffer.byteLength(body, 'latin1')}`]
  return `${lines.join('\r\n')}\r\n\r\n${body}`
}
