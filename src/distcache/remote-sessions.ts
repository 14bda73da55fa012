/**
 * Sessions that are kept somewhere else, so that an answer takes a while: what a server can stand in front of instead of its own
 * memory. Calls with the same id take effect in the order in which they were made.
 */

/** How a call ended. */
export const SessionOutcome = {
  /** Stored, found, removed. */
  done: 0,
  /** No such session. */
  absent: 1,
  /** Add: there is one already, which stays as it is. */
  present: 2,
  /** Nobody knows: the place did not answer in time, refused, or is out of reach. */
  failed: 3,
} as const

/** Who made a call. */
export interface SessionSink {
  /**
   * Once for each call, never before it has returned. `outcome`: a value of SessionOutcome. `data`: of a `get` that found
   * something, the sink's own; else empty.
   */
  onSession(outcome: number, data: Buffer): void
}

/** `id` and `data` are looked at before a call returns, and not kept. */
export interface RemoteSessions {
  /** `timeoutMs`: the life of the session. */
  add(id: Buffer, data: Buffer, timeoutMs: number, sink: SessionSink): void
  get(id: Buffer, sink: SessionSink): void
  remove(id: Buffer, sink: SessionSink): void
  have(id: Buffer, sink: SessionSink): void
}
