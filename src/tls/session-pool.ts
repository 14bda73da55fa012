/**
 * TLS sessions in a memcached pool, so that the machine that keeps them is no single point of failure. Used by `shellac
 * dc-server -store` and by the daemon's own listeners. Nothing in the pool can be read or forged without the seal of the fleet:
 *
 *     key      sht:HASH     27 letters of base64url, 162 bits of HMAC-SHA-256 of the id, so that ids are not to be seen
 *     value    sealed (distcache/sealed.ts, the id is its context):   storedAtMs (6 bytes, big-endian)   data
 *
 * A pool that is gone costs a bounded wait and an answer of `failed`. The hard part is that it must not cost that again and
 * again: while a server has failed and has not answered since, only one call at a time is let through to it, as a probe; all
 * others fail at once.
 *
 * What a server holds that was out for a while may have been removed meanwhile: it is not believed if it is older than the
 * server's return (see memcached/greeting.ts). Lifetimes are memcached's, in whole seconds, rounded up.
 */
import { createHmac } from 'node:crypto'
import { type RemoteSessions, SessionOutcome, type SessionSink } from '../distcache/remote-sessions.ts'
import { deriveKey, SealedBox } from '../distcache/sealed.ts'
import { ItemOutcome, type ItemSink, type ItemStore } from '../memcached/item-store.ts'
import type { Pool } from '../memcached/pool.ts'
import { Code, type Reply } from '../memcached/reply.ts'
import { Expect, ServerRequest } from '../memcached/server-request.ts'

const PREFIX = 'sht:'
/** 162 bits: enough that no two ids meet. */
const HASH_LETTERS = 27
const STORED_AT_BYTES = 6
/** memcached takes a larger number for a date. */
const MAX_TTL_SEC = 30 * 86_400
const NOTHING = Buffer.alloc(0)

export interface SessionPoolOptions {
  readonly pool: Pool
  /** What all members of the fleet know, MIN_SECRET_BYTES at least. */
  readonly secret: Buffer
  /** How long a call may take before it counts as failed. */
  readonly waitMs: number
  /** Sessions of another name are others. */
  readonly name?: string
}

export class SessionPool implements RemoteSessions {
  readonly #pool: Pool
  readonly #items: ItemStore | undefined
  readonly #box: SealedBox
  readonly #idKey: Buffer
  readonly #waitMs: number
  readonly #keyBytes = Buffer.alloc(PREFIX.length + HASH_LETTERS)
  /** Calls that are under way, by server. */
  readonly #underWay: number[]

  constructor({ pool, secret, waitMs, name = '' }: SessionPoolOptions) {
    this.#pool = pool
    this.#items = pool.items
    this.#box = new SealedBox(secret, `tls session ${name}`)
    this.#idKey = deriveKey(secret, `tls session id ${name}`)
    this.#waitMs = waitMs
    this.#underWay = pool.plan.servers.map(() => 0)
    pool.watchReturns()
  }

  add(id: Buffer, data: Buffer, timeoutMs: number, sink: SessionSink): void {
    const plain = Buffer.allocUnsafeSlow(STORED_AT_BYTES + data.length)
    plain.writeUIntBE(Date.now(), 0, STORED_AT_BYTES)
    data.copy(plain, STORED_AT_BYTES)
    const value = this.#box.seal(id, plain)
    plain.fill(0)
    const ttlSec = Math.min(Math.max(Math.ceil(timeoutMs / 1000), 1), MAX_TTL_SEC)
    this.#call(Kind.add, id, value, ttlSec, sink)
  }

  get(id: Buffer, sink: SessionSink): void {
    this.#call(Kind.get, id, NOTHING, 0, sink)
  }

  remove(id: Buffer, sink: SessionSink): void {
    this.#call(Kind.remove, id, NOTHING, 0, sink)
  }

  have(id: Buffer, sink: SessionSink): void {
    this.#call(Kind.have, id, NOTHING, 0, sink)
  }

  /** The session in an item of `server`; undefined when it is none of ours, or too old. */
  open(id: Buffer, value: Buffer, server: number): Buffer | undefined {
    const plain = this.#box.open(id, value)
    if (plain === undefined || plain.length < STORED_AT_BYTES) return undefined
    const storedAtMs = plain.readUIntBE(0, STORED_AT_BYTES)
    return storedAtMs >= this.#pool.returnedAtMs(server) ? plain.subarray(STORED_AT_BYTES) : undefined
  }

  /** @internal */
  onEnd(server: number): void {
    this.#underWay[server]!--
  }

  #call(kind: number, id: Buffer, value: Buffer, ttlSec: number, sink: SessionSink): void {
    const key = PREFIX + createHmac('sha256', this.#idKey).update(id).digest('base64url').slice(0, HASH_LETTERS)
    const server = this.#pool.ownerOf(this.#keyBytes, 0, this.#keyBytes.write(key, 'latin1'))
    const call = new Call(this, kind, Buffer.from(id), server, sink)
    if (server < 0 || this.#isSuspect(server) || !this.#begin(call, key, value, ttlSec)) {
      call.refuse()
      return
    }
    this.#underWay[server]!++
    call.wait(this.#waitMs)
  }

  #isSuspect(server: number): boolean {
    return this.#underWay[server]! > 0 && this.#pool.state.failures(server) > 0
  }

  #begin(call: Call, key: string, value: Buffer, ttlSec: number): boolean {
    if (this.#items !== undefined) return beginItem(this.#items, call, key, value, ttlSec)
    // Letters of the hash choose among the connections of a server, so that what is said of one id is said in order.
    const out = this.#pool.begin(call.owner, call, key.charCodeAt(PREFIX.length))
    if (out === undefined) return false
    if (call.kind !== Kind.add) {
      out.text(call.kind === Kind.remove ? `md ${key}\r\n` : `mg ${key} v\r\n`)
      return true
    }
    out.text(`ms ${key} ${value.length} T${ttlSec} ME\r\n`)
    out.attach(value)
    out.text('\r\n')
    return true
  }
}

const Kind = { get: 0, remove: 1, have: 2, add: 3 } as const

/** For pools with `auth`, which are spoken to through memjs. */
function beginItem(items: ItemStore, call: Call, key: string, value: Buffer, ttlSec: number): boolean {
  if (call.kind === Kind.add) return items.write(key, value, { ttlSec, mode: 'add' }, call)
  return call.kind === Kind.remove ? items.remove(key, call) : items.get(key, call)
}

/** One call under way. The sink hears of whatever is first: the answer, the failure, the end of the wait. */
class Call extends ServerRequest implements ItemSink {
  readonly #sessions: SessionPool
  readonly kind: number
  readonly #id: Buffer
  /** Number of the server that owns the key. */
  readonly owner: number
  #sink: SessionSink | undefined
  #start: NodeJS.Immediate | undefined = undefined
  #timer: NodeJS.Timeout | undefined = undefined

  constructor(sessions: SessionPool, kind: number, id: Buffer, owner: number, sink: SessionSink) {
    super(Expect.meta)
    this.#sessions = sessions
    this.kind = kind
    this.#id = id
    this.owner = owner
    this.#sink = sink
    this.mayRepeat = kind === Kind.get || kind === Kind.have // those that read
  }

  /**
   * From when it is written, at the end of this turn, until what had come by the end of the wait is read: a worker with many
   * handshakes at a time is slower than the server, and would give up answers that are there.
   */
  wait(waitMs: number): void {
    const giveUp = (): void => this.#tell(SessionOutcome.failed, NOTHING)
    this.#start = setImmediate(() => {
      this.#timer = setTimeout(() => setImmediate(giveUp), waitMs)
    })
  }

  /** It was not sent. */
  refuse(): void {
    queueMicrotask(() => this.#tell(SessionOutcome.failed, NOTHING))
  }

  override onReply(reply: Reply): void {
    const { code } = reply
    if (code === Code.va) this.#onValue(Buffer.from(reply.bytes.subarray(reply.dataStart, reply.dataEnd)))
    else if (code === Code.hd) this.#end(SessionOutcome.done, NOTHING)
    else if (code === Code.en || code === Code.nf) this.#end(SessionOutcome.absent, NOTHING)
    else if (code === Code.ns) this.#end(SessionOutcome.present, NOTHING)
    else this.#end(SessionOutcome.failed, NOTHING)
  }

  override onFailure(): void {
    this.#end(SessionOutcome.failed, NOTHING)
  }

  onItem(outcome: number, value: Buffer): void {
    if (outcome === ItemOutcome.done && this.mayRepeat) this.#onValue(value)
    else if (outcome === ItemOutcome.done) this.#end(SessionOutcome.done, NOTHING)
    else if (outcome === ItemOutcome.absent) this.#end(SessionOutcome.absent, NOTHING)
    else if (outcome === ItemOutcome.conflict) this.#end(SessionOutcome.present, NOTHING)
    else this.#end(SessionOutcome.failed, NOTHING)
  }

  #onValue(value: Buffer): void {
    const data = this.#sink === undefined ? undefined : this.#sessions.open(this.#id, value, this.owner)
    const outcome = data === undefined ? SessionOutcome.absent : SessionOutcome.done
    this.#end(outcome, this.kind === Kind.get ? (data ?? NOTHING) : NOTHING)
  }

  #end(outcome: number, data: Buffer): void {
    this.#sessions.onEnd(this.owner)
    this.#tell(outcome, data)
  }

  #tell(outcome: number, data: Buffer): void {
    const sink = this.#sink
    if (sink === undefined) return
    this.#sink = undefined
    clearImmediate(this.#start)
    clearTimeout(this.#timer)
    sink.onSession(outcome, data)
  }
}
