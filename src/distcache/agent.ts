/**
 * The agent: a server to the programs of its machine, and one client of the fleet's session server, with one connection that
 * stays open. It looks into no payload; it gives each request a number of its own and takes the response to whoever asked.
 *
 *     client ──> agent-client.ts ──┐ take                          ┌─> server-link.ts ──> server
 *     client ──> agent-client.ts ──┼─────> with the server, by uid ┤
 *     client ──> agent-client.ts ──┘       (512 at most)           └─< response, in any order
 *                                            ↑ when one is answered
 *                                          waiting, in the order in which they came
 *
 * Fairness: a client has one request under way, so that the queue of those that wait is served round robin. Nothing is
 * refused for want of room.
 *
 * Without a server, requests are answered at once with Code.disconnected, and so are those that were with a server that is
 * lost; clients stay. The next connection is tried `retryMs` later.
 *
 * The hard part is whom a response belongs to: a client that has gone leaves its request behind, and the response to that is
 * swallowed. A response that nobody waits for, or of another operation, means that the connection cannot be trusted: it ends.
 */
import type { Socket } from 'node:net'
import type { ConnectionOptions, TlsOptions } from 'node:tls'
import { Acceptor } from './acceptor.ts'
import { type Address, addressText, parseAddress } from './address.ts'
import { AgentClient, type RequestTaker } from './agent-client.ts'
import { linkTarget } from './client.ts'
import { needsCare } from './limits.ts'
import { Code } from './message.ts'
import { MessageOutput } from './message-output.ts'
import { type LinkEnd, type LinkHandler, type LinkTarget, ServerLink } from './server-link.ts'
import { Uids } from './uids.ts'

export interface AgentOptions {
  /** Where local clients connect: `UNIX:/path`, `IP:port`, `IP:host:port`, or such an address read. No name to look up. */
  readonly listen: string | Address
  /** The session server; names are looked up at each connection, so look up first where that shall happen once. */
  readonly connect: string | Address
  /** From a lost connection, or a failed attempt, to the next attempt; default 5000. */
  readonly retryMs?: number
  /** Clients without a request for so long are closed; default 0, never. */
  readonly idleMs?: number
  /** TLS to the server: options of tls.connect. */
  readonly tls?: ConnectionOptions | undefined
  /** TLS of local clients: options of tls.createServer. */
  readonly listenTls?: TlsOptions | undefined
  /** Of the file of a unix socket; default 0600. */
  readonly mode?: number | undefined
  /** Told what an operator should know, in words; no session, and no id, is ever in them. */
  readonly onNotice?: (text: string) => void
  /**
   * For a server and clients of the original: one request is with the server at a time, and the few messages that they misread
   * in one piece (see `needsCare`) are sent in two. They read into 4096 bytes, and misread what is cut at the end of that; the
   * server ends a connection that asks for more before a large answer is read. Default false.
   */
  readonly careful?: boolean
  readonly uids?: Uids
}

/** Requests with the server at a time. */
const MAX_ASKED = 512
/** As the original; the next is accepted and closed. */
const MAX_CLIENTS = 1024
const RETRY_MS = 5000
/** How often clients are looked at for idleness, at most and at least. */
const MIN_LOOK_MS = 20
const MAX_LOOK_MS = 1000
/** Refused clients are told of once in so long. */
const NOTICE_MS = 1000

const DISCONNECTED = Buffer.from([Code.disconnected])

export class Agent implements RequestTaker, LinkHandler {
  readonly #target: LinkTarget
  readonly #serverText: string
  readonly #retryMs: number
  readonly #idleMs: number
  readonly #notice: (text: string) => void
  readonly #uids: Uids
  readonly #isCareful: boolean
  readonly #maxAsked: number
  #acceptor: Acceptor | undefined = undefined
  readonly #clients = new Set<AgentClient>()
  /** With the server, by number; those that have gone are among them. */
  readonly #asked = new Map<number, AgentClient>()
  /** Busy, and not with the server; in the order in which they came. */
  readonly #waiting = new Set<AgentClient>()
  /** To the server. */
  readonly #up = new MessageOutput()
  /** To clients, one after the other. */
  readonly #down = new MessageOutput()
  #link: ServerLink | undefined = undefined
  #retryTimer: NodeJS.Timeout | undefined = undefined
  #idleTimer: NodeJS.Timeout | undefined = undefined
  #isClosed = false
  #refused = 0
  #refusedAtMs = Number.NEGATIVE_INFINITY

  private constructor(options: AgentOptions) {
    this.#target = linkTarget(options.connect, options.tls)
    this.#serverText = addressText(this.#target.address)
    this.#retryMs = options.retryMs ?? RETRY_MS
    this.#idleMs = options.idleMs ?? 0
    this.#notice = options.onNotice ?? (() => {})
    this.#uids = options.uids ?? new Uids()
    this.#isCareful = options.careful ?? false
    this.#maxAsked = this.#isCareful ? 1 : MAX_ASKED
  }

  /**
   * Listens and begins to connect, which may fail for now. Rejects with an Error when it cannot listen (`code` of the
   * system), with a TypeError for an address that is none.
   */
  static async open(options: AgentOptions): Promise<Agent> {
    const agent = await Agent.listen(options)
    agent.begin()
    return agent
  }

  /** As `open`, but there is no server before `begin`. */
  static async listen(options: AgentOptions): Promise<Agent> {
    const agent = new Agent(options)
    agent.#acceptor = await Acceptor.open(listenAddress(options.listen), (socket) => agent.#accept(socket), {
      maxConnections: MAX_CLIENTS,
      mode: options.mode,
      tls: options.listenTls,
      onRefused: () => agent.#onRefused(),
    })
    return agent
  }

  /** Connects to the server, and again whenever it is lost. Called once. */
  begin(): void {
    this.#connect()
    if (this.#idleMs > 0) this.#watchIdle()
  }

  /** The port that was given where `listen` said 0; 0 for a unix socket. */
  get port(): number {
    return this.#acceptor?.port ?? 0
  }

  get clients(): number {
    return this.#clients.size
  }

  /** Requests with the server, and requests that wait for their turn. */
  get asked(): number {
    return this.#asked.size
  }

  get waiting(): number {
    return this.#waiting.size
  }

  get isConnected(): boolean {
    return this.#link?.isOpen === true
  }

  /** Ends all connections, and listens no more. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#retryTimer)
    clearInterval(this.#idleTimer)
    this.#acceptor?.close()
    for (const client of this.#clients) client.close()
    this.#link?.close()
  }

  take(client: AgentClient, uid: number, operation: number, bytes: Buffer, start: number, end: number): boolean {
    const link = this.#link
    if (link === undefined) {
      this.#down.code(uid, operation, Code.disconnected)
      return true
    }
    if (this.#waiting.size > 0 || !this.#canAsk(link)) {
      client.hold(uid, operation, bytes, start, end)
      this.#waiting.add(client)
      return false
    }
    client.uid = uid
    client.operation = operation
    this.#forward(link, client, bytes, start, end)
    return false
  }

  onGone(client: AgentClient): void {
    this.#clients.delete(client)
    this.#waiting.delete(client)
  }

  onOpen(): void {
    this.#notice(`connected to the server ${this.#serverText}`)
    this.#forwardWaiting()
  }

  onMessage(uid: number, operation: number, bytes: Buffer, start: number, end: number): boolean {
    const client = this.#asked.get(uid)
    if (client === undefined || client.operation !== operation) return false
    this.#asked.delete(uid)
    client.answer(bytes, start, end)
    this.#forwardWaiting()
    return true
  }

  onClosed(end: LinkEnd, error: Error | undefined): void {
    this.#link = undefined
    this.#up.take().fill(0)
    if (this.#isClosed) return
    this.#notice(lossText(end, this.#serverText, this.#retryMs, error))
    this.#retryTimer = setTimeout(() => this.#connect(), this.#retryMs)
    // Whoever is told may ask again at once, and is answered then in `take`.
    const told = [...this.#asked.values(), ...this.#waiting]
    this.#asked.clear()
    this.#waiting.clear()
    for (const client of told) {
      client.letGo()
      client.answer(DISCONNECTED, 0, DISCONNECTED.length)
    }
  }

  #connect(): void {
    this.#link = new ServerLink(this.#target, this.#up, this)
  }

  #accept(socket: Socket): AgentClient {
    const client = new AgentClient(socket, this, this.#down, this.#isCareful)
    this.#clients.add(client)
    return client
  }

  /** What is asked with care goes out at once, and not together with others when the connection opens. */
  #canAsk(link: ServerLink): boolean {
    return this.#asked.size < this.#maxAsked && (!this.#isCareful || link.isOpen)
  }

  #forward(link: ServerLink, client: AgentClient, bytes: Buffer, start: number, end: number): void {
    let uid = this.#uids.next()
    while (this.#asked.has(uid)) uid = this.#uids.next()
    this.#asked.set(uid, client)
    if (this.#idleMs > 0) client.activeAtMs = performance.now()
    this.#up.message(false, uid, client.operation, bytes, start, end)
    if (this.#isCareful && needsCare(end - start)) link.flushInTwo(end - start)
    else link.flushSoon()
  }

  #forwardWaiting(): void {
    for (const client of this.#waiting) {
      if (this.#link === undefined || !this.#canAsk(this.#link)) return
      this.#waiting.delete(client)
      this.#forward(this.#link, client, client.held, 0, client.held.length)
      client.letGo()
    }
  }

  #watchIdle(): void {
    const lookMs = Math.min(Math.max(this.#idleMs / 4, MIN_LOOK_MS), MAX_LOOK_MS)
    this.#idleTimer = setInterval(() => {
      const beforeMs = performance.now() - this.#idleMs
      for (const client of this.#clients) if (!client.isBusy && client.activeAtMs <= beforeMs) client.close()
    }, lookMs)
  }

  #onRefused(): void {
    this.#refused++
    if (performance.now() - this.#refusedAtMs < NOTICE_MS) return
    this.#refusedAtMs = performance.now()
    const most = this.#acceptor?.maxConnections ?? MAX_CLIENTS
    this.#notice(`there are ${most} clients, which is the most: refused ${this.#refused} more`)
    this.#refused = 0
  }
}

function lossText(end: LinkEnd, server: string, retryMs: number, error: Error | undefined): string {
  const what =
    end === 'unreachable'
      ? `cannot reach the server ${server}`
      : end === 'bad-response'
        ? `the server ${server} says what is not the protocol`
        : `lost the server ${server}`
  return `${what}${error === undefined ? '' : ` (${error.message})`}; next attempt in ${retryMs} ms`
}

function listenAddress(listen: string | Address): Address {
  if (typeof listen !== 'string') return listen
  const read = parseAddress(listen, 'listen')
  if (!read.ok) throw new TypeError(read.message)
  return read.address
}
