/**
 * What to do when a worker has died: give back what it held, and if it died while it was changing the store, empty the
 * store down to what living workers still read.
 */
import type { KeptBlock } from './allocator.ts'
import { Block } from './allocator.ts'
import { Control, type MemoryTierShared } from './layout.ts'
import { SharedStore } from './shared-store.ts'
import { FillState, Flag, Slot, State } from './slots.ts'

const MAIN_THREAD = -1
/** Longer than any change takes; past it the owner of the lock is another worker that died. */
const LOCK_PATIENCE_MS = 100
const SLOTS_PER_HOLD = 1024

/**
 * Releases the pins, fills and the lock of a worker whose thread has ended. Called by the main thread on the
 * thread's 'exit', before another worker takes the number. False: the lock belongs to another dead worker; release that
 * one, then call again (from a timer: blocking would keep its 'exit' from being heard).
 */
export function releaseWorker(shared: MemoryTierShared, worker: number): boolean {
  const store = new SharedStore(shared, MAIN_THREAD)
  store.pinRows[worker]!.fill(0)
  if (store.lock.takeOverFrom(worker)) {
    emptyStore(store)
    store.lock.release()
  }
  const touched = store.control[Control.slotsTouched]!
  for (let slot = 0; slot < touched; slot += SLOTS_PER_HOLD) {
    if (!store.lock.acquireWithin(LOCK_PATIENCE_MS)) return false
    releaseSlots(store, worker, slot, Math.min(touched, slot + SLOTS_PER_HOLD))
    store.lock.release()
  }
  return true
}

function releaseSlots(store: SharedStore, worker: number, from: number, to: number): void {
  const { slots } = store
  for (let slot = from; slot < to; slot++) {
    const state = slots.state(slot)
    if (state === State.free) continue
    if (state === State.zombie) store.freeIfUnpinned(slot)
    else if (state === State.filling && slots.get(slot, Slot.filler) === worker + 1) {
      // The origin is not to blame: who has been shown nothing yet may find another to fetch it.
      const hasBegun = slots.get(slot, Slot.fillState) !== FillState.pending
      store.endFill(slot, hasBegun ? FillState.aborted : FillState.left)
    }
  }
}

/**
 * Makes the store consistent again, whatever state it was left in, with the lock held: every object is gone; those that
 * living workers pin stay as zombies, with their bytes where they are.
 */
function emptyStore(store: SharedStore): void {
  const { control, slots } = store
  const kept: number[] = []
  control[Control.freeSlot] = 0
  for (let slot = 0; slot < control[Control.slotsTouched]!; slot++) {
    if (slots.state(slot) === State.free || !keepAsZombie(store, slot)) store.dropSlot(slot)
    else kept.push(slot)
  }
  store.index.clear()
  store.queues.clear()
  control[Control.objects] = 0
  control[Control.fills] = 0
  control[Control.zombies] = kept.length
  control[Control.resets]!++
  store.allocator.format(keptBlocks(store, kept))
  for (const slot of kept) if (slots.get(slot, Slot.body) !== 0) countReference(store, slots.get(slot, Slot.body))
}

/** Makes the slot unreachable; whether somebody still reads it. */
function keepAsZombie(store: SharedStore, slot: number): boolean {
  const { slots } = store
  const isFill = slots.state(slot) === State.filling
  slots.setState(slot, State.zombie)
  if (isFill) {
    slots.set(slot, Slot.flags, slots.get(slot, Slot.flags) | Flag.unlisted)
    if (slots.get(slot, Slot.fillState) <= FillState.streaming) slots.store(slot, Slot.fillState, FillState.aborted)
    slots.announce(slot)
  }
  return store.isPinned(slot)
}

/** The blocks that belong to the slots, each once, ascending; their reference counts are zeroed. */
function keptBlocks(store: SharedStore, kept: readonly number[]): KeptBlock[] {
  const { slots, segments, allocator } = store
  const blocks = new Map<number, KeptBlock>()
  for (const slot of kept) {
    for (let unit of [slots.get(slot, Slot.front), slots.get(slot, Slot.body)]) {
      for (; unit !== 0 && !blocks.has(unit); unit = segments.get(unit, Block.next)) {
        blocks.set(unit, { unit, units: allocator.unitsOf(unit) })
        segments.set(unit, Block.references, 0)
      }
    }
  }
  return [...blocks.values()].sort((a, b) => a.unit - b.unit)
}

function countReference(store: SharedStore, body: number): void {
  store.segments.set(body, Block.references, store.segments.get(body, Block.references) + 1)
}
