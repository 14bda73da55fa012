/**
 * The answer to a POST that says of itself that a GET of the same URI would give it too (RFC 9110 §9.3.3): stored for those
 * GETs while it is passed on to the one that asked. Whoever waits for the object meanwhile reads along, or, when it comes to
 * nothing, asks the origin himself.
 */
import { GetRequest } from '../cache/policy/get-request.ts'
import type { FillWriter } from '../cache/tiers/fill-writer.ts'
import { F } from '../http/fields.ts'
import type { ResponseHead } from '../http/response-head.ts'
import { C } from '../log/counters.ts'
import { type Reason, reasonNumber } from '../log/reasons.ts'
import { clock } from '../util/clock.ts'
import { judgeResponse } from './judge-response.ts'
import { labelsFor } from './object-labels.ts'
import type { RequestContext } from './request-context.ts'
import { storedHeadBytes } from './response-out.ts'
import { SentFacts } from './sent-facts.ts'
import { responseCells } from './stored.ts'

export class PostFill {
  readonly #context: RequestContext
  readonly #writer: FillWriter
  readonly #maxBytes: number

  private constructor(context: RequestContext, writer: FillWriter, maxBytes: number) {
    this.#context = context
    this.#writer = writer
    this.#maxBytes = maxBytes
  }

  /**
   * Begins to store the answer `head` to a POST sent at `requestMs`; undefined where it may not or cannot be stored. What was
   * stored for the URI before must have been removed (RFC 9111 §4.4), and nothing been purged since the POST was sent.
   */
  static open(context: RequestContext, head: ResponseHead, requestMs: number): PostFill | undefined {
    const { route, facts } = context
    const { cache } = route
    if (cache === undefined || !head.has(F.contentLocation) || cache.isBypassed(facts)) return undefined
    const get = new GetRequest(facts)
    // A GET that takes another route has other rules and perhaps another cache.
    if (context.runtime.table.find(context.listenerName, get)?.user !== route) return undefined
    const { decision, fields } = judgeResponse(head, {
      view: context,
      sent: new SentFacts(facts, route, context),
      cache,
      times: { requestMs, responseMs: clock.nowMs },
      random: Math.random(),
    })
    // Variants are chosen by fields of a GET, and a POST may well have others.
    if (!decision.store || decision.vary.names.length > 0) return undefined
    const { tier, purges } = cache.cache
    const key = cache.keyOf(new SentFacts(get, route, context), get)
    const { minUses } = cache.settings
    if (minUses > 1 && tier.countUse(key) < minUses) return undefined
    const ticket = purges.beginFetch()
    const writer = tier.lead(key, ticket)
    if (writer === undefined) {
      ticket.drop()
      return undefined
    }
    const cells = responseCells(decision.meta, ticket.number)
    const bytes = storedHeadBytes(fields, decision.withheldFields)
    if (!writer.start(cells, bytes, head.bodyBytes, labelsFor(writer.key, fields, cache, context))) {
      writer.decline(reasonNumber('no-space'))
      return undefined
    }
    context.worker.counters.add(C.fills, 1)
    return new PostFill(context, writer, cache.settings.maxObjectBytes)
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
  }

  /** `reason`: why it is not kept. */
  giveUp(reason: Reason): void {
    this.#context.worker.counters.add(C.fillsFailed, 1)
    this.#writer.decline(reasonNumber(reason))
  }
}
