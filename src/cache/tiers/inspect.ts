/**
 * Looking at what a tier holds, for people: any thread may, also one that pins nothing.
 *
 * Everything is read under the store's lock and copied, an object or KEYS_PER_HOLD keys at a time, so nobody waits for
 * longer than some microseconds. A list is therefore no picture of one moment: what came or went while it was made may be
 * in it or not.
 */
import { setImmediate } from 'node:timers/promises'
import { Control, UNIT_BYTES } from './layout.ts'
import { KEY_START, type SharedStore } from './shared-store.ts'
import { Slot, State } from './slots.ts'
import { StoredObject } from './stored-object.ts'

export interface ObjectFacts {
  readonly key: string
  /** As given to `start` or `refresh`. */
  readonly meta: Float64Array
  /** As given to `start` or `refresh`: the text of cache/purge/labels.ts. */
  readonly labels: string
  readonly head: Buffer
  readonly bodyBytes: number
  /** The space it takes, with key, head and what the last unit leaves over. */
  readonly spaceBytes: number
  readonly softPurged: boolean
  /** Answers given from it; behind by at most an eighth. */
  readonly hits: number
}

const KEYS_PER_HOLD = 64
/** Keys between two turns of the event loop. */
const KEYS_PER_TURN = 8192
/** Every key of a variant begins with a line feed (cache/vary.ts), so most others need not be read. */
const LINE_FEED = 0x0a

/** The complete object under the key. Does not count as a look. */
export function inspectObject(store: SharedStore, key: string): ObjectFacts | undefined {
  const { lock, hash } = store
  lock.acquire()
  try {
    hash.compute(key)
    const slot = store.lookUp(key, State.complete)
    return slot < 0 ? undefined : factsOf(store, slot, key)
  } finally {
    lock.release()
  }
}

/** Lock held. */
function factsOf(store: SharedStore, slot: number, key: string): ObjectFacts {
  const { slots } = store
  const object = new StoredObject(store, slot, slots.tag(slot), key)
  return {
    key,
    meta: object.meta,
    labels: store.readLabels(slot),
    head: Buffer.from(object.head),
    bodyBytes: object.bodyBytes,
    spaceBytes: slots.get(slot, Slot.units) * UNIT_BYTES,
    softPurged: object.softPurged,
    hits: slots.get(slot, Slot.hits) >>> 0,
  }
}

/** The keys of complete objects that begin and end so; `start` begins with a line feed. At most `most` of them. */
export async function findKeys(store: SharedStore, start: string, end: string, most: number): Promise<string[]> {
  const keys: string[] = []
  const touched = Atomics.load(store.control, Control.slotsTouched)
  for (let from = 0; from < touched && keys.length < most; from += KEYS_PER_HOLD) {
    if (from % KEYS_PER_TURN === 0) await setImmediate()
    collectKeys(store, from, Math.min(touched, from + KEYS_PER_HOLD), (key) => {
      if (keys.length < most && key.startsWith(start) && key.endsWith(end)) keys.push(key)
    })
  }
  return keys
}

function collectKeys(store: SharedStore, from: number, to: number, take: (key: string) => void): void {
  const { lock, slots } = store
  lock.acquire()
  try {
    for (let slot = from; slot < to; slot++) {
      const key = slots.state(slot) === State.complete ? variantKeyAt(store, slot) : undefined
      if (key !== undefined) take(key)
    }
  } finally {
    lock.release()
  }
}

/** undefined: it does not begin with a line feed. Lock held. */
function variantKeyAt({ slots, segments }: SharedStore, slot: number): string | undefined {
  const front = slots.get(slot, Slot.front)
  const bytes = segments.bytesOf(front)
  const start = segments.offsetOf(front) + KEY_START
  if (bytes[start] !== LINE_FEED) return undefined
  const keyBytes = slots.get(slot, Slot.keyBytes)
  return keyBytes < 0
    ? bytes.toString('utf16le', start, start - keyBytes)
    : bytes.toString('latin1', start, start + keyBytes)
}
