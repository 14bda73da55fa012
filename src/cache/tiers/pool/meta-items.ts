/**
 * Items of a pool over our own connections, in the meta protocol of memcached 1.6:
 *
 *     read        mg KEY v                value, or EN
 *     lead        mg KEY v N5             absent: made empty for 5 s, `VA 0 W` for the first who asks, `VA 0 Z` for others
 *     write       ms KEY 123 T60
 *     extend      mg KEY T5               gives it 5 s from now
 *     remove      md KEY
 *     prove       mn                  of a server that has failed, see suspects.ts
 *
 * An older server says ERROR to all of them, which is a failure like others: the tier then stores nothing there.
 */
import type { Pool } from '../../../memcached/pool.ts'
import type { Reply } from '../../../memcached/reply.ts'
import { Expect, ServerRequest } from '../../../memcached/server-request.ts'
import { type ItemRead, type ItemWrite, type PoolItems, valueRoom } from './items.ts'
import { Suspects } from './suspects.ts'

/** Longest key that `keys.ts` makes. */
const MAX_KEY_BYTES = 64
/** Letters of a key that choose among a server's connections, so that what is said of one key is said in order. */
const AFFINITY_AT = 3

export class MetaItems implements PoolItems {
  readonly maxValueBytes: number
  readonly #pool: Pool
  readonly #key = Buffer.alloc(MAX_KEY_BYTES)
  readonly #suspects: Suspects

  constructor(pool: Pool) {
    this.#pool = pool
    this.#suspects = new Suspects(pool, (server, onAnswer) => {
      const out = pool.begin(server, new Unanswered(onAnswer), 0)
      out?.text('mn\r\n')
      return out !== undefined
    })
    pool.watchReturns()
    this.maxValueBytes = valueRoom(pool.plan.maxItemBytes)
  }

  read(key: string, read: ItemRead): boolean {
    read.mayRepeat = true
    return this.#ask(key, read, `mg ${key} v\r\n`)
  }

  readOrLead(key: string, leaseSec: number, read: ItemRead): boolean {
    return this.#ask(key, read, `mg ${key} v N${leaseSec}\r\n`)
  }

  write(key: string, value: Buffer, ttlSec: number, write: ItemWrite): boolean {
    const out = this.#pool.begin(this.#ownerOf(key), write, key.charCodeAt(AFFINITY_AT))
    if (out === undefined) return false
    out.text(`ms ${key} ${value.length} T${ttlSec}\r\n`)
    out.attach(value)
    out.text('\r\n')
    return true
  }

  remove(key: string): void {
    this.#send(this.#ownerOf(key), key, new Unanswered(), `md ${key}\r\n`)
  }

  extend(key: string, leaseSec: number): void {
    this.#send(this.#ownerOf(key), key, new Unanswered(), `mg ${key} T${leaseSec}\r\n`)
  }

  returnedAtMs(server: number): number {
    return this.#pool.returnedAtMs(server)
  }

  /** Somebody waits for the answer. */
  #ask(key: string, read: ItemRead, line: string): boolean {
    const server = this.#ownerOf(key)
    return !this.#suspects.avoids(server) && this.#send(server, key, read, line)
  }

  #send(server: number, key: string, request: ServerRequest, line: string): boolean {
    const out = this.#pool.begin(server, request, key.charCodeAt(AFFINITY_AT))
    out?.text(line)
    return out !== undefined
  }

  #ownerOf(key: string): number {
    return this.#pool.ownerOf(this.#key, 0, this.#key.write(key, 'latin1'))
  }
}

/** Something whose outcome changes nothing. */
class Unanswered extends ServerRequest {
  readonly #onEnd: () => void

  constructor(onEnd: () => void = () => {}) {
    super(Expect.meta)
    this.#onEnd = onEnd
  }

  override onReply(_reply: Reply): void {
    this.#onEnd()
  }

  override onFailure(): void {
    this.#onEnd()
  }
}
