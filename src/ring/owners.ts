/** What every distribution makes of the live servers of a pool. */

export interface LiveServer {
  /** Index in the plan. */
  readonly server: number
  readonly label: string
  readonly weight: number
}

export interface Owners {
  /** Which server has a key with this hash (int32 or unsigned: only the bits count). Allocates nothing. */
  ownerOf(hash: number): number
  /** Adds to shares[server] the part of all hashes that each live server owns; what is added sums to 1. */
  addShares(shares: number[]): void
  /** Entries of the table that is searched. */
  readonly size: number
}

/** Builds the owners from the live servers, at least one, in the order of their labels. */
export type BuildOwners = (live: readonly LiveServer[]) => Owners

/** Adds to each server its weight's part of all weights. */
export function addWeightShares(live: readonly LiveServer[], shares: number[]): void {
  const total = live.reduce((sum, { weight }) => sum + weight, 0)
  for (const { server, weight } of live) shares[server] = shares[server]! + weight / total
}
