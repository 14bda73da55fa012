/**
 * What the workers count of one memcached-proxy, in one SharedArrayBuffer that the main thread makes and that outlives reloads:
 *
 *     W rows   | tallies | one cell per command | one histogram (memcached/latency.ts) per command | padding |
 *
 * Always true: a row is written by its worker alone (and by `releaseProxyWorker` once that is dead), with plain stores; a
 * replacement goes on in the row, so sums never fall. What is counted of servers lies in the state of their pool.
 */
import { LATENCY_BUCKETS } from '../memcached/latency.ts'
import { commandNames } from './commands.ts'

/** Offsets within a row: what twemproxy counts of a pool's clients, in its words, and what it does not (G: a gauge). */
export const Tally = {
  /** Client connections ended by the client, or by quit. */
  clientEof: 0,
  /** Ended by an error, or by a request after which nothing could be read. */
  clientErr: 1,
  /** G. */
  clientConnections: 2,
  /** Requests answered with an error for want of a server. */
  forwardError: 3,
  /** Keys of multi-gets. */
  fragments: 4,
  /** Client connections accepted. */
  accepted: 5,
  /** Client connections closed at once, because they were too many or by an access rule. */
  turnedAway: 6,
  /** Requests answered with an error of ours because they were malformed or unknown. */
  refused: 7,
  bytesIn: 8,
  bytesOut: 9,
  /** Gets answered by the failover pool. */
  failedOver: 10,
  /** Requests answered by the replica because the pool failed. */
  byReplica: 11,
  /** Values copied from the old pool. */
  warmed: 12,
  /** G. Listening sockets. */
  listening: 13,
} as const

const TALLY_CELLS = 16
const COMMAND_CELLS = 32
const CELL_BYTES = 8
/** 16 cells are two cache lines, so that two workers never write one. */
const ROW_CELLS = Math.ceil((TALLY_CELLS + COMMAND_CELLS + COMMAND_CELLS * LATENCY_BUCKETS) / 16) * 16

/** State of a proxy in which nothing has happened yet. */
export function createProxyState(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * ROW_CELLS * CELL_BYTES)
}

/** Takes back what a dead worker had open; call it before its successor starts. */
export function releaseProxyWorker(state: SharedArrayBuffer, worker: number): void {
  const { tallies } = proxyRow(state, worker)
  tallies[Tally.clientConnections] = 0
  tallies[Tally.listening] = 0
}

/** The cells of one worker. */
export interface ProxyRow {
  /** By Tally. */
  readonly tallies: Float64Array
  /** By Command. */
  readonly commands: Float64Array
  /** Command by command, LATENCY_BUCKETS cells each. */
  readonly latencies: Float64Array
}

export function proxyRow(state: SharedArrayBuffer, worker: number): ProxyRow {
  const cells = (at: number, length: number): Float64Array =>
    new Float64Array(state, (worker * ROW_CELLS + at) * CELL_BYTES, length)
  return {
    tallies: cells(0, TALLY_CELLS),
    commands: cells(TALLY_CELLS, COMMAND_CELLS),
    latencies: cells(TALLY_CELLS + COMMAND_CELLS, COMMAND_CELLS * LATENCY_BUCKETS),
  }
}

export type TallyName = keyof typeof Tally

/** The sums over all workers, as plain data. */
export interface ProxyCounts {
  readonly tallies: Readonly<Record<TallyName, number>>
  /** Requests by the name of their command; those that were refused count too. */
  readonly commands: Readonly<Record<string, number>>
}
export interface ProxyUse extends ProxyCounts {
  /** By the name of a command: how often each bucket of memcached/latency.ts was met, from reading to knowing the answer. */
  readonly latencies: Readonly<Record<string, Float64Array>>
}

/** What all workers counted of one proxy. Cheap enough for clients to ask as often as they like. */
export function readProxyCounts(state: SharedArrayBuffer): ProxyCounts {
  const all = new Float64Array(state)
  return {
    tallies: Object.fromEntries(Object.entries(Tally).map(([name, cell]) => [name, sum(all, cell)])) as Record<
      TallyName,
      number
    >,
    commands: Object.fromEntries(commandNames.map((name, command) => [name, sum(all, TALLY_CELLS + command)])),
  }
}

/** The same, with how long it took. */
export function readProxyUse(state: SharedArrayBuffer): ProxyUse {
  const all = new Float64Array(state)
  const histogram = (command: number): Float64Array => {
    const first = TALLY_CELLS + COMMAND_CELLS + command * LATENCY_BUCKETS
    return Float64Array.from({ length: LATENCY_BUCKETS }, (_, bucket) => sum(all, first + bucket))
  }
  return {
    ...readProxyCounts(state),
    latencies: Object.fromEntries(commandNames.map((name, command) => [name, histogram(command)])),
  }
}

/** Of the cell in all rows. */
function sum(all: Float64Array, cell: number): number {
  let total = 0
  for (let at = cell; at < all.length; at += ROW_CELLS) total += all[at]!
  return total
}
