/**
 * `warm from`: what a get misses in the new pool is looked for in the old one, and put into the new one with its flags and
 * what is left of its time; then the new one is asked again and answers. It is put there with `add`, so that a value which
 * came meanwhile stays, and then it is that value the client gets.
 *
 *     mg KEY t f v  to the old pool --hit--> add KEY flags exptime bytes  to the new one --any answer--> the request again
 */
import type { FailureCode } from '../memcached/failure.ts'
import type { Pool } from '../memcached/pool.ts'
import { Age } from '../memcached/pool-state.ts'
import { Code, type Reply } from '../memcached/reply.ts'
import { Expect, ServerRequest } from '../memcached/server-request.ts'
import { clock } from '../util/clock.ts'
import type { Detour } from './detour.ts'
import { Tally } from './proxy-state.ts'

/** Longer times would be read as a date. */
const LONGEST_EXPTIME_SEC = 30 * 24 * 60 * 60

export class Warming extends ServerRequest {
  readonly #detour: Detour

  private constructor(detour: Detour) {
    super(Expect.meta)
    this.#detour = detour
  }

  /** Ends by the detour asking the pool again, or answering that nothing is there. */
  static start(detour: Detour, old: Pool): void {
    const { request, slot } = detour
    const server = old.ownerOf(request.key, 0, request.key.length)
    // A server that does not know `mg` cannot tell how long a value has left: nothing of it is copied. (One that has not
    // said its version yet is asked: it answers ERROR at worst.)
    if (server < 0 || old.state.age(server) === Age.old) {
      detour.answerMiss()
      return
    }
    const warming = new Warming(detour)
    warming.mayRepeat = true
    const out = old.begin(server, warming, slot.client!.number)
    if (out === undefined) detour.answerMiss()
    else out.text(`mg ${request.word} t f v${request.isBase64 ? ' b' : ''}\r\n`)
  }

  override onReply(reply: Reply): void {
    const found = reply.code === Code.va ? foundItem(reply) : undefined
    if (found === undefined) this.#detour.answerMiss()
    else this.#add(found, reply)
  }

  override onFailure(): void {
    this.#detour.answerMiss()
  }

  #add(found: FoundItem, reply: Reply): void {
    const { request, slot, target } = this.#detour
    const { pool } = target
    const server = pool.ownerOf(request.key, 0, request.key.length)
    const adding = new Adding(this.#detour, request.isBase64)
    const out = pool.begin(server, adding, slot.client!.number)
    if (out === undefined) {
      this.#detour.answerMiss()
      return
    }
    const bytes = reply.dataEnd - reply.dataStart
    if (request.isBase64) out.text(`ms ${request.word} ${bytes} b ME F${found.flags} T${found.exptime}\r\n`)
    else out.text(`add ${request.word} ${found.flags} ${found.exptime} ${bytes}\r\n`)
    if (reply.isOwned) out.attach(reply.bytes.subarray(reply.dataStart, reply.end))
    else out.bytes(reply.bytes, reply.dataStart, reply.end)
  }
}

class Adding extends ServerRequest {
  readonly #detour: Detour

  constructor(detour: Detour, isBase64: boolean) {
    super(isBase64 ? Expect.meta : Expect.line)
    this.#detour = detour
  }

  override onReply(reply: Reply): void {
    const isAdded = reply.code === Code.stored || reply.code === Code.hd
    if (isAdded) this.#detour.slot.client!.proxy.tallies[Tally.warmed]! += 1
    this.#detour.ask('again', this.#detour.target.pool)
  }

  override onFailure(_failure: FailureCode): void {
    this.#detour.answerMiss()
  }
}

interface FoundItem {
  readonly flags: string
  readonly exptime: number
}

/** Reads `VA <size> t<seconds> f<flags> ...`; undefined: it is not that, or the value is stale, so others are at work on it. */
function foundItem(reply: Reply): FoundItem | undefined {
  const words = reply.bytes.toString('latin1', reply.start, reply.lineEnd).split(' ').slice(2)
  const left = words.find((word) => word.startsWith('t'))?.slice(1)
  const flags = words.find((word) => word.startsWith('f'))?.slice(1)
  if (left === undefined || flags === undefined || words.includes('X')) return undefined
  return { flags, exptime: exptimeOf(Number(left)) }
}

/** -1 means for ever, which is written 0; 0 that it ends within this second. */
function exptimeOf(leftSec: number): number {
  if (leftSec < 0) return 0
  if (leftSec > LONGEST_EXPTIME_SEC) return Math.floor(clock.nowMs / 1000) + leftSec
  return Math.max(1, leftSec)
}
