/**
 * The wait of one request for another request's fetch, until the head of what that brings tells what to do:
 *
 *     queue --full-------------------------> onPass
 *       | follows
 *     waiting --may answer the request-----> onJoined
 *             --may not, or time is over---> onPass
 *             --brought nothing to share, or something else to look for--> onLookAgain
 *             --failed---------------------> onFetchFailed
 *
 * Each of these ends it; it may begin again, within the same time.
 */
import type { RequestDirectives } from '../cache/policy/cache-control.ts'
import { decodeMeta } from '../cache/policy/meta.ts'
import { decideReuse, isServed, reuseReasons } from '../cache/policy/reuse.ts'
import type { FillReader } from '../cache/tiers/fill-reader.ts'
import { type Reason, reasonOf } from '../log/reasons.ts'
import { TimerEntry } from '../net/timer-wheel.ts'
import { clock } from '../util/clock.ts'
import { selectOfFill } from './fill-answer.ts'
import type { RequestContext } from './request-context.ts'
import type { RouteCache } from './route-runtime.ts'
import { isMarker } from './stored.ts'
import { fillSurvivesPurges } from './survives-purges.ts'

/** The request that waits. */
export interface FillWaiter {
  readonly context: RequestContext
  /** What is being stored may answer. The reader passes to the waiter. */
  onJoined(reader: FillReader): void
  /** The store may hold the answer by now, or nobody fetches it any more. */
  onLookAgain(): void
  /** The request has to go to the origin by itself. */
  onPass(reason: Reason): void
  /** `cause`: see `failure-cause.ts`. */
  onFetchFailed(cause: number): void
  /** Does `action` in a turn of its own; a fault in it is dealt with. */
  guard(action: () => void): void
}

export class FillWait extends TimerEntry {
  readonly #waiter: FillWaiter
  readonly #cache: RouteCache
  readonly #directives: RequestDirectives | undefined
  /** The key whose queue it stands in; undefined: none. */
  #queuedFor: string | undefined = undefined
  #reader: FillReader | undefined = undefined

  constructor(waiter: FillWaiter, cache: RouteCache, directives: RequestDirectives | undefined) {
    super()
    this.#waiter = waiter
    this.#cache = cache
    this.#directives = directives
  }

  /** Waits for what is fetched under `key`. */
  begin(key: string): void {
    const { cache, settings } = this.#cache
    const { waiters, waitMs } = settings.collapse
    if (!cache.joinQueue(key, waiters)) {
      this.#pass('collapse-full')
      return
    }
    this.#queuedFor = key
    this.#reader = cache.tier.follow(key)
    if (this.#reader === undefined) {
      this.#lookAgain()
      return
    }
    if (!this.isScheduled) this.#waiter.context.worker.wheel.schedule(this, clock.monotonicMs + waitMs)
    this.#look(this.#reader)
  }

  /** Nothing is called any more until it begins again, and then with all the time it may take. */
  end(): void {
    this.#leave()
    this.#waiter.context.worker.wheel.cancel(this)
  }

  /** The fetch it follows takes too long (called by the timer wheel). */
  override onTimeout(): void {
    this.#pass('collapse-timeout')
  }

  /** Leaves the queue and the reader; time goes on. */
  #leave(): void {
    this.#reader?.close()
    this.#reader = undefined
    if (this.#queuedFor !== undefined) this.#cache.cache.leaveQueue(this.#queuedFor)
    this.#queuedFor = undefined
  }

  #await(reader: FillReader): void {
    reader.onChange(() =>
      this.#waiter.guard(() => {
        clock.update()
        this.#look(reader)
      }),
    )
  }

  /** What the fetch has come to. */
  #look(reader: FillReader): void {
    const { context } = this.#waiter
    if (!fillSurvivesPurges(this.#cache, reader, context.key, context.facts)) {
      reader.disown()
      this.#lookAgain()
      return
    }
    switch (reader.state) {
      case 'pending':
        this.#await(reader)
        break
      case 'streaming':
      case 'complete':
        if (isMarker(reader.meta)) this.#lookAgain()
        else this.#join(reader)
        break
      case 'declined':
        this.#onRefused(reasonOf(reader.cause))
        break
      case 'left':
        this.#lookAgain()
        break
      case 'aborted':
        // A beginning may have been kept, to be completed.
        if (reader.available > 0 && decodeMeta(reader.meta).status === 206) this.#lookAgain()
        else this.#fail(reader.cause)
    }
  }

  /** RFC 9111 §4: one response may answer all who waited, if each may be answered from the cache. */
  #join(reader: FillReader): void {
    const meta = decodeMeta(reader.meta)
    if (meta.status === 206 && selectOfFill(this.#waiter.context.facts, reader).kind === 'missing') {
      // A part is coming, of which the request may want more: once it is stored, only the rest need be fetched.
      if (reader.state === 'streaming') this.#await(reader)
      else this.#lookAgain()
      return
    }
    const reuse = decideReuse(meta, false, this.#directives, clock.nowMs)
    if (!isServed(reuse)) {
      this.#pass(reuseReasons[reuse]!)
      return
    }
    this.#reader = undefined
    this.end()
    this.#waiter.onJoined(reader)
  }

  /** What the fetch brought cannot be shared. */
  #onRefused(reason: Reason): void {
    // RFC 9111 §3.5: for the sake of that request's credentials. Without any the response may be one for all.
    const { context } = this.#waiter
    if (reason === 'authorization' && context.facts.header('authorization') === undefined) {
      this.#lookAgain()
      return
    }
    context.refusal = reason
    this.#pass('hit-for-miss')
  }

  #lookAgain(): void {
    this.#leave()
    this.#waiter.onLookAgain()
  }

  #pass(reason: Reason): void {
    this.end()
    this.#waiter.onPass(reason)
  }

  #fail(cause: number): void {
    this.end()
    this.#waiter.onFetchFailed(cause)
  }
}

/** A reader of a running fetch under `key` that has come to the bytes the request wants; undefined: there is none. */
export function followToRange(
  cache: RouteCache,
  key: string,
  { facts }: RequestContext,
  directives: RequestDirectives | undefined,
): FillReader | undefined {
  if (!cache.settings.collapse.enabled) return undefined
  const reader = cache.cache.tier.follow(key)
  if (reader === undefined) return undefined
  const isCurrent = fillSurvivesPurges(cache, reader, key, facts)
  const isStreaming = isCurrent && reader.state === 'streaming' && !isMarker(reader.meta)
  const selection = isStreaming ? selectOfFill(facts, reader) : undefined
  const isThere =
    selection?.kind === 'ranges' &&
    selection.ranges[0]!.first - decodeMeta(reader.meta).partFirst <= reader.available &&
    isServed(decideReuse(decodeMeta(reader.meta), false, directives, clock.nowMs))
  if (isThere) return reader
  reader.close()
  return undefined
}
