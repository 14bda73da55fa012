/**
 * Sessions for stunnel (`sessiond = HOST:PORT` in its configuration), which has a protocol of its own: one UDP datagram for each
 * operation, on a socket of its own, and a wait of one tick of the clock for the answer.
 *
 *     0           1       2             4            36
 *     version 1   type    timeout (s)   id, 32 bytes  session, up to 512 bytes
 *
 *     type   0 new, 1 get, 2 remove     only `get` is answered: 0x81 found, with the session; 0x80 not found
 *
 * `new` takes the place of an earlier session of that id, as nobody would be told that it did not. What is not like that is not
 * answered: whoever sends it is not stunnel, or the address of the sender is not its own.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import type { Address } from './address.ts'
import type { OperationCount } from './operation-count.ts'
import { type RemoteSessions, SessionOutcome, type SessionSink } from './remote-sessions.ts'
import type { ByteSink } from './session-arena.ts'
import { ABSENT, SessionStore } from './session-store.ts'

const VERSION = 1
const Type = { new: 0, get: 1, remove: 2, error: 0x80, found: 0x81 } as const
const ID_START = 4
const HEAD_BYTES = 36
const MAX_DATA_BYTES = 512
const MAX_TIMEOUT_SEC = 64_800

export interface StunnelServerOptions {
  readonly sessions: SessionStore | RemoteSessions
  readonly count: OperationCount
  /** Milliseconds of a clock that never goes back; default performance.now. */
  readonly now?: () => number
}

export class StunnelServer {
  readonly #socket: Socket
  readonly #sessions: SessionStore | RemoteSessions
  readonly #count: OperationCount
  readonly #now: () => number
  /** Answers are made here. */
  readonly #answer = new Answer()

  private constructor(socket: Socket, { sessions, count, now }: StunnelServerOptions) {
    this.#socket = socket
    this.#sessions = sessions
    this.#count = count
    this.#now = now ?? (() => performance.now())
    socket.on('message', (bytes, peer) => this.#onDatagram(bytes, peer))
    socket.on('error', () => {}) // an answer that cannot be sent is a miss to whoever asked
  }

  /** Rejects with the system's error. */
  static open(address: Address & { kind: 'tcp' }, options: StunnelServerOptions): Promise<StunnelServer> {
    return new Promise((resolve, reject) => {
      const socket = createSocket({ type: address.family === 4 ? 'udp4' : 'udp6' })
      socket.once('error', reject)
      socket.bind({ port: address.port, ...(address.host === undefined ? {} : { address: address.host }) }, () => {
        socket.off('error', reject)
        resolve(new StunnelServer(socket, options))
      })
    })
  }

  get port(): number {
    return this.#socket.address().port
  }

  close(): void {
    this.#socket.close()
  }

  #onDatagram(bytes: Buffer, peer: RemoteInfo): void {
    if (bytes.length < HEAD_BYTES || bytes[0] !== VERSION) return
    const dataBytes = bytes.length - HEAD_BYTES
    const timeoutSec = bytes.readUInt16BE(2)
    switch (bytes[1]) {
      case Type.new:
        if (dataBytes === 0 || dataBytes > MAX_DATA_BYTES || timeoutSec > MAX_TIMEOUT_SEC) return
        this.#store(bytes, timeoutSec * 1000)
        break
      case Type.get:
        if (dataBytes !== 0) return
        this.#find(bytes, peer)
        break
      case Type.remove:
        if (dataBytes !== 0) return
        this.#remove(bytes)
        break
      default:
        return
    }
    this.#count.add()
  }

  #store(bytes: Buffer, timeoutMs: number): void {
    const sessions = this.#sessions
    if (sessions instanceof SessionStore) {
      const nowMs = this.#now()
      sessions.remove(nowMs, bytes, ID_START, HEAD_BYTES)
      sessions.add(nowMs, timeoutMs, bytes, ID_START, HEAD_BYTES, bytes.length)
    } else {
      // What is said of one id takes effect in the order in which it is said.
      sessions.remove(idOf(bytes), nobody)
      sessions.add(idOf(bytes), bytes.subarray(HEAD_BYTES), timeoutMs, nobody)
    }
    bytes.fill(0)
  }

  #remove(bytes: Buffer): void {
    const sessions = this.#sessions
    if (sessions instanceof SessionStore) sessions.remove(this.#now(), bytes, ID_START, HEAD_BYTES)
    else sessions.remove(idOf(bytes), nobody)
  }

  #find(bytes: Buffer, peer: RemoteInfo): void {
    const sessions = this.#sessions
    if (!(sessions instanceof SessionStore)) {
      const id = Buffer.from(idOf(bytes))
      sessions.get(id, {
        onSession: (outcome, data) => {
          this.#answer.begin(id, 0)
          if (outcome === SessionOutcome.done && data.length <= MAX_DATA_BYTES) this.#answer.bytes(data, 0, data.length)
          this.#send(peer)
        },
      })
      return
    }
    const slot = sessions.find(this.#now(), bytes, ID_START, HEAD_BYTES)
    this.#answer.begin(bytes, ID_START)
    if (slot !== ABSENT && sessions.dataBytes(slot) <= MAX_DATA_BYTES) sessions.read(slot, this.#answer)
    this.#send(peer)
  }

  #send(peer: RemoteInfo): void {
    const { datagram } = this.#answer
    this.#socket.send(datagram, 0, datagram.length, peer.port, peer.address)
  }
}

/** One answer after the other; each a buffer of its own, as a datagram may have to wait for the kernel. */
class Answer implements ByteSink {
  #bytes = Buffer.alloc(0)
  #length = 0

  /** The id is bytes[start, start + 32). */
  begin(bytes: Buffer, start: number): void {
    this.#bytes = Buffer.alloc(HEAD_BYTES + MAX_DATA_BYTES)
    this.#bytes[0] = VERSION
    this.#bytes[1] = Type.error
    bytes.copy(this.#bytes, ID_START, start, start + HEAD_BYTES - ID_START)
    this.#length = HEAD_BYTES
  }

  bytes(bytes: Buffer, start: number, end: number): void {
    this.#bytes[1] = Type.found
    this.#length += bytes.copy(this.#bytes, this.#length, start, end)
  }

  get datagram(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }
}

const nobody: SessionSink = { onSession: () => {} }

function idOf(bytes: Buffer): Buffer {
  return bytes.subarray(ID_START, HEAD_BYTES)
}
