/**
 * Stands between clients and a server (or agent), passes on what either says, unchanged, and tells of each frame. Frames
 * leave whole, all of one read in one write, since original programs misread frames in pieces.
 *
 * So many connections at a time are served; others wait, connected and unread, until one of those ends.
 */
import { connect, type Socket } from 'node:net'
import { Acceptor, type PeerReader } from './acceptor.ts'
import { type Address, socketOptions } from './address.ts'
import { type Direction, describeFrame, frameEnd, type SnoopedFrame } from './snoop-frame.ts'

export interface SnooperOptions {
  readonly listen: Address
  readonly connect: Address
  /** Connections at a time; default 10. */
  readonly connections?: number
  /** Whether ids and sessions are in what is told; default false. */
  readonly showsSecrets?: boolean
  readonly onFrame: (frame: SnoopedFrame) => void
  /** Told of connections that could not be made, or were dropped, in words. */
  readonly onNotice?: (text: string) => void
}

const CONNECTIONS = 10
/** Connections that wait; the kernel's queue would be as long. */
const MAX_WAITING = 511
const NOTHING: Buffer = Buffer.alloc(0)

export class Snooper {
  readonly #options: SnooperOptions
  #acceptor: Acceptor | undefined = undefined
  readonly #waiting = new Set<SnoopedConnection>()
  #served = 0
  #number = 0

  private constructor(options: SnooperOptions) {
    this.#options = options
  }

  /** Rejects with an Error when it cannot listen. */
  static async open(options: SnooperOptions): Promise<Snooper> {
    const snooper = new Snooper(options)
    const maxConnections = (options.connections ?? CONNECTIONS) + MAX_WAITING
    snooper.#acceptor = await Acceptor.open(options.listen, (socket) => snooper.#accept(socket), { maxConnections })
    return snooper
  }

  get port(): number {
    return this.#acceptor?.port ?? 0
  }

  /** Ends listening and all connections. */
  close(): void {
    this.#acceptor?.close()
    this.#acceptor?.destroyConnections()
  }

  #accept(socket: Socket): PeerReader {
    const connection = new SnoopedConnection(socket, this.#options)
    this.#waiting.add(connection)
    socket.once('close', () => {
      if (!this.#waiting.delete(connection)) this.#served--
      this.#serveWaiting()
    })
    this.#serveWaiting()
    return connection
  }

  #serveWaiting(): void {
    for (const connection of this.#waiting) {
      if (this.#served >= (this.#options.connections ?? CONNECTIONS)) return
      this.#waiting.delete(connection)
      this.#served++
      connection.serve(this.#number++)
    }
  }
}

class SnoopedConnection implements PeerReader {
  readonly #options: SnooperOptions
  readonly #client: Socket
  #up: OneWay | undefined = undefined
  /** Came while it waited. */
  #early: Buffer = NOTHING

  constructor(client: Socket, options: SnooperOptions) {
    this.#client = client
    this.#options = options
  }

  onBytes(bytes: Buffer, length: number): boolean {
    if (this.#up !== undefined) return this.#up.take(bytes.subarray(0, length))
    this.#early = Buffer.concat([this.#early, bytes.subarray(0, length)])
    return false
  }

  serve(number: number): void {
    const client = this.#client
    const server = connect({ ...socketOptions(this.#options.connect), allowHalfOpen: true, noDelay: true })
    const up = new OneWay(this.#options, number, 'client->server', client, server)
    const down = new OneWay(this.#options, number, 'server->client', server, client)
    this.#up = up
    server.on('error', (error) => this.#options.onNotice?.(`connection ${number}: ${error.message}`))
    server.on('data', (bytes: Buffer) => {
      if (!down.take(bytes)) server.pause()
    })
    const reads = up.take(this.#early)
    this.#early = NOTHING
    if (client.readableEnded) up.end()
    else if (reads) client.resume()
  }
}

/** What one side says to the other. */
class OneWay {
  readonly #options: SnooperOptions
  readonly #number: number
  readonly #direction: Direction
  readonly #from: Socket
  readonly #to: Socket
  /** The beginning of a frame. */
  #rest: Buffer = NOTHING
  #isFirst = true

  constructor(options: SnooperOptions, number: number, direction: Direction, from: Socket, to: Socket) {
    this.#options = options
    this.#number = number
    this.#direction = direction
    this.#from = from
    this.#to = to
    to.on('drain', () => from.resume())
    from.once('end', () => this.end())
    from.once('close', () => to.destroySoon())
  }

  /** Nothing more comes. What is no whole frame is passed on all the same: the other side sees what it would see without us. */
  end(): void {
    if (this.#rest.length > 0) this.#to.write(this.#rest)
    this.#to.end()
  }

  /** False: the other side does not read; it is waited for. */
  take(bytes: Buffer): boolean {
    const all = Buffer.concat([this.#rest, bytes])
    let at = 0
    for (let end = frameEnd(all, at); end !== 0; end = frameEnd(all, at)) {
      if (end === -1) {
        this.#options.onNotice?.(`connection ${this.#number}: ${this.#direction} says what is no frame`)
        this.#from.destroy()
        this.#to.destroy()
        return true
      }
      this.#tell(all.subarray(at, end))
      at = end
    }
    this.#rest = all.subarray(at)
    if (at > 0) this.#to.write(all.subarray(0, at))
    return !this.#to.writableNeedDrain
  }

  #tell(frame: Buffer): void {
    const { showsSecrets = false, onFrame } = this.#options
    const { complete, ...facts } = describeFrame(frame, {
      connection: this.#number,
      direction: this.#direction,
      first: this.#isFirst,
      showsSecrets,
    })
    this.#isFirst = complete
    onFrame({ ...facts, complete })
  }
}
