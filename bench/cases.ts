/** What is measured: which object, how often at a time, and whether from the cache or through it. */

export interface Case {
  readonly name: string
  readonly title: string
  readonly kind: 'hit' | 'pass'
  readonly bodyBytes: number
  /** Client connections of wrk, all kept open. */
  readonly connections: number
}

export const cases: readonly Case[] = [
  { name: 'hit-1k', title: 'hit 1 KB, 64 connections', kind: 'hit', bodyBytes: 1024, connections: 64 },
  { name: 'hit-1k-1000', title: 'hit 1 KB, 1,000 connections', kind: 'hit', bodyBytes: 1024, connections: 1000 },
  { name: 'hit-10k', title: 'hit 10 KB', kind: 'hit', bodyBytes: 10_240, connections: 64 },
  { name: 'hit-100k', title: 'hit 100 KB', kind: 'hit', bodyBytes: 102_400, connections: 64 },
  { name: 'pass-1k', title: 'pass 1 KB', kind: 'pass', bodyBytes: 1024, connections: 64 },
  { name: 'pass-100k', title: 'pass 100 KB', kind: 'pass', bodyBytes: 102_400, connections: 64 },
]

/** Path of a case's object, at the origin and through every server: `/hit/1024`, `/pass/102400`. */
export function pathOf({ kind, bodyBytes }: Pick<Case, 'kind' | 'bodyBytes'>): string {
  return `/${kind}/${bodyBytes}`
}
