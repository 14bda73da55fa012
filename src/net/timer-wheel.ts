/**
 * All timeouts of a worker on one coarse wheel: thousands of connections, each with a deadline that moves with every
 * event, and nearly none that ever passes.
 *
 *     slot 0   1   2   3 ...                               each a list of entries, linked through the entries
 *          |   |   |   |
 *          '-> e <-> e <-> e                               e.due: tick of the slot it hangs in; e.deadlineMs: the truth
 *
 * The trick is that `deadlineMs` may lie behind `due`. To move a deadline later is to write one number; when the slot
 * comes up, an entry whose deadline has not passed is hung where it belongs now. The same rule serves deadlines further
 * away than the wheel reaches: they hang in its last slot and are hung anew from there.
 *
 * Always true:
 * - an entry hangs in at most one list, that of tick `due`, and `due` is not later than its deadline asks;
 * - no entry fires before its deadline, and each within one tick of the first `advance` after it;
 * - an entry has been taken off before its `onTimeout` runs, so that may schedule it again.
 *
 * Scheduling, moving and cancelling allocate nothing; this replaces one `setTimeout` object per connection.
 */
import { assert } from '../util/assert.ts'

/** Slots of the wheel; with ticks of 250 ms it reaches 128 seconds, further than most timeouts. */
const SLOTS = 512
const SLOT_MASK = SLOTS - 1
/** `due` of an entry that hangs nowhere, and of one in the list that `advance` is working off. */
const IDLE = -1
const FIRING = -2

/** What has one timeout: a connection extends it, or owns a field that does. */
export abstract class TimerEntry {
  /** When it fires, in the milliseconds of the wheel's clock; without meaning while not scheduled. */
  deadlineMs = 0
  /** The wheel's own: see its drawing. */
  due: number = IDLE
  /** The wheel's own. */
  previousEntry: TimerEntry | undefined = undefined
  /** The wheel's own. */
  nextEntry: TimerEntry | undefined = undefined

  get isScheduled(): boolean {
    return this.due !== IDLE
  }

  /** Called once per schedule, from `advance`, at the deadline or up to one tick after it. */
  abstract onTimeout(): void
}

export class TimerWheel {
  readonly #tickMs: number
  readonly #onError: (error: unknown) => void
  readonly #slots: (TimerEntry | undefined)[]
  #firing: TimerEntry | undefined = undefined
  /** All ticks up to this one have been worked off. */
  #tick: number
  #size = 0

  /**
   * `nowMs`: the time on a clock that never goes back, such as `clock.monotonicMs`; the same clock counts for deadlines
   * and `advance`. `onError` is given what an `onTimeout` throws; without it the error becomes an uncaught one, in a
   * turn of the event loop of its own.
   */
  constructor(nowMs: number, tickMs: number, onError: (error: unknown) => void = throwLater) {
    assert(tickMs > 0, 'a tick takes time')
    this.#tickMs = tickMs
    this.#onError = onError
    this.#slots = new Array<TimerEntry | undefined>(SLOTS).fill(undefined)
    this.#tick = Math.floor(nowMs / tickMs)
  }

  /** Number of entries scheduled. */
  get size(): number {
    return this.#size
  }

  /** Sets or moves the deadline of `entry`. Moving it later, the usual case, is one comparison and one write. */
  schedule(entry: TimerEntry, deadlineMs: number): void {
    entry.deadlineMs = deadlineMs
    if (entry.due === IDLE) {
      this.#size++
      this.#hang(entry)
    } else if (entry.due !== FIRING && deadlineMs < entry.due * this.#tickMs) {
      this.#unhang(entry)
      this.#hang(entry)
    }
  }

  /** Takes the deadline away; does nothing when there is none. */
  cancel(entry: TimerEntry): void {
    if (entry.due === IDLE) return
    this.#unhang(entry)
    this.#size--
  }

  /** Fires every entry whose deadline lies at or before `nowMs`. What one of them throws does not stop the others. */
  advance(nowMs: number): void {
    const tick = Math.floor(nowMs / this.#tickMs)
    // After a long pause (a laptop's sleep, a stopped process) one turn of the wheel visits every entry.
    this.#tick = Math.max(this.#tick, tick - SLOTS)
    while (this.#tick < tick) {
      this.#tick++
      this.#takeSlot(this.#tick & SLOT_MASK)
      this.#workOff(nowMs)
    }
  }

  /** Moves the entries of a slot to the firing list, so that what is hung into the slot meanwhile waits for its turn. */
  #takeSlot(slot: number): void {
    this.#firing = this.#slots[slot]
    this.#slots[slot] = undefined
    for (let entry = this.#firing; entry !== undefined; entry = entry.nextEntry) entry.due = FIRING
  }

  #workOff(nowMs: number): void {
    for (let entry = this.#firing; entry !== undefined; entry = this.#firing) {
      this.#unhang(entry)
      if (entry.deadlineMs > nowMs) {
        this.#hang(entry)
        continue
      }
      this.#size--
      try {
        entry.onTimeout()
      } catch (error) {
        this.#onError(error)
      }
    }
  }

  #hang(entry: TimerEntry): void {
    const wanted = Math.ceil(entry.deadlineMs / this.#tickMs)
    const due = Math.min(Math.max(wanted, this.#tick + 1), this.#tick + SLOTS)
    const slot = due & SLOT_MASK
    const first = this.#slots[slot]
    entry.due = due
    entry.nextEntry = first
    entry.previousEntry = undefined
    if (first !== undefined) first.previousEntry = entry
    this.#slots[slot] = entry
  }

  #unhang(entry: TimerEntry): void {
    const { previousEntry, nextEntry } = entry
    if (nextEntry !== undefined) nextEntry.previousEntry = previousEntry
    if (previousEntry !== undefined) previousEntry.nextEntry = nextEntry
    else if (entry.due === FIRING) this.#firing = nextEntry
    else this.#slots[entry.due & SLOT_MASK] = nextEntry
    entry.due = IDLE
    entry.previousEntry = undefined
    entry.nextEntry = undefined
  }
}

function throwLater(error: unknown): void {
  setImmediate(() => {
    throw error
  })
}
