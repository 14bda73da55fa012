/**
 * The answer to a POST that says of itself that a GET of the same URI would give it too (RFC 9110 §9.3.3): stored for those
 * GETs while it is passed on to the one that asked. Whoever waits for the object meanwhile reads along, or, when it comes to
 * nothing, asks the origin himself. It comes to nothing when the client that posted is slower than the origin: the origin is
 * then held back, and whoever reads along would be too.
 */
import { GetRequest } from '../cache/policy/get-request.ts'
import type { FillWriter } from '../cache/tiers/fill-writer.ts'
import { F } from '../http/fields.ts'
import type { ResponseHead } from '../http/response-head.ts'
import { C } from '../log/counters.ts'
import { type Reason, reasonNumber } from '../log/reasons.ts'
import type { RouteTable } from '../routing/table.ts'
import { clock } from '../util/clock.ts'
import { type Judged, type Judgement, judgeResponse } from './judge-response.ts'
import { noWay, shareStored } from './pool-write.ts'
import type { RequestContext } from './request-context.ts'
import type { RouteCache } from './route-runtime.ts'
import type { CacheRuntime } from './runtime.ts'
import { SentFacts } from './sent-facts.ts'
import { frontOf } from './stored-front.ts'

/** Who posted, where a GET of the same URI would be looked up, and when. */
export interface PostJudgement extends Pick<Judgement, 'view' | 'times' | 'random'> {
  readonly table: RouteTable
  readonly listenerName: string
}

/** Whether the answer to a POST may be stored for GETs, and as what; undefined: it may not. */
export function judgePost(head: ResponseHead, judgement: PostJudgement): Judged | undefined {
  const { view, table, listenerName, times, random } = judgement
  const { route, facts } = view
  const { cache } = route
  if (cache === undefined || !head.has(F.contentLocation) || cache.isBypassed(facts)) return undefined
  // A GET that takes another route has other rules and perhaps another cache.
  if (table.find(listenerName, new GetRequest(facts))?.user !== route) return undefined
  const judged = judgeResponse(head, { view, sent: new SentFacts(facts, route, view), cache, times, random })
  // Variants are chosen by fields of a GET, and a POST may well have others.
  return judged.decision.store && judged.decision.vary.names.length === 0 ? judged : undefined
}

/** The answer came with the removal of what was there, and must not count as removed by it. */
const AFTER_REMOVAL_MS = 1

export class PostFill {
  readonly #context: RequestContext
  readonly #writer: FillWriter
  readonly #maxBytes: number
  readonly #cache: CacheRuntime
  readonly #fleetNumber: number

  private constructor(context: RequestContext, writer: FillWriter, cache: RouteCache, fleetNumber: number) {
    this.#context = context
    this.#writer = writer
    this.#maxBytes = cache.settings.maxObjectBytes
    this.#cache = cache.cache
    this.#fleetNumber = fleetNumber
  }

  /**
   * Begins to store the answer `head` to a POST sent at `requestMs`; undefined where it may not or cannot be stored. What was
   * stored for the URI before must have been removed (RFC 9111 §4.4). `sequence`: the purge log's as it is if nobody else
   * has purged anything since the POST came; else the answer is not stored, since it may be older than what was purged.
   */
  static open(context: RequestContext, head: ResponseHead, requestMs: number, sequence: number): PostFill | undefined {
    const { route, facts, runtime, listenerName } = context
    const { cache } = route
    const times = { requestMs, responseMs: clock.nowMs + AFTER_REMOVAL_MS }
    const { table } = runtime
    const judged = judgePost(head, { view: context, table, listenerName, times, random: Math.random() })
    if (cache === undefined || judged === undefined) return undefined
    const get = new GetRequest(facts)
    const { tier, purges } = cache.cache
    const key = cache.keyOf(new SentFacts(get, route, context), get)
    const { minUses } = cache.settings
    if (minUses > 1 && tier.countUse(key) < minUses) return undefined
    const ticket = purges.beginFetch()
    const fleetNumber = cache.cache.shared?.fleetNumber ?? 0
    const writer = ticket.mark === sequence ? tier.lead(key, ticket) : undefined
    if (writer === undefined) {
      ticket.drop()
      return undefined
    }
    const { meta, head: headBytes, labels } = frontOf(key, judged, cache, context, ticket.number)
    if (!writer.start(meta, headBytes, head.bodyBytes, labels)) {
      writer.decline(reasonNumber('no-space'))
      return undefined
    }
    context.worker.counters.add(C.fills, 1)
    return new PostFill(context, writer, cache, fleetNumber)
  }

  /** Copies bytes[start, end). False: it outgrew the store and was given up. */
  write(bytes: Buffer, start: number, end: number): boolean {
    const isTooLarge = this.#writer.written + end - start > this.#maxBytes
    if (!isTooLarge && this.#writer.write(bytes, start, end)) return true
    this.giveUp('too-large')
    return false
  }

  complete(): void {
    this.#writer.complete()
    shareStored(this.#cache, this.#writer.key, this.#fleetNumber, noWay, () => {})
  }

  /** `reason`: why it is not kept. */
  giveUp(reason: Reason): void {
    this.#context.worker.counters.add(C.fillsFailed, 1)
    this.#writer.decline(reasonNumber(reason))
  }
}
