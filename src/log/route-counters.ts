/**
 * What is counted for each route: one SharedArrayBuffer per route with one row of float64 cells per worker, so that a
 * reload keeps a route's counts by keeping its buffer, wherever the route then stands in the table.
 *
 *     row of worker 0: | hits | stale | ... | upgrades | errors | padding |
 *     row of worker 1: | hits | stale | ... | upgrades | errors | padding |
 *
 * Always true: a row is written by its worker alone. Every answer adds to one of the first eight cells, so a hit costs one
 * addition and the number of requests is their sum.
 */

export interface RouteCounts {
  readonly requests: number
  readonly hits: number
  readonly stale: number
  readonly misses: number
  readonly revalidated: number
  readonly collapsed: number
  readonly passes: number
  readonly synthetic: number
  readonly upgrades: number
  /** Answers with status 500 to 599, each of which is one of the above too. */
  readonly errors: number
}

/** The cell of each count in a row. */
export const RouteCell = {
  hits: 0,
  stale: 1,
  misses: 2,
  revalidated: 3,
  collapsed: 4,
  passes: 5,
  synthetic: 6,
  upgrades: 7,
  errors: 8,
} as const

const CELLS = 9
/** Two cache lines, since x64 fetches lines in pairs. */
const ROW_CELLS = 16
const ROW_BYTES = ROW_CELLS * 8

/** The cells of one route, all zero. */
export function createRouteCounters(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * ROW_BYTES)
}

/** One worker's row: CELLS numbers that nobody else may write. */
export function routeRow(shared: SharedArrayBuffer, worker: number): Float64Array {
  return new Float64Array(shared, worker * ROW_BYTES, CELLS)
}

/** Cells of no worker: sums to begin with, or the row of a route that is asked without being served. */
export function noCounts(): Float64Array {
  return new Float64Array(CELLS)
}

/** The cells summed over all workers. */
export function sumRows(shared: SharedArrayBuffer): Float64Array {
  const sums = noCounts()
  for (let at = 0; at < shared.byteLength; at += ROW_BYTES) addCells(sums, new Float64Array(shared, at, CELLS))
  return sums
}

/** Adds `more` to `sums`, cell by cell. */
export function addCells(sums: Float64Array, more: Float64Array): void {
  for (let cell = 0; cell < CELLS; cell++) sums[cell]! += more[cell]!
}

/** Cells by name. */
export function countsOf(cells: Float64Array): RouteCounts {
  const at = (cell: number): number => cells[cell]!
  let requests = 0
  for (let cell = 0; cell < RouteCell.errors; cell++) requests += at(cell)
  return {
    requests,
    hits: at(RouteCell.hits),
    stale: at(RouteCell.stale),
    misses: at(RouteCell.misses),
    revalidated: at(RouteCell.revalidated),
    collapsed: at(RouteCell.collapsed),
    passes: at(RouteCell.passes),
    synthetic: at(RouteCell.synthetic),
    upgrades: at(RouteCell.upgrades),
    errors: at(RouteCell.errors),
  }
}

/**
 * 0 to 1: the share of what the cache was asked for, or could have been, that it answered by itself; undefined before the
 * first request.
 */
export function hitRatio({ requests, hits, stale, synthetic, upgrades }: RouteCounts): number | undefined {
  const asked = requests - synthetic - upgrades
  return asked === 0 ? undefined : (hits + stale) / asked
}
