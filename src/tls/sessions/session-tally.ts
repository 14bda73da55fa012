/**
 * What became of the sessions of one `tls-sessions` block: a row of float64 cells for each worker in shared memory, as in
 * log/counters.ts, and behind the counters a histogram of how long look-ups took (memcached/latency.ts).
 *
 *     row 0: | full | resumed | ... | bucket 0 | bucket 1 | ... | padding |
 *
 * Always true: a row is written by its worker alone.
 */
import { LATENCY_BUCKETS, latencyBucket, quantileMs } from '../../memcached/latency.ts'

export const sessionCounters = [
  { name: 'full', doc: 'handshakes in which the certificate was shown' },
  { name: 'resumed', doc: 'handshakes that resumed a session' },
  { name: 'ticketsIssued', doc: 'tickets given to clients; TLS 1.3 clients get two' },
  { name: 'ticketsAccepted', doc: 'tickets of clients under the key that issues' },
  { name: 'ticketsOlder', doc: 'tickets of clients under another key that is accepted' },
  { name: 'ticketsRefused', doc: 'tickets of clients under a key that is not known, or not any more' },
  { name: 'stored', doc: 'sessions put where they are kept by their ids' },
  { name: 'notStored', doc: 'sessions that could not be put there, so that nobody resumes them' },
  { name: 'found', doc: 'sessions asked for by a client and found' },
  { name: 'missed', doc: 'sessions asked for by a client that are not there, or were used before' },
  { name: 'late', doc: 'questions for a session that were not answered within "wait"' },
  { name: 'failed', doc: 'questions for a session that were not answered at all' },
] as const

export type SessionCounterName = (typeof sessionCounters)[number]['name']

const CELL_BYTES = 8
/** 16 cells are 128 bytes: two cache lines, since x64 fetches lines in pairs. */
const ROW_PADDING_CELLS = 16
const CELLS = sessionCounters.length + LATENCY_BUCKETS
const ROW_CELLS = Math.ceil(CELLS / ROW_PADDING_CELLS) * ROW_PADDING_CELLS

const S = Object.fromEntries(sessionCounters.map(({ name }, cell) => [name, cell])) as Record<
  SessionCounterName,
  number
>

export function createSessionTally(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * ROW_CELLS * CELL_BYTES)
}

/** One worker's row; nobody else may add to it. */
export class SessionTally {
  readonly #row: Float64Array

  constructor(shared: SharedArrayBuffer, worker: number) {
    this.#row = new Float64Array(shared, worker * ROW_CELLS * CELL_BYTES, CELLS)
  }

  add(name: SessionCounterName): void {
    this.#row[S[name]]! += 1
  }

  /** A question for a session took so long, however it ended. */
  addLatency(ms: number): void {
    this.#row[sessionCounters.length + latencyBucket(ms)]! += 1
  }
}

export interface SessionCounts {
  readonly counters: Readonly<Record<SessionCounterName, number>>
  /** Of all questions for sessions; 0 before the first. */
  readonly lookupMs: { readonly p50: number; readonly p99: number }
}

/** The sums over all workers. */
export function sumSessions(shared: SharedArrayBuffer): SessionCounts {
  const cells = new Float64Array(shared)
  const sums = new Float64Array(CELLS)
  for (let row = 0; row < cells.length; row += ROW_CELLS) {
    for (let cell = 0; cell < CELLS; cell++) sums[cell]! += cells[row + cell]!
  }
  const counters = Object.fromEntries(sessionCounters.map(({ name }, cell) => [name, sums[cell]!]))
  const buckets = sums.subarray(sessionCounters.length)
  return {
    counters: counters as Record<SessionCounterName, number>,
    lookupMs: { p50: quantileMs(buckets, 0.5), p99: quantileMs(buckets, 0.99) },
  }
}
