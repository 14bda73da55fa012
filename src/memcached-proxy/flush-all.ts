/** `flush_all`, where it is allowed: sent to every live server of the pools that are written to or warm others. */
import { Failure, type FailureCode } from '../memcached/failure.ts'
import type { Pool } from '../memcached/pool.ts'
import { Code, type Reply } from '../memcached/reply.ts'
import { Expect, ServerRequest } from '../memcached/server-request.ts'
import { ownAnswers } from './own-answers.ts'
import { failureLines, type Slot } from './slot.ts'

/** One command of one client. */
export class FlushAll {
  readonly #slot: Slot
  #pending = 0
  #error: Buffer | undefined = undefined

  private constructor(slot: Slot) {
    this.#slot = slot
  }

  /** `line` with its line end. The slot is answered OK when all servers said so, else with the first error. */
  static start(slot: Slot, pools: readonly Pool[], line: string): void {
    const flush = new FlushAll(slot)
    const parts = pools.flatMap((pool) =>
      pool.plan.servers.flatMap((_, server) => (pool.state.isLive(server) ? [{ pool, server }] : [])),
    )
    flush.#pending = parts.length
    if (parts.length === 0) {
      slot.onFailure(Failure.refused)
      return
    }
    for (const { pool, server } of parts) {
      const part = new Part(flush)
      const out = pool.begin(server, part, slot.client!.number)
      if (out === undefined) part.onFailure(pool.refusal)
      else out.text(line)
    }
  }

  /** A server has answered; `error`: what went wrong. */
  onPart(error: Buffer | undefined): void {
    this.#error ??= error
    if (--this.#pending === 0) this.#slot.answer(this.#error ?? ownAnswers.ok)
  }
}

class Part extends ServerRequest {
  readonly #flush: FlushAll

  constructor(flush: FlushAll) {
    super(Expect.line)
    this.#flush = flush
  }

  override onReply(reply: Reply): void {
    this.#flush.onPart(reply.code === Code.ok ? undefined : Buffer.from(reply.bytes.subarray(reply.start, reply.end)))
  }

  override onFailure(failure: FailureCode): void {
    this.#flush.onPart(failureLines[failure])
  }
}
