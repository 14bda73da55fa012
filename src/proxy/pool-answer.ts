/**
 * A hit of a cache that keeps objects in the pool alone (`tier memcached` without `tier memory`): the client is answered
 * from the bytes of the pool's reply, which are copied once, into the write to its socket.
 *
 *     look-up --fresh, whole, small-----------> answered
 *             --anything else-----------------> the way of all misses: what is large, stale, varies or is absent goes
 *                                               through the working memory, where one fetch or look-up serves all who wait
 *
 * Requests for ranges take that way at once, as they may want pieces of something large.
 */
import type { RequestDirectives } from '../cache/policy/cache-control.ts'
import { hitStatus } from '../cache/policy/cache-status.ts'
import { isNotModified, notModifiedFields } from '../cache/policy/conditional.ts'
import { FlatFacts } from '../cache/policy/flat-facts.ts'
import { decodeMeta, remainingMs, StoredMeta } from '../cache/policy/meta.ts'
import { decideReuse, Reuse } from '../cache/policy/reuse.ts'
import { Verdict } from '../cache/purge/purge-log.ts'
import { type Entry, EntryKind } from '../cache/tiers/pool/entry.ts'
import { EntryRead, type NoEntry } from '../cache/tiers/pool/pool-tier.ts'
import { F } from '../http/fields.ts'
import type { RequestHead } from '../http/request-head.ts'
import { C } from '../log/counters.ts'
import { clock } from '../util/clock.ts'
import { connectionLine } from './answer.ts'
import { cacheStatusLine } from './cache-status-line.ts'
import type { Client } from './client.ts'
import { behindLength, conditionsOf, edited, isConditional } from './deliver.ts'
import { Exchange } from './exchange.ts'
import { fieldLines, parseFieldLines } from './facts.ts'
import { finish, Outcome } from './finish.ts'
import type { RequestContext } from './request-context.ts'
import type { RouteCache } from './route-runtime.ts'
import type { SharedTier } from './shared-tier.ts'
import { responsePrefix } from './stored.ts'

const outcome = new Outcome()
/** Of the entry that is being answered from. */
const meta = new StoredMeta()

/** What is done where the pool does not answer the request. `why`: that it has nothing, or failed. */
export type GoOn = (answer: PoolAnswer, why: NoEntry) => void

export class PoolAnswer extends Exchange {
  readonly cache: RouteCache
  readonly directives: RequestDirectives | undefined
  /** Under which it was looked for. */
  readonly key: string
  readonly #shared: SharedTier
  readonly #goOn: GoOn
  #isGone = false

  constructor(
    client: Client,
    context: RequestContext,
    search: { readonly cache: RouteCache; readonly shared: SharedTier; readonly key: string },
    directives: RequestDirectives | undefined,
    goOn: GoOn,
  ) {
    super(client, context)
    this.cache = search.cache
    this.directives = directives
    this.key = search.key
    this.#shared = search.shared
    this.#goOn = goOn
  }

  /** Whether a request for something that is not in memory can be answered so. */
  static suits(head: RequestHead, cache: RouteCache): boolean {
    const { shared, plan } = cache.cache
    return plan.isPoolOnly && shared !== undefined && shared.fleetNumber !== 0 && !head.has(F.range)
  }

  start(): void {
    const { entries } = this.#shared
    if (!entries.read(new AnswerRead(this, entries, this.key))) this.#goOn(this, 'failed')
  }

  onEntry(entry: Entry): void {
    if (this.#isGone) return
    try {
      if (this.#isFresh(entry)) this.#send(entry)
      else this.#goOn(this, 'unusable')
    } catch (error) {
      this.#fault(error)
    }
  }

  onNoEntry(why: NoEntry): void {
    if (this.#isGone) return
    try {
      this.#goOn(this, why)
    } catch (error) {
      this.#fault(error)
    }
  }

  #fault(error: unknown): void {
    this.context.worker.logFault(error)
    this.client.abort()
  }

  override onClientGone(): void {
    this.#isGone = true
    this.context.worker.counters.add(C.clientAborts, 1)
  }

  #isFresh(entry: Entry): boolean {
    if (entry.kind !== EntryKind.response || entry.segments !== 0) return false
    const verdict = this.#shared.verdict(this.key, entry)
    if (verdict === Verdict.gone) return false
    decodeMeta(entry.meta, meta)
    if (this.cache.cache.wasRemoved(this.key, entry.labels, meta.responseMs)) return false
    return decideReuse(meta, verdict === Verdict.stale, this.directives, clock.nowMs) === Reuse.fresh
  }

  #send(entry: Entry): void {
    const { client, context } = this
    const { head, route } = context
    const { nowMs } = clock
    const statusLine = cacheStatusLine(route, hitStatus(remainingMs(meta, nowMs), 'memcached'), this.key)
    const prefix = responsePrefix(meta, entry.bodyBytes, nowMs, statusLine)
    if (head.method !== 'GET' || isConditional(head) || !route.responseEdits.isEmpty) {
      this.#sendEdited(entry, prefix)
      return
    }
    const text = prefix + connectionLine(client)
    client.writePrefixAndCopy(text, entry)
    this.#end(meta.status, text.length + entry.end - entry.headStart)
  }

  #sendEdited(entry: Entry, prefix: string): void {
    const { client, context } = this
    const { head } = context
    const { status } = meta
    const fields = parseFieldLines(entry.text)
    const tail = connectionLine(client)
    const etag = new FlatFacts(status, fields).header('etag')
    if (isConditional(head) && isNotModified(conditionsOf(head), etag, meta, clock.nowMs)) {
      const kept = edited(this.context, notModifiedFields(fields), 304, 'hit')
      const text = `HTTP/1.1 304 Not Modified\r\n${behindLength(prefix)}${tail}${fieldLines(kept)}\r\n`
      client.writeText(text)
      this.#end(304, text.length)
      return
    }
    const text = `${prefix}${tail}${fieldLines(edited(this.context, fields, status, 'hit'))}\r\n`
    const bodyEnd = head.method === 'HEAD' ? entry.bodyStart : entry.end
    client.writeHeadAndCopy(text, entry.bytes, entry.bodyStart, bodyEnd)
    this.#end(status, text.length + bodyEnd - entry.bodyStart)
  }

  #end(status: number, bytes: number): void {
    const { client, context } = this
    outcome.status = status
    outcome.bytes = bytes
    outcome.word = 'hit'
    outcome.reason = 'memcached'
    finish(client, context.head, context.route, outcome)
    client.endAnswer()
  }
}

class AnswerRead extends EntryRead {
  readonly #answer: PoolAnswer

  constructor(answer: PoolAnswer, entries: SharedTier['entries'], key: string) {
    super(entries, key)
    this.#answer = answer
  }

  override onEntry(entry: Entry): void {
    this.#answer.onEntry(entry)
  }

  override onNoEntry(why: NoEntry): void {
    this.#answer.onNoEntry(why)
  }
}
