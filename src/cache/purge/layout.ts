/**
 * What the shared memory of one cache's purge log looks like, and how much of it a cache of a given size gets: about a
 * 64th, part of the size the operator gave.
 *
 *     cells       lock, sequence, epoch, counts                       CONTROL_CELLS Int32
 *     numbers     floors and the like, two cells each (numbers.ts)    NUMBER_CELLS Int32
 *     rows        fetches running, one cache line per worker          ROW_CELLS Int32 per worker
 *     labels      hash and two numbers per entry (label-table.ts)     LABEL_CELLS Int32 per entry
 *     fleet       what the fleet's purge numbers mean here            FLEET_CELLS, FLEET_ROW_CELLS and OWN_CELLS Int32
 *                 (fleet-rows.ts, fleet-own.ts)
 *     bans        number, kind and pattern per entry (ban-list.ts)    BAN_CELLS Int32 and MAX_PATTERN_BYTES per entry
 */

/** Int32 cells. The first two are where SharedLock wants them; the sequence, read on every hit, has its cache line alone. */
export const PurgeCell = {
  lock: 0,
  lockWaiters: 1,
  /** Low half of the number of the last purge: what hits compare. */
  sequence: 16,
  /** Grows when a sweep begins; see fetch-epochs.ts. */
  epoch: 32,
  /** Label entries in use, about. */
  labels: 33,
  /** Bans in use, about. */
  bans: 34,
  /** How often an entry had to make room and its purge became one of everything older. */
  folds: 35,
  sweeps: 36,
} as const
const CONTROL_CELLS = 48

/** Indices into the numbers. */
export const PurgeNumber = {
  /** Of the last purge. */
  last: 0,
  /** Objects whose fetch began before this one are stale. */
  softFloor: 1,
  /** Objects whose fetch began before this one are gone. */
  hardFloor: 2,
  /** Purges up to this one have been applied to every object: their entries are free. */
  swept: 3,
  /** Swept purges up to this one may have given their entries away: objects of a shared tier from before it cannot be judged. */
  forgotten: 4,
} as const
const NUMBER_CELLS = 16

export const ROW_CELLS = 16
/** Hash low, hash high, soft number, hard number. */
export const LABEL_CELLS = 6
/** Version, kind, length, spare, number. */
export const BAN_CELLS = 8
export const MAX_PATTERN_BYTES = 1024
/** Version, number of rows, and the last number of the fleet that is known here. */
export const FLEET_CELLS = 8
/** A number of the fleet, and ours. */
export const FLEET_ROW_CELLS = 4
/** Per worker, and behind them for the main thread: purges that have no number of the fleet yet, spare, number. */
export const OWN_CELLS = 4

/** Where an object's numbers say which purge was the last when its fetch began. */
export const PURGE_CELL = 11

const SHARE = 64
const [LEAST_LABELS, MOST_LABELS] = [256, 131_072]
const [LEAST_BANS, MOST_BANS] = [8, 256]
const [LEAST_FLEET_ROWS, MOST_FLEET_ROWS] = [64, 1024]
const BYTES_PER_FLEET_ROW = 64 * 1024

export interface PurgeLayout {
  readonly labelEntries: number
  readonly banEntries: number
  readonly fleetRows: number
  /** Offsets in cells. */
  readonly numbersAt: number
  readonly rowsAt: number
  readonly labelsAt: number
  readonly fleetAt: number
  readonly ownAt: number
  readonly bansAt: number
  /** Offset in bytes. */
  readonly patternsAt: number
  readonly bytes: number
}

/** The same for the same arguments, so that every thread can work it out. */
export function purgeLayout(cacheBytes: number, workers: number): PurgeLayout {
  const half = cacheBytes / SHARE / 2
  const labelEntries = powerOfTwoUpTo(clamp(half / (LABEL_CELLS * 4), LEAST_LABELS, MOST_LABELS))
  const banEntries = Math.floor(clamp(half / (BAN_CELLS * 4 + MAX_PATTERN_BYTES), LEAST_BANS, MOST_BANS))
  const numbersAt = CONTROL_CELLS
  const rowsAt = numbersAt + NUMBER_CELLS
  const labelsAt = rowsAt + workers * ROW_CELLS
  const fleetRows = Math.floor(clamp(cacheBytes / BYTES_PER_FLEET_ROW, LEAST_FLEET_ROWS, MOST_FLEET_ROWS))
  const fleetAt = labelsAt + labelEntries * LABEL_CELLS
  const ownAt = fleetAt + FLEET_CELLS + fleetRows * FLEET_ROW_CELLS
  const bansAt = ownAt + (workers + 1) * OWN_CELLS
  const patternsAt = (bansAt + banEntries * BAN_CELLS) * 4
  const bytes = patternsAt + banEntries * MAX_PATTERN_BYTES
  return {
    labelEntries,
    banEntries,
    fleetRows,
    numbersAt,
    rowsAt,
    labelsAt,
    fleetAt,
    ownAt,
    bansAt,
    patternsAt,
    bytes,
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value))
}

function powerOfTwoUpTo(most: number): number {
  let size = 1
  while (size * 2 <= most) size *= 2
  return size
}
