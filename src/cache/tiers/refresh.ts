/**
 * A stored object confirmed by its origin: a new head and new meta for the same body (RFC 9111 §3.2).
 *
 * The new version is an object of its own, made while the old one is pinned and put in its place in one locked change. A
 * short body that lay beside its head is copied, because sending both as one view is worth more than the copy costs
 * (64 KiB: about 6 µs). Any other body is shared by both until the old one is freed: its first extent counts references.
 */
import { Block, HEADER_BYTES, unitsFor } from './allocator.ts'
import { Control } from './layout.ts'
import {
  CLAIM_ROUNDS,
  KEY_START,
  keyBytesOf,
  NO_ROOM,
  type ObjectFront,
  type SharedStore,
  TRY_AGAIN,
} from './shared-store.ts'
import { FillState, Slot, State } from './slots.ts'
import type { StoredObject } from './stored-object.ts'

const COPIED_BODY_BYTES = 64 * 1024

/** False: the object is no longer the one under its key, or there is no room. */
export function refreshObject(store: SharedStore, object: StoredObject, update: ObjectFront): boolean {
  const { lock } = store
  if (update.labels.length + update.head.length + object.bodyBytes > store.shared.maxObjectBytes) return false
  // Pinned, or making room for its successor might evict it.
  if (!store.pin(object.slot, object.tag)) return false
  try {
    for (let round = 0; round < CLAIM_ROUNDS; round++) {
      lock.acquire()
      try {
        const outcome = replace(store, object, update)
        if (outcome !== TRY_AGAIN) return outcome !== NO_ROOM
      } finally {
        lock.release()
      }
    }
    return false
  } finally {
    store.unpin(object.slot)
  }
}

/** One try under the lock: NO_ROOM (also when the object is gone), TRY_AGAIN, or the block of the new object. */
function replace(store: SharedStore, object: StoredObject, update: ObjectFront): number {
  const { slots, segments } = store
  if (slots.tag(object.slot) !== object.tag) return NO_ROOM
  const isCopied = object.headAndBody !== undefined && object.bodyBytes <= COPIED_BODY_BYTES
  const keyBytes = keyBytesOf(object.key)
  const bodyStart = KEY_START + Math.abs(keyBytes) + update.labels.length + update.head.length
  const units = unitsFor(bodyStart - HEADER_BYTES + (isCopied ? object.bodyBytes : 0))
  const front = store.claim(units, units)
  if (front === NO_ROOM || front === TRY_AGAIN) return front
  const slot = store.takeSlot()
  if (slot < 0) {
    store.freeChain(front)
    return NO_ROOM
  }
  store.writeFront(front, object.key, keyBytes, update)
  const body = isCopied ? front : slots.get(object.slot, Slot.body)
  if (isCopied) object.body[0]?.copy(segments.bytesOf(front), segments.offsetOf(front) + bodyStart)
  else segments.set(body, Block.references, segments.get(body, Block.references) + 1)
  slots.set(slot, Slot.front, front)
  slots.set(slot, Slot.keyBytes, keyBytes)
  slots.set(slot, Slot.labelBytes, update.labels.length)
  slots.set(slot, Slot.headBytes, update.head.length)
  slots.set(slot, Slot.body, body)
  slots.set(slot, Slot.bodyStart, isCopied ? bodyStart : slots.get(object.slot, Slot.bodyStart))
  slots.set(slot, Slot.bodyBytes, object.bodyBytes)
  slots.set(slot, Slot.available, object.bodyBytes)
  slots.set(slot, Slot.hits, slots.load(object.slot, Slot.hits))
  slots.set(slot, Slot.fillState, FillState.complete)
  slots.set(slot, Slot.units, isCopied ? units : units + slots.get(object.slot, Slot.units))
  publish(store, slot, object.slot)
  return front
}

/** Puts the finished slot in the place of the old object. */
function publish(store: SharedStore, slot: number, old: number): void {
  const { slots, index, queues, control } = store
  const hashLow = slots.get(old, Slot.hashLow)
  slots.set(slot, Slot.hashLow, hashLow)
  slots.set(slot, Slot.hashHigh, slots.get(old, Slot.hashHigh))
  slots.setState(slot, State.complete)
  control[Control.objects]!++
  index.insert(hashLow, slot)
  queues.addInPlaceOf(slot, old)
  store.retire(old)
}
