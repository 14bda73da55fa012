/**
 * A fetch asks the pool before the origin. What the pool has goes into memory, into the fill that the fetch has claimed, and
 * everybody who waits for it looks there again; so a fleet's copy is asked for once per machine and object, however many
 * want it, and from then on is an object like others: fresh, stale, or purged.
 *
 *     one round trip    the response; where a marker leads to it, the marker and the link of the preferred language, too
 *       --response------------> into memory ----------------------------------------------> look again
 *       --another marker------> in place of ours; the variants of the fleet are under it --> look again
 *       --a link--------------> its response, in a second round trip, and the link --------> look again
 *       --nothing, no answer--> the origin
 *
 * Two nodes that meet a varying response at once make a marker each; the pool keeps the later one, and asking for it with
 * every variant that is missing brings all nodes to that one.
 *
 * What does not fit memory, is damaged, not newer than what is here or than its removal here, or gone by a purge counts as
 * nothing.
 */

import { PURGE_CELL } from '../cache/purge/layout.ts'
import { Verdict } from '../cache/purge/purge-log.ts'
import type { FillWriter } from '../cache/tiers/fill-writer.ts'
import { META_CELLS } from '../cache/tiers/memory-tier.ts'
import { type Entry, EntryKind } from '../cache/tiers/pool/entry.ts'
import { EntryRead, type NoEntry } from '../cache/tiers/pool/pool-tier.ts'
import { type Reason, reasons } from '../log/reasons.ts'
import { clock } from '../util/clock.ts'
import type { FetchFills } from './fetch-fills.ts'
import { writeLink } from './language-link.ts'
import type { RequestContext } from './request-context.ts'
import type { RouteCache } from './route-runtime.ts'
import type { SharedTier } from './shared-tier.ts'
import { fromPool, markerCells } from './stored.ts'

/** `responseMs` among the numbers of a response. */
const RESPONSE_MS_CELL = 1
/**
 * How long a response stays in the working memory of a cache that keeps objects in the pool alone: all who waited for it have
 * it by then, and who comes later is to see what has become of it in the pool.
 */
const WORKING_MS = 1000

/** What is looked for, as `findStored` and the fetch know it. */
export interface PoolQuestion {
  readonly context: RequestContext
  readonly cache: RouteCache
  readonly shared: SharedTier
  /** Claimed by the fetch. They have ended when `onPoolFilled` or `onPoolRefused` is called. */
  readonly fills: FetchFills
  readonly key: string
  readonly primaryKey: string
  readonly varyNames: string
  /** 0: no marker is known. */
  readonly markerId: number
  /** Of the language that the client prefers; empty: none. */
  readonly linkKey: string
  /** Only what is newer is of use; 0: anything. */
  readonly newerThanMs: number
  /** With a lease of so many seconds, where nothing lies; 0: without. */
  readonly leaseSec: number
  /** Told what was thrown while the pool was listened to: nothing else will come. */
  readonly onFault: (error: unknown) => void
}

/** Exactly one is called, once, perhaps from within `start`; or `onFault` of the question. */
export interface PoolSink {
  onPoolMiss(lease: LeaseOutcome): void
  onPoolFilled(): void
  /** Responses to the key cannot be shared, as another node has just seen. */
  onPoolRefused(reason: Reason): void
}

/** How the lease went: won, or another node's, or none, as something lies there; or nobody answers. */
export type LeaseOutcome = 'won' | 'taken' | 'none' | 'failed'

type Role = 'answer' | 'marker' | 'link' | 'target'

export class PoolLookup {
  readonly #question: PoolQuestion
  readonly #sink: PoolSink
  /** Reads that have not been answered. */
  #open = 0
  #isOver = false
  #lease: LeaseOutcome = 'none'
  /** Of the pool, where it is another than ours. */
  #marker: { readonly id: number; readonly names: string } | undefined = undefined
  /** The key of the response that the link leads to; empty: no link. */
  #target = ''
  #hasAskedTarget = false

  constructor(question: PoolQuestion, sink: PoolSink) {
    this.#question = question
    this.#sink = sink
  }

  start(): void {
    const { key, primaryKey, markerId, linkKey, leaseSec } = this.#question
    this.#ask('answer', key, leaseSec)
    if (markerId !== 0) this.#ask('marker', primaryKey)
    if (linkKey !== '') this.#ask('link', linkKey)
    if (this.#open === 0) this.#conclude()
  }

  #ask(role: Role, key: string, leaseSec = 0): void {
    const { entries } = this.#question.shared
    const read = new LookupRead(this, role, entries, key)
    this.#open++
    if (leaseSec === 0 ? entries.read(read) : entries.readOrLead(read, leaseSec)) return
    this.#open--
    this.#onNothing(role, 'failed')
  }

  onEntry(role: Role, entry: Entry): void {
    this.#answered(() => {
      if (role === 'answer') this.#onAnswer(entry)
      else if (role === 'marker') this.#onMarker(entry)
      else if (role === 'link') this.#target = entry.kind === EntryKind.link ? entry.text : ''
      else this.#onTarget(entry)
    })
  }

  onNoEntry(role: Role, why: NoEntry): void {
    this.#answered(() => this.#onNothing(role, why))
  }

  #answered(action: () => void): void {
    this.#open--
    if (this.#isOver) return
    clock.update()
    try {
      action()
      if (this.#open === 0 && !this.#isOver) this.#conclude()
    } catch (error) {
      this.#isOver = true
      this.#question.onFault(error)
    }
  }

  #onNothing(role: Role, why: NoEntry): void {
    if (role !== 'answer') return
    if (why === 'won' || why === 'taken' || why === 'failed') this.#lease = why
  }

  #onAnswer(entry: Entry): void {
    const { key, primaryKey, fills } = this.#question
    if (entry.kind === EntryKind.response) this.#take(fills.writer, key, entry)
    else if (entry.kind === EntryKind.marker && key === primaryKey)
      this.#keepMarker(fills.writer, entry.markerId, entry.text)
    else if (entry.kind === EntryKind.refusal) this.#refuse(entry.text)
  }

  #onMarker({ kind, markerId, text }: Entry): void {
    const question = this.#question
    const isOurs = markerId === question.markerId && text === question.varyNames
    if (kind === EntryKind.marker && !isOurs) this.#marker = { id: markerId, names: text }
  }

  #onTarget(entry: Entry): void {
    const { cache, fills, linkKey } = this.#question
    const { tier } = cache.cache
    if (entry.kind !== EntryKind.response) return
    const target = this.#target
    const writer = tier.lead(target, fills.ticket)
    if (writer === undefined) {
      // Somebody brings it; with the link it will be found.
      writeLink(tier, linkKey, target)
      this.#filled()
      return
    }
    let isTaken = false
    try {
      isTaken = this.#take(writer, target, entry, linkKey)
    } finally {
      if (!isTaken) writer.leave()
    }
  }

  /** All reads are answered, and none with what ends the look-up. */
  #conclude(): void {
    const { cache, primaryKey, fills } = this.#question
    const { tier } = cache.cache
    if (this.#marker !== undefined) {
      const { id, names } = this.#marker
      tier.remove(primaryKey)
      const writer = tier.lead(primaryKey, fills.ticket)
      if (writer === undefined) this.#filled()
      else this.#keepMarker(writer, id, names)
    } else if (this.#target !== '' && !this.#hasAskedTarget) {
      this.#hasAskedTarget = true
      this.#ask('target', this.#target)
      if (this.#open === 0) this.#miss()
    } else this.#miss()
  }

  /** Puts a response into memory, and a link that leads to it; `linkKey` empty: none. False: it is of no use. */
  #take(writer: FillWriter, key: string, entry: Entry, linkKey = ''): boolean {
    const { cache, shared, fills, newerThanMs } = this.#question
    const responseMs = entry.meta[RESPONSE_MS_CELL]!
    if (entry.bodyBytes > cache.settings.maxObjectBytes || responseMs <= newerThanMs) return false
    if (cache.cache.wasRemoved(key, entry.labels, responseMs)) return false
    const verdict = shared.verdict(key, entry)
    if (verdict === Verdict.gone) return false
    const cells = new Float64Array(META_CELLS)
    cells.set(entry.meta)
    cells[PURGE_CELL] = fills.ticket.number
    const labels = Buffer.from(entry.labels, 'latin1')
    if (!writer.startHidden(fromPool(cells), entry.head, entry.bodyBytes, labels)) return false
    const end = (isWhole: boolean): void => {
      // Whoever waits looks again as soon as the fill has ended.
      if (isWhole && linkKey !== '') writeLink(cache.cache.tier, linkKey, key)
      this.#endTake(writer, key, isWhole, verdict === Verdict.stale)
    }
    if (entry.segments === 0) end(writer.write(entry.bytes, entry.bodyStart, entry.end))
    else this.#takeSegments(writer, key, entry, end)
    return true
  }

  #takeSegments(writer: FillWriter, key: string, entry: Entry, end: (isWhole: boolean) => void): void {
    const { entries } = this.#question.shared
    this.#isOver = true // whatever else is answered
    entries.readBody(entry, {
      onSegment: (bytes, start, stop) => {
        if (this.#hasRoom(writer, bytes, start, stop)) return true
        end(false)
        return false
      },
      onBody: (outcome) => {
        clock.update()
        try {
          // Nobody is to find it again: it cannot be completed.
          if (outcome === 'broken') entries.remove(key)
          end(outcome === 'whole')
        } catch (error) {
          writer.leave()
          this.#question.onFault(error)
        }
      },
    })
  }

  /** A fault of ours must not leave the fill open, for which others wait. */
  #hasRoom(writer: FillWriter, bytes: Buffer, start: number, end: number): boolean {
    try {
      return writer.write(bytes, start, end)
    } catch (error) {
      this.#question.context.worker.logFault(error)
      return false
    }
  }

  #endTake(writer: FillWriter, key: string, isWhole: boolean, isStale: boolean): void {
    const { tier, plan } = this.#question.cache.cache
    if (isWhole) writer.keep()
    else writer.leave()
    const object = isWhole && (isStale || plan.isPoolOnly) ? tier.find(key) : undefined
    if (object !== undefined && isStale) tier.expire(object)
    if (object !== undefined && plan.isPoolOnly) setTimeout(() => tier.discard(object), WORKING_MS).unref()
    this.#filled()
  }

  #keepMarker(writer: FillWriter, id: number, names: string): void {
    if (writer.startHidden(markerCells(id), Buffer.from(names, 'latin1'), 0, Buffer.alloc(0))) writer.keep()
    else writer.leave()
    this.#filled()
  }

  #refuse(text: string): void {
    const reason = reasons.find(({ name }) => name === text)?.name
    if (reason === undefined) return
    this.#isOver = true
    this.#sink.onPoolRefused(reason)
  }

  #filled(): void {
    this.#isOver = true
    this.#question.fills.leave()
    this.#sink.onPoolFilled()
  }

  #miss(): void {
    this.#isOver = true
    this.#sink.onPoolMiss(this.#lease)
  }
}

class LookupRead extends EntryRead {
  readonly #lookup: PoolLookup
  readonly #role: Role

  constructor(lookup: PoolLookup, role: Role, entries: SharedTier['entries'], key: string) {
    super(entries, key)
    this.#lookup = lookup
    this.#role = role
  }

  override onEntry(entry: Entry): void {
    this.#lookup.onEntry(this.#role, entry)
  }

  override onNoEntry(why: NoEntry): void {
    this.#lookup.onNoEntry(this.#role, why)
  }
}
