/** What a load consists of. */

export interface McBenchOptions {
  readonly target: { readonly host: string; readonly port: number } | { readonly path: string }
  readonly protocol: 'classic' | 'meta'
  readonly connections: number
  /** Requests of a connection that are unanswered at a time. */
  readonly pipeline: number
  /** All keys; each connection owns its part. At least as many as connections. */
  readonly keys: number
  readonly keyPrefix: string
  /** Bytes of values, from and to, both included. */
  readonly valueBytes: readonly [number, number]
  /** How often each kind comes, in proportion. */
  readonly mix: Readonly<Record<OperationKind, number>>
  /** Keys of a multi-get; no more than a connection owns. */
  readonly multiKeys: number
  /** The end: so many operations, or so much time; whichever comes first. */
  readonly operations: number
  readonly durationMs: number
  /** Whether all keys are set before anything counts. */
  readonly preload: boolean
  /** Without any answer for so long, there is no use in going on. */
  readonly stallMs: number
}

export const operationKinds = ['get', 'multi', 'set'] as const
export type OperationKind = (typeof operationKinds)[number]
