/**
 * A request where more than one pool takes part: `failover`, `replicate`, `warm from`. It asks one after the other, or two at
 * once, and fills the client's slot with the answer that counts. The README has the rules as an operator sees them.
 *
 *     reads    pool --failure--> replica --failure--> failover --failure--> the first failure
 *              pool --miss, its owner is out--> failover --miss, failure--> miss
 *              pool --miss--> old pool --hit--> add to pool --> pool again
 *     writes   pool and replica at once: the answer of the pool, of the replica where the pool fails;
 *              with a cas id first the pool, and after its yes the replica without the id; where the pool fails, the
 *              replica is asked if the id is its own (cas-mark.ts)
 *              after the pool's yes, and for every delete: delete in the old pool
 *
 * Always true: the slot is filled exactly once.
 */
import type { FailureCode } from '../memcached/failure.ts'
import type { Pool } from '../memcached/pool.ts'
import { Code, Reply } from '../memcached/reply.ts'
import { Expect, ServerRequest } from '../memcached/server-request.ts'
import { Mark, unmarked, withMarkedId } from './cas-mark.ts'
import { Command } from './commands.ts'
import type { KeptRequest } from './kept-request.ts'
import { Tally } from './proxy-state.ts'
import type { Slot } from './slot.ts'
import type { Target } from './target.ts'
import { endOfValues } from './value-line.ts'
import { Warming } from './warming.ts'

/** Who is asked. */
type Step = 'pool' | 'again' | 'replica' | 'failover' | 'copy' | 'forgotten'

export class Detour {
  readonly slot: Slot
  readonly target: Target
  readonly request: KeptRequest
  #firstFailure: FailureCode | undefined = undefined
  /** The pool's reply that is a miss, while others are asked. */
  #miss: Reply | undefined = undefined
  #isAnswered = false
  /** Of a write that was sent to both pools: the replica's reply, or failure, came first. */
  #replicaReply: Reply | undefined = undefined
  #hasReplicaFailed = false
  #asksBoth = false

  private constructor(slot: Slot, target: Target, request: KeptRequest) {
    this.slot = slot
    this.target = target
    this.request = request
  }

  static start(slot: Slot, target: Target, request: KeptRequest): void {
    const detour = new Detour(slot, target, request)
    if (request.isRead) detour.ask('pool', target.pool)
    else detour.#write()
  }

  /** Asks the owner in `pool`; an answer comes to `onReply` or `onFailure`, perhaps before this returns. */
  ask(step: Step, pool: Pool): void {
    const { request, slot } = this
    const server = pool.ownerOf(request.key, 0, request.key.length)
    const isModern = server >= 0 && pool.isModern(server)
    const leg = new Leg(this, step, request.expect(isModern))
    const out = pool.begin(server, leg, slot.client!.number)
    if (out === undefined) this.onFailure(step, pool.refusal)
    else request.write(out, isModern)
  }

  onReply(step: Step, reply: Reply): void {
    if (step === 'forgotten') return
    if (!this.request.isRead) this.#onWritten(step, reply)
    else if (isMiss(reply)) this.#onMiss(step, reply)
    else this.#answer(step, reply)
  }

  onFailure(step: Step, failure: FailureCode): void {
    if (step === 'forgotten') return
    if (this.request.isRead) this.#onReadFailure(step, failure)
    else this.#onWriteFailure(step, failure)
  }

  /** The old pool had nothing to copy, or it came too late. */
  answerMiss(): void {
    this.#answer('pool', this.#miss!)
  }

  #onMiss(step: Step, reply: Reply): void {
    const { target, request } = this
    if (step !== 'pool') {
      this.#answer(step, this.#miss ?? reply)
      return
    }
    const isOut = target.failover !== undefined && target.isOwnerOut(request.key, 0, request.key.length)
    if (!isOut && target.old === undefined) {
      this.#answer(step, reply)
      return
    }
    this.#miss = keep(reply)
    if (isOut) this.ask('failover', target.failover)
    else Warming.start(this, target.old!)
  }

  #onReadFailure(step: Step, failure: FailureCode): void {
    const { target } = this
    this.#firstFailure ??= failure
    if (this.#miss !== undefined) this.answerMiss()
    else if (step === 'pool' && target.replica !== undefined) this.ask('replica', target.replica)
    else if (step !== 'failover' && step !== 'again' && target.failover !== undefined)
      this.ask('failover', target.failover)
    else this.#fail()
  }

  #write(): void {
    const { replica, pool } = this.target
    if (replica === undefined || this.request.comparesCas) {
      this.ask('pool', pool)
      return
    }
    this.#asksBoth = true
    this.ask('pool', pool)
    this.ask('replica', replica)
  }

  #onWritten(step: Step, reply: Reply): void {
    if (step === 'replica') {
      if (!this.#asksBoth || this.#firstFailure !== undefined) this.#answer(step, reply)
      else if (!this.#isAnswered) this.#replicaReply = keep(reply)
      return
    }
    const { replica, old } = this.target
    const isYes = reply.code !== Code.error && !isRefusal(reply.code)
    if (isYes && replica !== undefined && this.request.comparesCas) this.#copyTo(replica)
    if (old !== undefined && (this.request.isDelete || (isYes && this.request.command !== Command.touch)))
      this.#deleteFrom(old)
    this.#answer(step, reply)
  }

  #onWriteFailure(step: Step, failure: FailureCode): void {
    const { replica, old } = this.target
    if (step === 'replica') {
      this.#hasReplicaFailed = true
      if (this.#firstFailure !== undefined) this.#fail()
      return
    }
    this.#firstFailure = failure
    if (old !== undefined && this.request.isDelete) this.#deleteFrom(old)
    if (replica === undefined || this.#hasReplicaFailed) this.#fail()
    else if (this.#replicaReply !== undefined) this.#answer('replica', this.#replicaReply)
    else if (!this.#asksBoth) this.#compareIn(replica)
  }

  /** The pool fails: what depends on a cas id may be done by the replica if the id is one of its own. */
  #compareIn(replica: Pool): void {
    const { request } = this
    const id = unmarked(request.casId, Mark.replica)
    if (id === undefined) {
      this.#fail()
      return
    }
    const server = replica.ownerOf(request.key, 0, request.key.length)
    const leg = new Leg(this, 'replica', request.command >= Command.mg ? Expect.meta : Expect.line)
    const out = replica.begin(server, leg, this.slot.client!.number)
    if (out === undefined) this.onFailure('replica', replica.refusal)
    else request.writeWithId(out, id)
  }

  /** What the pool has accepted under a cas id goes to the replica without one. */
  #copyTo(replica: Pool): void {
    const { request } = this
    const server = replica.ownerOf(request.key, 0, request.key.length)
    const leg = new Leg(this, 'forgotten', request.command >= Command.mg ? Expect.meta : Expect.line)
    const out = replica.begin(server, leg, this.slot.client!.number)
    if (out !== undefined) request.writeUnconditional(out)
  }

  /** What is changed in the new pool must not come back from the old one. */
  #deleteFrom(old: Pool): void {
    const { request } = this
    const server = old.ownerOf(request.key, 0, request.key.length)
    const leg = new Leg(this, 'forgotten', request.deleteExpects)
    const out = old.begin(server, leg, this.slot.client!.number)
    if (out !== undefined) request.writeDelete(out)
  }

  #answer(step: Step, reply: Reply): void {
    if (this.#isAnswered) return
    this.#isAnswered = true
    const { tallies } = this.slot.client!.proxy
    if (step === 'failover') {
      tallies[Tally.failedOver]! += 1
      this.slot.onReply(withMarkedId(reply, Mark.failover))
    } else if (step === 'replica') {
      tallies[Tally.byReplica]! += 1
      this.slot.onReply(withMarkedId(reply, Mark.replica))
    } else {
      this.slot.onReply(reply)
    }
  }

  #fail(): void {
    if (this.#isAnswered) return
    this.#isAnswered = true
    this.slot.onFailure(this.#firstFailure!)
  }
}

/** One question of a detour. */
class Leg extends ServerRequest {
  readonly #detour: Detour
  readonly #step: Step

  constructor(detour: Detour, step: Step, expect: number) {
    super(expect)
    this.#detour = detour
    this.#step = step
  }

  override onReply(reply: Reply): void {
    this.#detour.onReply(this.#step, reply)
  }

  override onFailure(failure: FailureCode): void {
    this.#detour.onFailure(this.#step, failure)
  }
}

function isMiss(reply: Reply): boolean {
  return reply.code === Code.en || (reply.code === Code.values && reply.end - reply.start === endOfValues.length)
}

/** Nothing was changed. */
function isRefusal(code: number): boolean {
  return code === Code.nf || code === Code.ns || code === Code.ex || code === Code.en
}

/** A copy that outlives the call; misses and the replies to writes are short. */
function keep(reply: Reply): Reply {
  const copy = new Reply(Buffer.from(reply.bytes.subarray(reply.start, reply.end)))
  copy.code = reply.code
  copy.end = copy.bytes.length
  copy.lineEnd = reply.lineEnd - reply.start
  copy.dataStart = reply.dataStart - reply.start
  copy.dataEnd = reply.dataEnd - reply.start
  return copy
}
