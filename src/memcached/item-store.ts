/**
 * Items of a pool as values, for those who use a pool with `auth`, whose protocol is memjs's affair: no request texts, no
 * reply texts, and for every call one answer.
 */

/** How a call ended. */
export const ItemOutcome = {
  /** It is there, or was written. */
  done: 0,
  /** No such item. */
  absent: 1,
  /** It is there already (add), or another than `cas` names. */
  conflict: 2,
  /** The server did not do it, for whatever reason: too large, out of memory, not reachable in time. */
  failed: 3,
} as const

/** Who made a call. */
export interface ItemSink {
  /**
   * Once for each call that was not refused, never before it has returned. `outcome`: a value of ItemOutcome. `value`, of a
   * get or an increment (in decimal), is the sink's own, else empty. `cas` names this state of the item for a later write.
   */
  onItem(outcome: number, value: Buffer, cas: string): void
}

export interface ItemWriteOptions {
  /** As memcached reads it: 0 for ever, up to 30 days from now, else a date. */
  readonly ttlSec: number
  /** `add`: only where nothing lies. */
  readonly mode: 'set' | 'add'
  /** Only over the state that has this name; with `set`. */
  readonly cas?: string
}

/** Each of these returns false when it is refused: no server is live, or too much waits for it; the sink is told nothing then. */
export interface ItemStore {
  get(key: string, sink: ItemSink): boolean
  /** `value` must stay as it is until the sink is told. */
  write(key: string, value: Buffer, options: ItemWriteOptions, sink: ItemSink): boolean
  touch(key: string, ttlSec: number, sink: ItemSink): boolean
  remove(key: string, sink: ItemSink): boolean
  /** Adds `by` to a number; where none lies it is made, as `initial`. */
  increment(key: string, by: number, initial: number, ttlSec: number, sink: ItemSink): boolean
}
