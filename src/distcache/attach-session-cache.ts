/**
 * Gives any TLS server of Node the sessions of a fleet: whoever negotiated a session, every server with the same session
 * service resumes it.
 *
 *     const server = https.createServer({ key, cert, secureOptions: constants.SSL_OP_NO_TICKET, sessionIdContext: 'shop' })
 *     attachSessionCache(server, { connect: 'UNIX:/run/shellac/dc.sock' })
 *
 * The server has to be made with SSL_OP_NO_TICKET, since with tickets clients keep their sessions themselves and nobody is
 * asked; and with the same `sessionIdContext` everywhere, for OpenSSL resumes no session of another context, and Node's
 * usual one is a hash of the command line. Contexts for server names (`addContext`, `SNICallback`) need both as well.
 *
 * TLS 1.2: Node's events newSession and resumeSession, as they are meant. TLS 1.3: a session is named by the first PSK
 * identity of the ClientHello, but resumeSession reports only the legacy session id, a random number there. So the first
 * bytes of a connection are read before TLS sees them, the identity is remembered under that number until resumeSession
 * asks, and the bytes are put back:
 *
 *     accepted ──> read ──ClientHello──> remember ──> unshift ──> TLS ──resumeSession(legacy id)──> GET and REMOVE identity
 *
 * A TLS 1.3 session is used once (RFC 8446 §C.4): it is handed over only to who removed it, in the whole fleet.
 *
 * A session service that is slow, wrong or away costs `waitMs` at most, and a full handshake: never a connection.
 */
import { constants, createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import type { ConnectionOptions, Server } from 'node:tls'
import type { Address } from './address.ts'
import { SessionClient, type SessionRequest } from './client.ts'
import { MAX_CLIENT_HELLO_BYTES, readClientHello } from './client-hello.ts'
import { ID_BYTES } from './limits.ts'
import { Operation } from './message.ts'
import { hasSessionId } from './openssl-session.ts'
import { isFailure, type Outcome } from './outcome.ts'

export interface SessionCacheOptions {
  /** The agent of this machine, or the server: `UNIX:/run/shellac/dc.sock`, `IP:host:port`. */
  readonly connect: string | Address
  /** How long a session may be resumed; default 300. */
  readonly timeoutSeconds?: number
  /** The longest that a handshake waits for the session service; default 20. */
  readonly waitMs?: number
  /** TLS to the session service: options of tls.connect. */
  readonly tls?: ConnectionOptions | undefined
}

/** What became of handshakes, since the server was attached. */
export interface SessionCacheCounters {
  /** Sessions that were stored. */
  stored: number
  /** Sessions that were found and handed to TLS. */
  found: number
  /** Sessions that were asked for and are not there. */
  missed: number
  /** Questions and sessions that the session service did not answer in time, or at all. */
  failed: number
}

export interface AttachedSessionCache {
  readonly counters: Readonly<SessionCacheCounters>
  /** Asks the session service no more, and takes connections as they come. The server's `close` does the same. */
  detach(): void
}

const TIMEOUT_SECONDS = 300
const WAIT_MS = 20
/** A service that has said nothing for so many waits is not asked for a while, and no handshake waits for it. */
const SILENCES = 5
/** A client that sends no whole hello in this time is TLS's to judge, which has a timeout of its own. */
const HELLO_MS = 5000
/** Between a hello and the event about it there is one turn of the event loop; what is left over is of dead connections. */
const MAX_REMEMBERED = 4096

type ConnectionListener = (socket: Socket) => void
type NewSession = (id: Buffer, data: Buffer, callback: () => void) => void
type ResumeSession = (id: Buffer, callback: (error: Error | null, data: Buffer | null) => void) => void

/**
 * Works with servers of node:tls, node:https and node:http2, before or after they listen. Throws a TypeError when the server
 * uses tickets, and for an address that is none. Warns when its sessionIdContext is the one that Node makes.
 */
export function attachSessionCache(server: Server, options: SessionCacheOptions): AttachedSessionCache {
  checkServer(server)
  const cache = new AttachedCache(options)
  const listeners = server.listeners('connection') as ConnectionListener[]
  const onConnection = (socket: Socket) => {
    peek(socket, cache, () => {
      for (const listener of listeners) listener.call(server, socket)
    })
  }
  const onNew: NewSession = (id, data, callback) => cache.store(id, data, callback)
  const onResume: ResumeSession = (id, callback) => cache.look(id, callback)
  const detach = () => {
    cache.close()
    server.off('connection', onConnection).off('newSession', onNew).off('resumeSession', onResume).off('close', detach)
    for (const listener of listeners) server.on('connection', listener)
  }
  for (const listener of listeners) server.off('connection', listener)
  server.on('connection', onConnection).on('newSession', onNew).on('resumeSession', onResume).on('close', detach)
  return { counters: cache.counters, detach }
}

/** The fields of tls.Server that its type definitions do not list. */
interface ServerFields {
  readonly secureOptions?: number
  readonly sessionIdContext?: string
}

function checkServer(server: Server): void {
  const { secureOptions = 0, sessionIdContext } = server as ServerFields
  if ((secureOptions & constants.SSL_OP_NO_TICKET) === 0) {
    throw new TypeError('the server hands out tickets: make it with secureOptions: constants.SSL_OP_NO_TICKET')
  }
  const ofCommandLine = createHash('sha1').update(process.argv.join(' ')).digest('hex').slice(0, 32)
  if (sessionIdContext !== ofCommandLine) return
  process.emitWarning(
    'sessions are resumed only by servers with the same command line: give each of them the same sessionIdContext',
    'SessionCacheWarning',
  )
}

/** Reads the hello of a connection and puts it back; then, whatever came, `goOn` takes the connection. */
function peek(socket: Socket, cache: AttachedCache, goOn: () => void): void {
  let bytes: Buffer = Buffer.alloc(0)
  const ignore = () => {}
  const end = () => socket.destroy()
  const finish = () => {
    clearTimeout(timer)
    socket.off('readable', read).off('end', end).off('close', stop).off('error', ignore)
    if (bytes.length > 0) socket.unshift(bytes)
    goOn()
  }
  const stop = () => clearTimeout(timer)
  const read = () => {
    for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    }
    const hello = readClientHello(bytes, 0, Math.min(bytes.length, MAX_CLIENT_HELLO_BYTES))
    if (hello === 'more') return
    if (hello !== 'not-a-hello' && hello.firstIdentity !== undefined)
      cache.remember(hello.sessionId, hello.firstIdentity)
    finish()
  }
  const timer = setTimeout(finish, HELLO_MS)
  socket.on('readable', read).on('end', end).on('close', stop).on('error', ignore)
}

/** What a server asks the session service, and what it remembers of the hellos of TLS 1.3. */
class AttachedCache {
  readonly counters: SessionCacheCounters = { stored: 0, found: 0, missed: 0, failed: 0 }
  readonly #client: SessionClient
  readonly #lifeMs: number
  /** The identity of each hello by its legacy session id; undefined: two hellos have the same, so neither is believed. */
  readonly #identities = new Map<string, Buffer | undefined>()

  constructor({ connect, timeoutSeconds = TIMEOUT_SECONDS, waitMs = WAIT_MS, tls }: SessionCacheOptions) {
    this.#client = new SessionClient({ connect, timeoutMs: waitMs, silenceMs: SILENCES * waitMs, ref: false, tls })
    this.#lifeMs = Math.round(timeoutSeconds * 1000)
    this.#client.preconnect()
  }

  close(): void {
    this.#client.close()
    this.#identities.clear()
  }

  remember(legacyId: Buffer, identity: Buffer): void {
    // Without the number there will be no event to look it up for; and what is too long for an id is somebody's sealed ticket.
    if (legacyId.length === 0 || identity.length > ID_BYTES) return
    const key = legacyId.toString('latin1')
    const isKnown = this.#identities.has(key)
    if (!isKnown && this.#identities.size >= MAX_REMEMBERED)
      this.#identities.delete(this.#identities.keys().next().value!)
    this.#identities.set(key, isKnown ? undefined : Buffer.from(identity))
  }

  store(id: Buffer, data: Buffer, callback: () => void): void {
    const onDone = (outcome: Outcome) => {
      if (outcome === 'ok' || outcome === 'present') this.counters.stored++
      else this.counters.failed++
      callback()
    }
    if (!this.#client.beginAdd({ onDone }, id, data, this.#lifeMs)) onDone('unreachable')
  }

  look(legacyId: Buffer, callback: (error: Error | null, data: Buffer | null) => void): void {
    const key = legacyId.toString('latin1')
    const isOnce = this.#identities.has(key)
    const id = isOnce ? this.#identities.get(key) : legacyId
    this.#identities.delete(key)
    const found = new Lookup(id ?? legacyId, isOnce, (data, isAnswered) => {
      if (data !== undefined) this.counters.found++
      else if (isAnswered) this.counters.missed++
      else this.counters.failed++
      callback(null, data ?? null)
    })
    if (id === undefined) found.onDone('absent')
    else found.begin(this.#client)
  }
}

/** A GET; for a session that is used once, and the REMOVE behind it, which says whether it is ours. */
class Lookup implements SessionRequest {
  readonly #id: Buffer
  readonly #isOnce: boolean
  readonly #tell: (data: Buffer | undefined, isAnswered: boolean) => void
  #data: Buffer | undefined = undefined

  constructor(id: Buffer, isOnce: boolean, tell: (data: Buffer | undefined, isAnswered: boolean) => void) {
    this.#id = id
    this.#isOnce = isOnce
    this.#tell = tell
  }

  begin(client: SessionClient): void {
    const id = this.#id
    if (!client.begin(this, Operation.get, id)) {
      this.onDone('unreachable')
      return
    }
    if (!this.#isOnce) return
    const onDone = (outcome: Outcome) => this.#tell(outcome === 'ok' ? this.#data : undefined, !isFailure(outcome))
    // The GET has begun, so this can only fail for want of room; then nothing is removed, and nothing used.
    if (!client.begin({ onDone }, Operation.remove, id)) onDone('unreachable')
  }

  onDone(outcome: Outcome, bytes?: Buffer, start?: number, end?: number): void {
    if (outcome === 'ok' && bytes !== undefined) {
      const data = bytes.subarray(start, end)
      // The service may give what was not asked for.
      if (hasSessionId(data, this.#id)) this.#data = Buffer.from(data)
    }
    if (!this.#isOnce || bytes === undefined) this.#tell(this.#data, !isFailure(outcome))
  }
}
