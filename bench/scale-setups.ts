/** What the scale benches compare: how many workers, on which cores, and what runs beside each other; see scale.ts. */

/** One daemon, and the load on it from its cores. */
export interface Pair {
  readonly workers: number
  readonly cores: string
}

export const setups: readonly { readonly name: string; readonly pairs: readonly Pair[] }[] = [
  { name: '1 alone', pairs: [{ workers: 1, cores: '0' }] },
  { name: '1 of 2', pairs: [{ workers: 1, cores: '0,1' }] },
  { name: '2 of 2', pairs: [{ workers: 2, cores: '0,1' }] },
  {
    name: '2 apart',
    pairs: [
      { workers: 1, cores: '0' },
      { workers: 1, cores: '1' },
    ],
  },
]
