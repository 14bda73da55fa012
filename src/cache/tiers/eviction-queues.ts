/**
 * Which object goes when space is needed: S3-FIFO (Yang et al., SOSP 2023).
 *
 *   new ---> small (a tenth of the space) --looked at again--> main --looked at--> main again, one look forgotten
 *                \__ not looked at: evicted, hash to ghosts       \__ not looked at: evicted
 *   new, hash among the ghosts ---> main
 *
 * What is asked for once (scans, crawlers) leaves through the small queue without touching the main one. A look costs a
 * store into the slot's `access` cell, and none once it stands at its maximum; no list is touched on a hit.
 *
 * Ghosts: a table by hash of (high half, clock at eviction). An entry counts while fewer evictions have followed it than
 * there are objects. A newer hash overwrites an older one in its place: cheaper than an exact queue, nearly as good.
 *
 * Queues are doubly linked through the slots, newest at the head. All under the store's lock.
 */
import { Control } from './layout.ts'
import { Slot, type Slots } from './slots.ts'

export const Queue = { none: 0, small: 1, main: 2 } as const

/** The small queue's share of the space in use. */
const SMALL_SHARE = 0.1
/** Second chances given in one search: bounds the time the lock is held when everything was looked at. */
const CHANCES = 64

interface QueueCells {
  readonly id: number
  readonly head: number
  readonly tail: number
  readonly units: number
}

const small: QueueCells = {
  id: Queue.small,
  head: Control.smallHead,
  tail: Control.smallTail,
  units: Control.smallUnits,
}
const main: QueueCells = { id: Queue.main, head: Control.mainHead, tail: Control.mainTail, units: Control.mainUnits }

export class EvictionQueues {
  readonly #control: Int32Array
  readonly #slots: Slots
  readonly #ghosts: Int32Array
  readonly #ghostMask: number

  constructor(control: Int32Array, slots: Slots, ghosts: SharedArrayBuffer) {
    this.#control = control
    this.#slots = slots
    this.#ghosts = new Int32Array(ghosts)
    this.#ghostMask = this.#ghosts.length / 2 - 1
  }

  /** Enters a new object: into the main queue when its key was evicted a short while ago. */
  add(slot: number): void {
    this.#push(this.#isGhost(slot) ? main : small, slot)
  }

  /** Enters an object that takes the place of `old`, which is still queued, with the standing it has earned. */
  addInPlaceOf(slot: number, old: number): void {
    this.#slots.set(slot, Slot.access, this.#slots.get(old, Slot.access))
    this.#push(this.#slots.get(old, Slot.queue) === Queue.main ? main : small, slot)
  }

  remove(slot: number): void {
    const queue = this.#slots.get(slot, Slot.queue)
    if (queue !== Queue.none) this.#unlink(queue === Queue.main ? main : small, slot)
  }

  /**
   * Takes the next object to evict out of its queue and returns its slot; -1 when there is none or, as far as was looked,
   * all are pinned. A pinned object is not chosen: its space would not become free.
   */
  nextVictim(isPinned: (slot: number) => boolean): number {
    for (let chance = 0; chance < 2 * CHANCES; chance++) {
      const queue = this.#queueToShrink()
      const slot = this.#control[queue.tail]! - 1
      if (slot < 0) return -1
      const access = this.#slots.get(slot, Slot.access)
      this.#unlink(queue, slot)
      if (isPinned(slot)) {
        this.#push(main, slot)
      } else if (access === 0 || chance >= CHANCES) {
        if (queue === small) this.#addGhost(slot)
        return slot
      } else {
        this.#slots.set(slot, Slot.access, queue === small ? 0 : access - 1)
        this.#push(main, slot)
      }
    }
    return -1
  }

  /** Forgets all queues; the slots' links are whatever they were. */
  clear(): void {
    for (const queue of [small, main]) {
      this.#control[queue.head] = 0
      this.#control[queue.tail] = 0
      this.#control[queue.units] = 0
    }
  }

  #queueToShrink(): QueueCells {
    const smallUnits = this.#control[Control.smallUnits]!
    if (this.#control[Control.mainTail] === 0) return small
    if (this.#control[Control.smallTail] === 0) return main
    return smallUnits >= SMALL_SHARE * (smallUnits + this.#control[Control.mainUnits]!) ? small : main
  }

  #push(queue: QueueCells, slot: number): void {
    const control = this.#control
    const slots = this.#slots
    const head = control[queue.head]!
    slots.set(slot, Slot.queue, queue.id)
    slots.set(slot, Slot.newer, 0)
    slots.set(slot, Slot.older, head)
    if (head !== 0) slots.set(head - 1, Slot.newer, slot + 1)
    else control[queue.tail] = slot + 1
    control[queue.head] = slot + 1
    control[queue.units]! += slots.get(slot, Slot.units)
  }

  #unlink(queue: QueueCells, slot: number): void {
    const control = this.#control
    const slots = this.#slots
    const newer = slots.get(slot, Slot.newer)
    const older = slots.get(slot, Slot.older)
    if (newer !== 0) slots.set(newer - 1, Slot.older, older)
    else control[queue.head] = older
    if (older !== 0) slots.set(older - 1, Slot.newer, newer)
    else control[queue.tail] = newer
    slots.set(slot, Slot.queue, Queue.none)
    control[queue.units]! -= slots.get(slot, Slot.units)
  }

  #isGhost(slot: number): boolean {
    const at = (this.#slots.get(slot, Slot.hashLow) & this.#ghostMask) * 2
    if (this.#ghosts[at] !== this.#slots.get(slot, Slot.hashHigh)) return false
    const since = (this.#control[Control.ghostClock]! - this.#ghosts[at + 1]!) | 0
    return since >= 0 && since < this.#control[Control.objects]!
  }

  #addGhost(slot: number): void {
    const at = (this.#slots.get(slot, Slot.hashLow) & this.#ghostMask) * 2
    this.#control[Control.ghostClock]!++
    this.#ghosts[at] = this.#slots.get(slot, Slot.hashHigh)
    this.#ghosts[at + 1] = this.#control[Control.ghostClock]!
  }
}
