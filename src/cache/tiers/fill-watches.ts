/**
 * Who waits in this worker for changes of running fills.
 *
 * A fill written by this same worker wakes its watchers directly; for one written elsewhere there is one
 * Atomics.waitAsync per fill, whatever the number of watchers. Watchers are called from a microtask, once, and register
 * again if they want more.
 */
import { SLOT_CELLS } from './layout.ts'
import { Slot, type Slots } from './slots.ts'

class FillWatch {
  readonly waiting: (() => void)[] = []
  scheduled = false
  armed = false
}

export class FillWatches {
  readonly #slots: Slots
  readonly #bySlot = new Map<number, FillWatch>()

  constructor(slots: Slots) {
    this.#slots = slots
  }

  /**
   * Calls `callback` once the slot's change counter is no longer `seen`, undefined: in any case. `isLocal`: the fill is
   * written by this worker, which calls `fire`.
   */
  add(slot: number, seen: number | undefined, isLocal: boolean, callback: () => void): void {
    let watch = this.#bySlot.get(slot)
    if (watch === undefined) {
      watch = new FillWatch()
      this.#bySlot.set(slot, watch)
    }
    watch.waiting.push(callback)
    if (seen === undefined || this.#slots.load(slot, Slot.changes) !== seen) this.#schedule(slot, watch)
    else if (!isLocal && !watch.armed) this.#arm(slot, watch, seen)
  }

  remove(slot: number, callback: () => void): void {
    const watch = this.#bySlot.get(slot)
    if (watch === undefined) return
    const at = watch.waiting.indexOf(callback)
    if (at >= 0) watch.waiting.splice(at, 1)
    if (watch.waiting.length === 0 && !watch.scheduled && !watch.armed) this.#bySlot.delete(slot)
  }

  /** The fill in this slot has changed. */
  fire(slot: number): void {
    const watch = this.#bySlot.get(slot)
    if (watch !== undefined) this.#schedule(slot, watch)
  }

  #arm(slot: number, watch: FillWatch, seen: number): void {
    const wait = Atomics.waitAsync(this.#slots.cells, slot * SLOT_CELLS + Slot.changes, seen)
    if (!wait.async) {
      this.#schedule(slot, watch)
      return
    }
    watch.armed = true
    wait.value.then(() => {
      watch.armed = false
      this.#run(slot, watch)
    })
  }

  #schedule(slot: number, watch: FillWatch): void {
    if (watch.scheduled) return
    watch.scheduled = true
    queueMicrotask(() => this.#run(slot, watch))
  }

  #run(slot: number, watch: FillWatch): void {
    watch.scheduled = false
    // Those who register while this runs wait for the next change, or for a run of their own.
    const due = watch.waiting.splice(0)
    try {
      for (let callback = due.shift(); callback !== undefined; callback = due.shift()) callback()
    } finally {
      if (due.length > 0) {
        watch.waiting.push(...due)
        this.#schedule(slot, watch)
      } else if (watch.waiting.length === 0 && !watch.armed && this.#bySlot.get(slot) === watch) {
        this.#bySlot.delete(slot)
      }
    }
  }
}
