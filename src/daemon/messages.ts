/**
 * What main thread and workers say to each other. Nothing here is on the path of a request but a purge.
 *
 * A worker answers each request but `reopen-logs`, `certificates` and `published` once, with the sequence number it came with; `log` and
 * `publish` come unasked. For the word that answers `publish` a client waits, but not for long; see purge-wait.ts.
 */
import type { FleetState } from '../cache/purge/fleet-purger.ts'
import type { BoundAddress } from '../net/listener.ts'
import type { Plan } from '../plan/plan.ts'
import type { Publication } from '../proxy/fleet-publisher.ts'
import type { SharedState } from '../proxy/runtime.ts'
import type { TlsMaterials } from '../tls/material.ts'

/** One generation of the configuration, as every worker is to serve it. */
export interface Target {
  readonly generation: number
  readonly plan: Plan
  readonly shared: SharedState
  /** Of the listeners that speak TLS. */
  readonly materials: TlsMaterials
}

/** What a worker is born with; it stays for its life. */
export interface WorkerStart {
  readonly worker: number
  readonly workers: number
  /** The cells of log/counters.ts. */
  readonly counters: SharedArrayBuffer
  /** One Int32 per worker, counted up while its event loop turns. */
  readonly pulse: SharedArrayBuffer
}

export type ToWorker =
  /** Open what the target adds and build what it needs; nothing changes for clients. */
  | {
      readonly type: 'prepare'
      readonly sequence: number
      readonly target: Target
      /** To listen on instead of opening these addresses anew. */
      readonly sockets: readonly BoundAddress[]
    }
  /** Serve what was prepared. */
  | { readonly type: 'commit'; readonly sequence: number }
  /** Forget what was prepared. */
  | { readonly type: 'rollback'; readonly sequence: number }
  | { readonly type: 'facts'; readonly sequence: number }
  | { readonly type: 'drain'; readonly sequence: number }
  | { readonly type: 'reopen-logs' }
  /** Other certificates for the listeners that are served. */
  | { readonly type: 'certificates'; readonly materials: TlsMaterials }
  /** What became of a publication of the worker. */
  | { readonly type: 'published'; readonly number: number; readonly state: FleetState }

export type FromWorker =
  /** A purge that the worker has obeyed and other nodes are to hear of; answered with `published`. */
  | { readonly type: 'publish'; readonly publication: Publication }
  | { readonly type: 'done'; readonly sequence: number; readonly facts: WorkerFacts }
  | { readonly type: 'failed'; readonly sequence: number; readonly error: WorkerError }
  | {
      readonly type: 'log'
      readonly level: 'info' | 'warn' | 'error'
      readonly message: string
      readonly fields: object
      /** Messages with the same key from several workers are one message: the first within a minute is logged. */
      readonly once: string | undefined
    }

export interface WorkerFacts {
  readonly generation: number
  readonly connections: number
  readonly heapUsedBytes: number
}

/** An Error as data; `code` as in `EADDRINUSE`. */
export interface WorkerError {
  readonly message: string
  readonly code: string | undefined
}
