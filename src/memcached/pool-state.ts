/**
 * What all threads know together about the servers of one memcached pool, in one SharedArrayBuffer that the main thread makes:
 *
 *     header      8 cells of 8 bytes; its first int32 cells: servers S, workers W, changes
 *     S rows      health, one per server, 8 cells (one cache line): see `healthInts` (int32) and `healthLongs` (int64)
 *     W+1 blocks  of use, one per thread, the main thread's first:
 *                   S rows of counters and latencies (float64), then one row of commands
 *
 * Always true:
 * - a block of use is written by its thread alone (and by `releaseWorker` once that thread is dead), with plain stores: an
 *   aligned cell is read whole, and a reader that sums blocks needs no order between them;
 * - health is written by all threads; what only one of them may do (eject a server, send it a probe, look whether another
 *   node took it back) is decided by a compare-and-exchange;
 * - `changes` is counted up after everything that makes another set of servers live, so whoever sees the new number sees
 *   the new set, and one look at it says whether the ring is still right.
 */
import type { MemcachedPlan } from '../plan/memcached-plan.ts'
import { assert } from '../util/assert.ts'
import { LATENCY_BUCKETS } from './latency.ts'
import { serverIdentity } from './pool-server.ts'

/** Thread number of the main thread. */
export const MAIN_THREAD = -1

const CELL_BYTES = 8
const HEADER_CELLS = 8
const HEALTH_CELLS = 8
const INTS_PER_CELL = 2
const INT_SERVERS = 0
const INT_WORKERS = 1
const INT_CHANGES = 2

/** Offsets, in int32, within the row of health of a server. */
const healthInts = {
  /** Failures since the last success. */
  failures: 0,
  isEjected: 1,
  isDrained: 2,
  ejections: 3,
  /** A value of Age. */
  age: 4,
  /** When somebody last looked whether the server had been taken back elsewhere: seconds since 1970. */
  lookedAtSec: 5,
} as const
/** Offsets, in int64, within the row of health of a server. */
const healthLongs = {
  /** Wall clock, milliseconds: when an ejected server may be probed. */
  ejectedUntilMs: 3,
  /** Wall clock, microseconds: the last ejection; 0: never. */
  ejectedAtUs: 4,
  /** Wall clock, milliseconds: what the server holds from before was perhaps changed elsewhere; 0: it was never out. */
  returnedAtMs: 5,
  /** Of the machine's monotonic clock, nanoseconds: the last failure that was counted. */
  failedAtNs: 6,
} as const

/** What is known of a server's version. */
export const Age = {
  unknown: 0,
  /** It knows the classic commands. */
  old: 1,
  /** It knows the meta commands as they are today: 1.6.10 and newer. */
  modern: 2,
} as const

/** Offsets within a row of counters: what twemproxy counts of a server, in its words (G: a gauge). */
export const Use = {
  serverEof: 0,
  serverErr: 1,
  serverTimedOut: 2,
  /** G. */
  serverConnections: 3,
  requests: 4,
  requestBytes: 5,
  responses: 6,
  responseBytes: 7,
  /** G. Queued and not yet written. */
  inQueue: 8,
  /** G. */
  inQueueBytes: 9,
  /** G. Written and not yet answered. */
  outQueue: 10,
  /** G. */
  outQueueBytes: 11,
} as const
const gauges: readonly number[] = [
  Use.serverConnections,
  Use.inQueue,
  Use.inQueueBytes,
  Use.outQueue,
  Use.outQueueBytes,
]
const USE_CELLS = 16
const SERVER_CELLS = USE_CELLS + LATENCY_BUCKETS

/** Commands that are counted, by the index of their cell. */
export const commandNames = [
  'get',
  'gets',
  'gat',
  'gats',
  'set',
  'add',
  'replace',
  'append',
  'prepend',
  'cas',
  'delete',
  'incr',
  'decr',
  'touch',
  'mg',
  'ms',
  'md',
  'ma',
  'me',
  'mn',
  'version',
  'stats',
  'flush_all',
  'quit',
] as const
export type CommandName = (typeof commandNames)[number]
const COMMAND_CELLS = 24

/** The counters of one server, summed over all threads. */
export interface ServerUse {
  readonly serverEof: number
  readonly serverErr: number
  readonly serverTimedOut: number
  readonly serverConnections: number
  readonly requests: number
  readonly requestBytes: number
  readonly responses: number
  readonly responseBytes: number
  readonly inQueue: number
  readonly inQueueBytes: number
  readonly outQueue: number
  readonly outQueueBytes: number
}

/** State in which nothing has happened yet. `workers`: how many threads beside the main thread will use it. */
export function createPoolState(plan: MemcachedPlan, workers: number): SharedArrayBuffer {
  const servers = plan.servers.length
  const cells = HEADER_CELLS + servers * HEALTH_CELLS + (workers + 1) * blockCells(servers)
  const state = new SharedArrayBuffer(cells * CELL_BYTES)
  const header = new Int32Array(state)
  header[INT_SERVERS] = servers
  header[INT_WORKERS] = workers
  return state
}

/**
 * The state for a pool after a reload. It is `oldState` itself when the servers are the same in the same order (and the
 * workers as many): timeouts, hashes and weights are not in it. Else it is a new one, into which each server that was there
 * before brings its health and its counters; requests in flight stay counted in the old state.
 */
export function keepPoolState(
  oldPlan: MemcachedPlan,
  oldState: SharedArrayBuffer,
  newPlan: MemcachedPlan,
  workers: number,
): SharedArrayBuffer {
  const known = oldPlan.servers.map(serverIdentity)
  const wanted = newPlan.servers.map(serverIdentity)
  const old = new PoolState(oldState)
  const isSame = known.length === wanted.length && known.every((identity, i) => identity === wanted[i])
  if (isSame && old.workers === workers) return oldState

  const state = createPoolState(newPlan, workers)
  const view = new PoolState(state)
  for (const [server, identity] of wanted.entries()) {
    const before = known.indexOf(identity)
    if (before !== -1) view.copyServer(server, old, before)
  }
  view.copyCommands(old)
  return state
}

/** Takes back what a dead worker had open and in flight; call it before its successor starts. */
export function releaseWorker(state: SharedArrayBuffer, worker: number): void {
  const view = new PoolState(state)
  assert(worker >= 0 && worker < view.workers, `worker ${worker} has a block in the state of the pool`)
  for (let server = 0; server < view.servers; server++) {
    const use = view.useOf(worker, server)
    for (const gauge of gauges) use[gauge] = 0
  }
}

function blockCells(servers: number): number {
  return servers * SERVER_CELLS + COMMAND_CELLS
}

/** A view of the state; any number of them may exist in any thread. Servers are numbers: indexes in the plan. */
export class PoolState {
  readonly servers: number
  readonly workers: number
  readonly #buffer: SharedArrayBuffer
  readonly #ints: Int32Array
  readonly #longs: BigInt64Array

  constructor(state: SharedArrayBuffer) {
    this.#buffer = state
    this.#ints = new Int32Array(state)
    this.#longs = new BigInt64Array(state)
    this.servers = this.#ints[INT_SERVERS]!
    this.workers = this.#ints[INT_WORKERS]!
  }

  /**
   * Another number whenever other servers are live. A plain load: this is asked for every key, an Atomics.load costs as much
   * as the rest of the question, and a turn of the event loop later the new number is seen in any case.
   */
  get changes(): number {
    return this.#ints[INT_CHANGES]!
  }

  /** Keys are given to it. */
  isLive(server: number): boolean {
    return !this.isEjected(server) && !this.isDrained(server)
  }

  isEjected(server: number): boolean {
    return this.#int(server, healthInts.isEjected) !== 0
  }

  isDrained(server: number): boolean {
    return this.#int(server, healthInts.isDrained) !== 0
  }

  failures(server: number): number {
    return this.#int(server, healthInts.failures)
  }

  ejections(server: number): number {
    return this.#int(server, healthInts.ejections) >>> 0
  }

  /** Wall clock, milliseconds; without meaning unless it is ejected. */
  ejectedUntilMs(server: number): number {
    return this.#long(server, healthLongs.ejectedUntilMs)
  }

  /** Wall clock, microseconds; 0: never ejected. */
  ejectedAtUs(server: number): number {
    return this.#long(server, healthLongs.ejectedAtUs)
  }

  /** Wall clock, milliseconds; 0: it was never out, as far as anybody knows. */
  returnedAtMs(server: number): number {
    return this.#long(server, healthLongs.returnedAtMs)
  }

  /** A value of Age. A plain load, as this is asked for every request. */
  age(server: number): number {
    return this.#ints[intCell(server, healthInts.age)]!
  }

  setAge(server: number, age: number): void {
    Atomics.store(this.#ints, intCell(server, healthInts.age), age)
  }

  /**
   * Counts one more failure in a row and returns how many there are, 0 when this one says nothing new: the connection began,
   * at `begunNs` of the machine's monotonic clock, before the last failure that was counted. So a server that goes away is
   * counted once, however many connections to it the threads have.
   */
  addFailure(server: number, begunNs: bigint, nowNs: bigint): number {
    const cell = longCell(server, healthLongs.failedAtNs)
    const last = Atomics.load(this.#longs, cell)
    if (begunNs <= last) return 0
    if (Atomics.compareExchange(this.#longs, cell, last, nowNs) !== last) return 0 // another thread's counts for both
    return Atomics.add(this.#ints, intCell(server, healthInts.failures), 1) + 1
  }

  clearFailures(server: number): void {
    Atomics.store(this.#ints, intCell(server, healthInts.failures), 0)
  }

  /** Takes the server out until it is probed; true for the one caller of several whose doing it was. */
  eject(server: number, nowMs: number, forMs: number): boolean {
    // First the time, so that nobody probes at once.
    Atomics.store(this.#longs, longCell(server, healthLongs.ejectedUntilMs), BigInt(Math.floor(nowMs + forMs)))
    if (Atomics.compareExchange(this.#ints, intCell(server, healthInts.isEjected), 0, 1) !== 0) return false
    this.clearFailures(server)
    Atomics.store(this.#longs, longCell(server, healthLongs.ejectedAtUs), BigInt(Math.floor(nowMs * 1000)))
    Atomics.add(this.#ints, intCell(server, healthInts.ejections), 1)
    this.#change()
    return true
  }

  /**
   * Gives the right to probe to one caller: true for exactly one of all that ask once the time is over, which begins anew
   * with that, so that a probe nobody hears of again (its thread died) is followed by another.
   */
  claimProbe(server: number, nowMs: number, forMs: number): boolean {
    if (!this.isEjected(server)) return false
    const cell = longCell(server, healthLongs.ejectedUntilMs)
    const until = Atomics.load(this.#longs, cell)
    // A wait longer than `forMs` means that the wall clock was set back: it counts as over.
    const waitMs = Number(until) - nowMs
    if (waitMs > 0 && waitMs <= forMs) return false
    return Atomics.compareExchange(this.#longs, cell, until, BigInt(Math.floor(nowMs + forMs))) === until
  }

  /** Takes an ejected server back, as of `nowMs`; true for the one caller of several whose doing it was. */
  readmit(server: number, nowMs: number): boolean {
    this.noteReturn(server, nowMs)
    this.clearFailures(server)
    if (Atomics.compareExchange(this.#ints, intCell(server, healthInts.isEjected), 1, 0) !== 1) return false
    this.#change()
    return true
  }

  /** Somebody took the server back at `atMs`, wall clock; the latest time counts. */
  noteReturn(server: number, atMs: number): void {
    const cell = longCell(server, healthLongs.returnedAtMs)
    const at = BigInt(Math.floor(atMs))
    for (let last = Atomics.load(this.#longs, cell); last < at; last = Atomics.load(this.#longs, cell)) {
      if (Atomics.compareExchange(this.#longs, cell, last, at) !== last) continue
      this.#change()
      return
    }
  }

  /** Routes around a server, or no longer; true when that is new. */
  setDrained(server: number, isDrained: boolean): boolean {
    const now = isDrained ? 1 : 0
    if (Atomics.exchange(this.#ints, intCell(server, healthInts.isDrained), now) === now) return false
    this.#change()
    return true
  }

  /** Gives the right to look at the server's note to one caller for each second. */
  claimLook(server: number, nowSec: number): boolean {
    const cell = intCell(server, healthInts.lookedAtSec)
    const last = Atomics.load(this.#ints, cell)
    return last !== nowSec && Atomics.compareExchange(this.#ints, cell, last, nowSec) === last
  }

  /** The cells of one thread and server, to be written by that thread: counters by Use, latencies behind them. */
  useOf(worker: number, server: number): Float64Array {
    return new Float64Array(this.#buffer, this.#serverByte(worker, server), USE_CELLS)
  }

  /** How often each bucket of `latency.ts` was met, by one thread. */
  latenciesOf(worker: number, server: number): Float64Array {
    return new Float64Array(this.#buffer, this.#serverByte(worker, server) + USE_CELLS * CELL_BYTES, LATENCY_BUCKETS)
  }

  /** How often each of `commandNames` was met, by one thread. */
  commandsOf(worker: number): Float64Array {
    return new Float64Array(this.#buffer, this.#serverByte(worker, this.servers), COMMAND_CELLS)
  }

  /** The counters of a server, of all threads together. */
  use(server: number): ServerUse {
    const sum = this.#sum(USE_CELLS, (worker) => this.useOf(worker, server))
    return {
      serverEof: sum[Use.serverEof]!,
      serverErr: sum[Use.serverErr]!,
      serverTimedOut: sum[Use.serverTimedOut]!,
      serverConnections: sum[Use.serverConnections]!,
      requests: sum[Use.requests]!,
      requestBytes: sum[Use.requestBytes]!,
      responses: sum[Use.responses]!,
      responseBytes: sum[Use.responseBytes]!,
      inQueue: sum[Use.inQueue]!,
      inQueueBytes: sum[Use.inQueueBytes]!,
      outQueue: sum[Use.outQueue]!,
      outQueueBytes: sum[Use.outQueueBytes]!,
    }
  }

  /** How often each bucket of `latency.ts` was met, by all threads. */
  latencies(server: number): Float64Array {
    return this.#sum(LATENCY_BUCKETS, (worker) => this.latenciesOf(worker, server))
  }

  /** How often each command was met, by all threads. */
  commands(): Record<CommandName, number> {
    const sum = this.#sum(COMMAND_CELLS, (worker) => this.commandsOf(worker))
    return Object.fromEntries(commandNames.map((name, i) => [name, sum[i]!])) as Record<CommandName, number>
  }

  /** Takes over health and counters of a server of another state. Nobody may be using this state yet. */
  copyServer(server: number, other: PoolState, otherServer: number): void {
    const from = HEADER_CELLS + otherServer * HEALTH_CELLS
    this.#longs.set(other.#longs.subarray(from, from + HEALTH_CELLS), HEADER_CELLS + server * HEALTH_CELLS)
    const use = other.#sum(USE_CELLS, (worker) => other.useOf(worker, otherServer))
    for (const gauge of gauges) use[gauge] = 0
    this.useOf(MAIN_THREAD, server).set(use)
    this.latenciesOf(MAIN_THREAD, server).set(other.latencies(otherServer))
  }

  copyCommands(other: PoolState): void {
    this.commandsOf(MAIN_THREAD).set(other.#sum(COMMAND_CELLS, (worker) => other.commandsOf(worker)))
  }

  #sum(cells: number, rowOf: (worker: number) => Float64Array): Float64Array {
    const sum = new Float64Array(cells)
    for (let worker = MAIN_THREAD; worker < this.workers; worker++) {
      const row = rowOf(worker)
      for (let i = 0; i < cells; i++) sum[i]! += row[i]!
    }
    return sum
  }

  #change(): void {
    Atomics.add(this.#ints, INT_CHANGES, 1)
  }

  #int(server: number, offset: number): number {
    return Atomics.load(this.#ints, intCell(server, offset))
  }

  #long(server: number, offset: number): number {
    return Number(Atomics.load(this.#longs, longCell(server, offset)))
  }

  #serverByte(worker: number, server: number): number {
    const block = HEADER_CELLS + this.servers * HEALTH_CELLS + (worker + 1) * blockCells(this.servers)
    return (block + server * SERVER_CELLS) * CELL_BYTES
  }
}

function intCell(server: number, offset: number): number {
  return (HEADER_CELLS + server * HEALTH_CELLS) * INTS_PER_CELL + offset
}

function longCell(server: number, offset: number): number {
  return HEADER_CELLS + server * HEALTH_CELLS + offset
}
