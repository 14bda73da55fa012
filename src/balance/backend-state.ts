/**
 * What all workers know together about the servers of one backend, in one SharedArrayBuffer of 32-bit cells:
 *
 *     cell 0        number of servers S
 *     cell 1        number of workers W
 *     cell 2        number of servers that are not healthy (the hot path reads only this one while all is well)
 *     cell 16..     S rows of health, one per server, 16 cells (one cache line) each: see `healthCells`
 *     then          W blocks of use, one per worker, rounded up to whole cache lines:
 *                     S cells of requests in flight, S cells of requests sent
 *
 * Always true:
 * - a block of use is written by its worker alone (and by `releaseWorker` once that worker is dead), so that counting a
 *   request contends with nobody; the true number in flight is the sum over the blocks;
 * - health is written by all workers; what only one of them may do (eject a server, send it a probe) is decided by a
 *   compare-and-exchange;
 * - cell 2 is counted up before a server is ejected and down after it is readmitted, so that a worker that dies between
 *   the two leaves it too high, which costs time, and never too low, which would hide an avoided server;
 * - times are the low 32 bits of wall-clock milliseconds and compared as differences, good for 24 days.
 *
 * XXX: `least-requests` reads one cell per worker and server for each selection, 0.8 microseconds for 30
 * servers and 16 workers, more when their cache lines have to come from other cores.
 */
import { assert } from '../util/assert.ts'

/** Values of the status cell. Healthy: selected as usual. Avoided: only probes are sent until one succeeds. */
export const HEALTHY = 0
export const AVOIDED = 1

const LINE_CELLS = 16
const CELL_BYTES = 4
const CELL_UNHEALTHY = 2

/** Offsets within the row of health of a server. */
const healthCells = {
  status: 0,
  /** Failures since the last success. */
  failures: 1,
  /** When an avoided server may be probed (again). */
  until: 2,
  /** All failures ever; wraps at 2^32, as do the ejections and the requests sent. */
  failed: 3,
  ejections: 4,
} as const

/** Longest wait for a probe (12 days) that a 32-bit difference surely tells from one that is over. */
export const LONGEST_WAIT_MS = 2 ** 30

/** State in which all is well, for a backend of `servers` servers, used by `workers` workers. */
export function createBackendState(servers: number, workers: number): SharedArrayBuffer {
  const cells = LINE_CELLS + servers * LINE_CELLS + workers * blockCells(servers)
  const state = new SharedArrayBuffer(cells * CELL_BYTES)
  const header = new Int32Array(state)
  header[0] = servers
  header[1] = workers
  return state
}

/** Forgets the requests in flight of a worker that died; call it before its successor starts. */
export function releaseWorker(state: SharedArrayBuffer, worker: number): void {
  const view = new BackendState(state)
  assert(worker >= 0 && worker < view.workers, `worker ${worker} has a block in the backend state`)
  for (let server = 0; server < view.servers; server++) view.clearInFlight(worker, server)
}

function blockCells(servers: number): number {
  return Math.ceil((2 * servers) / LINE_CELLS) * LINE_CELLS
}

/** A view of the state; any number of them may exist in any thread. Server indexes are 0-based, as in the Plan. */
export class BackendState {
  readonly servers: number
  readonly workers: number
  readonly #cells: Int32Array
  readonly #blockCells: number

  constructor(state: SharedArrayBuffer) {
    this.#cells = new Int32Array(state)
    this.servers = this.#cells[0]!
    this.workers = this.#cells[1]!
    this.#blockCells = blockCells(this.servers)
  }

  /** False as long as no server needs a second look. */
  hasUnhealthy(): boolean {
    return Atomics.load(this.#cells, CELL_UNHEALTHY) > 0
  }

  status(server: number): number {
    return Atomics.load(this.#cells, healthCell(server, healthCells.status))
  }

  failures(server: number): number {
    return Atomics.load(this.#cells, healthCell(server, healthCells.failures))
  }

  failedTotal(server: number): number {
    return Atomics.load(this.#cells, healthCell(server, healthCells.failed)) >>> 0
  }

  ejections(server: number): number {
    return Atomics.load(this.#cells, healthCell(server, healthCells.ejections)) >>> 0
  }

  /**
   * Milliseconds until an avoided server may be probed; 0 or less: now. A wait longer than `longestMs`, the longest that
   * is ever set, means that the wall clock was set back, and counts as over.
   */
  waitMs(server: number, nowMs: number, longestMs: number): number {
    return waitUntil(Atomics.load(this.#cells, healthCell(server, healthCells.until)), nowMs, longestMs)
  }

  /** Counts one more failure in a row and returns how many there are. */
  addFailure(server: number): number {
    Atomics.add(this.#cells, healthCell(server, healthCells.failed), 1)
    return Atomics.add(this.#cells, healthCell(server, healthCells.failures), 1) + 1
  }

  clearFailures(server: number): void {
    Atomics.store(this.#cells, healthCell(server, healthCells.failures), 0)
  }

  /** Makes a healthy server an avoided one; true for the one caller of several whose doing it was. */
  eject(server: number): boolean {
    Atomics.add(this.#cells, CELL_UNHEALTHY, 1)
    if (this.#exchangeStatus(server, HEALTHY, AVOIDED)) {
      Atomics.add(this.#cells, healthCell(server, healthCells.ejections), 1)
      return true
    }
    Atomics.sub(this.#cells, CELL_UNHEALTHY, 1)
    return false
  }

  /** Makes an avoided server a healthy one; true for the one caller of several whose doing it was. */
  readmit(server: number): boolean {
    if (!this.#exchangeStatus(server, AVOIDED, HEALTHY)) return false
    Atomics.sub(this.#cells, CELL_UNHEALTHY, 1)
    return true
  }

  setUntil(server: number, untilMs: number): void {
    Atomics.store(this.#cells, healthCell(server, healthCells.until), untilMs | 0)
  }

  /**
   * Gives the right to probe to one caller: true for exactly one of all that ask once the wait is over, which begins
   * anew with that, so that a probe nobody hears of again (its worker died) is followed by another.
   */
  claimProbe(server: number, nowMs: number, longestMs: number): boolean {
    const cell = healthCell(server, healthCells.until)
    const until = Atomics.load(this.#cells, cell)
    if (waitUntil(until, nowMs, longestMs) > 0) return false
    return Atomics.compareExchange(this.#cells, cell, until, (nowMs + longestMs) | 0) === until
  }

  /**
   * Requests in flight to the server, from all workers. Plain loads do here: an aligned cell is read whole, each cell has
   * one writer, and the sum orders nothing else; Atomics.load, 10 ns a cell, would cost a microsecond for 10 servers and
   * 10 workers.
   */
  inFlight(server: number): number {
    const step = this.#blockCells
    let cell = this.#useCell(0, server)
    let sum = 0
    for (let worker = 0; worker < this.workers; worker++) {
      sum += this.#cells[cell]!
      cell += step
    }
    return sum
  }

  /** Requests sent to the server since the state was made, from all workers. */
  sent(server: number): number {
    let sum = 0
    for (let worker = 0; worker < this.workers; worker++) {
      sum += Atomics.load(this.#cells, this.#useCell(worker, server) + this.servers) >>> 0
    }
    return sum
  }

  startRequest(worker: number, server: number): void {
    const cell = this.#useCell(worker, server)
    Atomics.add(this.#cells, cell, 1)
    Atomics.add(this.#cells, cell + this.servers, 1)
  }

  endRequest(worker: number, server: number): void {
    Atomics.sub(this.#cells, this.#useCell(worker, server), 1)
  }

  clearInFlight(worker: number, server: number): void {
    Atomics.store(this.#cells, this.#useCell(worker, server), 0)
  }

  /** Takes over the health, not the use, of a server of another state. Nobody may be using this state yet. */
  copyHealth(server: number, other: BackendState, otherServer: number): void {
    const from = healthCell(otherServer, 0)
    this.#cells.set(other.#cells.subarray(from, from + LINE_CELLS), healthCell(server, 0))
    if (this.status(server) !== HEALTHY) Atomics.add(this.#cells, CELL_UNHEALTHY, 1)
  }

  #exchangeStatus(server: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#cells, healthCell(server, healthCells.status), from, to) === from
  }

  #useCell(worker: number, server: number): number {
    return LINE_CELLS + this.servers * LINE_CELLS + worker * this.#blockCells + server
  }
}

function waitUntil(until: number, nowMs: number, longestMs: number): number {
  const wait = (until - nowMs) | 0
  return wait > longestMs ? 0 : wait
}

function healthCell(server: number, offset: number): number {
  return LINE_CELLS + server * LINE_CELLS + offset
}
