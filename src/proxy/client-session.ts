/** A connection with a client, whatever it speaks, as the engine and the worker see it. */
import type { ListenerRuntime } from './listener-runtime.ts'

export interface ClientSession {
  readonly listener: ListenerRuntime
  /** No further request: closes now if it is idle, else with its last answer. */
  drain(): void
  /** Ends it at once. */
  destroy(): void
}
