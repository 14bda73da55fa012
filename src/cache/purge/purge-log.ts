/**
 * All purges of one cache, in shared memory: what was purged, and when. Purging visits no object; it takes the next number
 * and notes it where the objects concerned will look:
 *
 *     a URL (with all its variants) or a tag    its label in the label table        every object carries its labels
 *     everything older                          the floors: one number each for soft and hard
 *     a prefix or glob of URLs                  the ban list
 *
 * An object knows the number of the last purge at the time its fetch began, so a fill that runs while a purge happens
 * counts as older. A purge concerns it when its number is greater.
 *
 * A look-up compares one cell, `sequence`, with what it was when this worker last judged the object; only after a purge
 * does it ask `verdict`. `sequence` is stored last of all, so whoever sees it sees the purge, and a purge that has
 * returned is seen by every look-up that begins later, in any worker.
 *
 * Changes are made under a lock of the log's own, reading takes none. A worker that dies with the lock leaves nothing to
 * repair (see label-table.ts), so the lock is simply given back.
 */
import { KeyHash } from '../tiers/key-hash.ts'
import type { MemoryTierShared } from '../tiers/memory-tier.ts'
import { SharedLock } from '../tiers/shared-lock.ts'
import { type Ban, BanList } from './ban-list.ts'
import { FetchEpochs, type FetchTicket } from './fetch-epochs.ts'
import { LabelTable } from './label-table.ts'
import { type LabelKind, labelText } from './labels.ts'
import { PurgeCell, PurgeNumber, purgeLayout, ROW_CELLS } from './layout.ts'
import { Numbers, numberOf } from './numbers.ts'

/** What purges have done to an object; greater wins. */
export const Verdict = { untouched: 0, stale: 1, gone: 2 } as const

/** The lock is held for microseconds; past this its owner has died and the main thread will give it back. */
const LOCK_PATIENCE_MS = 100
const MAIN_THREAD = -1

export interface PurgeLogStats {
  /** Wraps at 2^53. */
  readonly purges: number
  /** Label and ban entries in use, about. */
  readonly labels: number
  readonly bans: number
  /** Purges that had to make everything older stale, for want of room. */
  readonly folds: number
  readonly sweeps: number
}

export class PurgeLog {
  readonly #cells: Int32Array
  readonly #numbers: Numbers
  readonly #lock: SharedLock
  readonly #labels: LabelTable
  readonly #bans: BanList
  readonly #epochs: FetchEpochs
  readonly #hash: KeyHash
  /** A worker waits until the main thread has given a dead one's lock back; the main thread must not wait for itself. */
  readonly #patienceMs: number

  /** `worker` as for MemoryTier: -1 for the main thread, which fetches nothing. */
  constructor(shared: MemoryTierShared, worker: number) {
    this.#patienceMs = worker === MAIN_THREAD ? LOCK_PATIENCE_MS : Number.POSITIVE_INFINITY
    const { purges, seedLow, seedHigh } = shared
    const workers = shared.pins.length
    const layout = purgeLayout(shared.bytes, workers)
    this.#cells = new Int32Array(purges)
    this.#numbers = new Numbers(purges, layout.numbersAt, Object.keys(PurgeNumber).length)
    this.#lock = new SharedLock(this.#cells, worker)
    this.#labels = new LabelTable(purges, layout.labelsAt, layout.labelEntries)
    this.#bans = new BanList(purges, layout.bansAt, layout.patternsAt, layout.banEntries)
    const rows = this.#cells.subarray(layout.rowsAt, layout.rowsAt + workers * ROW_CELLS)
    this.#epochs = new FetchEpochs(this.#cells, this.#numbers, rows, worker)
    this.#hash = new KeyHash(seedLow, seedHigh)
  }

  /** Another value after every purge. On the way of every hit: one atomic load. */
  get sequence(): number {
    return Atomics.load(this.#cells, PurgeCell.sequence)
  }

  // Purging. False, in the main thread only: the lock could not be had, and nothing was purged.

  /** Purges everything that carries one of the labels. Constant work per label, whatever carries it. */
  purgeLabels(kind: LabelKind, texts: readonly string[], isHard: boolean): boolean {
    return this.#change((number, swept) => {
      for (const text of texts) {
        this.#hash.compute(labelText(kind, text))
        const { low, high } = this.#hash
        const isNew = this.#labels.note(low, high, number, isHard, swept, ({ soft, hard }, wasFree) => {
          if (wasFree) return this.#raiseTo(PurgeNumber.forgotten, Math.max(soft, hard))
          this.#raiseTo(PurgeNumber.softFloor, soft)
          this.#raiseTo(PurgeNumber.hardFloor, hard)
          Atomics.add(this.#cells, PurgeCell.folds, 1)
        })
        if (isNew) Atomics.add(this.#cells, PurgeCell.labels, 1)
      }
    })
  }

  purgeUrls(ban: Ban): boolean {
    return this.#change((number, swept) => {
      const isNew = this.#bans.note(ban, number, swept, (old, wasFree) => {
        if (wasFree) return this.#raiseTo(PurgeNumber.forgotten, old.number)
        this.#raiseTo(old.isHard ? PurgeNumber.hardFloor : PurgeNumber.softFloor, old.number)
        Atomics.add(this.#cells, PurgeCell.folds, 1)
      })
      if (isNew) Atomics.add(this.#cells, PurgeCell.bans, 1)
    })
  }

  purgeAll(isHard: boolean): boolean {
    return this.#change((number) => this.#raiseTo(isHard ? PurgeNumber.hardFloor : PurgeNumber.softFloor, number))
  }

  #change(note: (number: number, swept: number) => void): boolean {
    if (!this.#lock.acquireWithin(this.#patienceMs)) return false
    try {
      const next = this.#numbers.get(PurgeNumber.last) + 1
      // Whoever has judged nothing yet remembers 0.
      const number = (next | 0) === 0 ? next + 1 : next
      note(number, this.#numbers.get(PurgeNumber.swept))
      this.#numbers.advance(PurgeNumber.last, number)
      Atomics.store(this.#cells, PurgeCell.sequence, number | 0)
      return true
    } finally {
      this.#lock.release()
    }
  }

  #raiseTo(at: number, number: number): void {
    if (number > this.#numbers.get(at)) this.#numbers.raise(at, number)
  }

  // Judging.

  /** The number of the last purge. */
  get last(): number {
    return this.#numbers.get(PurgeNumber.last)
  }

  /** Purges up to this one may be unknown here: they were applied to all objects of this machine, and their entries given away. */
  get forgotten(): number {
    return this.#numbers.get(PurgeNumber.forgotten)
  }

  /** The number of the purge after which `sequence` had this value. */
  numberAt(sequence: number): number {
    return numberOf(sequence, this.#numbers.get(PurgeNumber.last))
  }

  /** What the purges after number `since` have done to an object: a number of Verdict. `labels`: from `hashLabels`. */
  verdict(labels: Int32Array, url: string, since: number): number {
    let verdict: number = Verdict.untouched
    for (let at = 0; at < labels.length && verdict !== Verdict.gone; at += 2) {
      verdict = Math.max(verdict, this.#labels.verdict(labels[at]!, labels[at + 1]!, since))
    }
    if (verdict !== Verdict.gone) verdict = Math.max(verdict, this.#bans.verdict(url, since))
    // Last, since what makes room in the tables is noted here before it disappears there.
    if (this.#numbers.get(PurgeNumber.hardFloor) > since) return Verdict.gone
    return this.#numbers.get(PurgeNumber.softFloor) > since ? Math.max(verdict, Verdict.stale) : verdict
  }

  /** The keyed hashes of labels, two cells each. */
  hashLabels(labels: readonly string[]): Int32Array {
    const cells = new Int32Array(2 * labels.length)
    labels.forEach((label, i) => {
      this.#hash.compute(label)
      cells[2 * i] = this.#hash.low
      cells[2 * i + 1] = this.#hash.high
    })
    return cells
  }

  // Fetches and sweeps.

  /** Before the origin is asked: what the answer will be judged by. */
  beginFetch(): FetchTicket {
    return this.#epochs.begin()
  }

  /** Whether there are purges that no sweep has applied. */
  get isUnswept(): boolean {
    return this.#numbers.get(PurgeNumber.last) > this.#numbers.get(PurgeNumber.swept)
  }

  /** For the sweep, in the main thread; see sweep.ts. */
  beginSweep(): SweepStart {
    const start = {
      number: this.#numbers.get(PurgeNumber.last),
      labels: Atomics.load(this.#cells, PurgeCell.labels),
      bans: Atomics.load(this.#cells, PurgeCell.bans),
    }
    return { ...start, parity: this.#epochs.turn() }
  }

  hasFetchesBefore(start: SweepStart): boolean {
    return this.#epochs.hasRunning(start.parity)
  }

  /** All objects have been judged by the purges up to that of `start`: their entries are free. */
  endSweep(start: SweepStart): void {
    this.#numbers.raise(PurgeNumber.swept, start.number)
    Atomics.sub(this.#cells, PurgeCell.labels, start.labels)
    Atomics.sub(this.#cells, PurgeCell.bans, start.bans)
    Atomics.add(this.#cells, PurgeCell.sweeps, 1)
  }

  /** Gives back what a worker held whose thread has ended. */
  releaseWorker(worker: number): void {
    if (this.#lock.takeOverFrom(worker)) this.#lock.release()
    this.#epochs.releaseWorker(worker)
  }

  stats(): PurgeLogStats {
    const cell = (at: number): number => Atomics.load(this.#cells, at)
    return {
      purges: this.#numbers.get(PurgeNumber.last),
      labels: cell(PurgeCell.labels),
      bans: cell(PurgeCell.bans),
      folds: cell(PurgeCell.folds),
      sweeps: cell(PurgeCell.sweeps),
    }
  }
}

/** Where a sweep stands from. */
export interface SweepStart {
  readonly number: number
  readonly labels: number
  readonly bans: number
  readonly parity: number
}
